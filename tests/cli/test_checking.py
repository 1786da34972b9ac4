from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from probe_runs import PROBED, PROBES

from maskrec.cli.app import run_app

ROOT = Path(__file__).parents[2]
MISTAKES = PROBES.with_name("mistakes.py")


class Answer(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


Cli = Callable[..., Answer]


@pytest.fixture
def maskrec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process, in ``tmp_path``: torch is imported once for all tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("MASKREC_DATA", "MASKREC_PLUGINS", "MASKREC_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run_app(list(words))
        said = capsys.readouterr()
        return Answer(int(caught.value.code or 0), said.out, said.err)

    return call


TINY = """\
extends: maskrec:quickstart
data: {identities: 4, images_per_identity: 4}
sampler: {batch_size: 8}
"""


def test_names_only_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from maskrec.cli.app import run_app\n"
        "try:\n"
        "    run_app(['check', '--names', 'maskrec:arcface_inception', 'maskrec:quickstart'])\n"
        "except SystemExit as error:\n"
        "    assert error.code == 0, error.code\n"
        "heavy = {'torch', 'numpy', 'pandas', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    call = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert call.returncode == 0, call.stderr
    assert "maskrec:quickstart: ok" in call.stdout


def test_all_problems_of_all_recipes_with_their_places(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TINY + "loss: {margn: 1}\n")
    (tmp_path / "b.yaml").write_text(TINY + "sede: 1\n")
    call = maskrec("check", "a.yaml", "b.yaml", "train.epochs=x")
    assert call.returncode == 2
    assert "a.yaml:4:8: loss arcface has no parameter `margn`\n    loss: {margn: 1}\n           ^\n" in call.stderr
    assert "b.yaml:4:1: a recipe has no section `sede`\n    sede: 1\n    ^\n    did you mean `seed`?\n" in call.stderr
    assert call.stderr.count("command line:1:14: `epochs` must be a whole number, not 'x'") == 2
    assert "Traceback" not in call.stderr
    assert call.stdout == ""


def test_the_notes_of_a_recipe_are_said_when_its_dry_run_fails(maskrec: Cli, tmp_path: Path) -> None:
    """One of them says why: without an annotation the pairs stay what the recipe says."""
    evaluator = {"use": "unannotated", "pairs": {"use": "noise_pairs"}}
    recipe = {**PROBED, "evaluate": {"held_out": evaluator}, "transforms": {}, "observe": {}}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(recipe))
    plugins = [word for path in (PROBES, MISTAKES) for word in ("--plugin", str(path))]
    call = maskrec("check", "a.yaml", "--dry-run", *plugins)
    assert call.returncode == 3
    assert call.stderr.count("note: `pairs` could not be checked: this parameter of evaluator") == 1
    assert (
        "evaluate.held_out: file:mistakes.py/unannotated failed in evaluate: TypeError: embed was given" in call.stderr
    )


def test_an_evaluator_without_a_label_is_one_problem(maskrec: Cli, tmp_path: Path) -> None:
    train = {**PROBED["train"], "best": {"metric": "held_out.score"}}
    recipe = {**PROBED, "evaluate": {"use": "verification", "pairs": {"use": "noise_pairs"}}, "train": train}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(recipe))
    call = maskrec("check", "a.yaml", "--plugin", str(PROBES))
    assert call.returncode == 2
    assert "`evaluate` must be a map from labels of your choice to evaluators" in call.stderr
    assert "has no label" not in call.stderr


def test_dry_run(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TINY)
    before = sorted(tmp_path.rglob("*"))
    call = maskrec("check", "a.yaml", "--dry-run")
    assert call.returncode == 0, call.stderr
    assert call.stdout == "a.yaml: ok\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_what_only_built_components_show_is_reported(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TINY + "evaluate: {held_out: {pairs: {first_identity: 0}}}\n")
    call = maskrec("check", "a.yaml")
    assert call.returncode == 2, call.stdout
    assert "people" in call.stderr
    assert "Traceback" not in call.stderr


def test_it_says_which_form_would_start(maskrec: Cli, tmp_path: Path) -> None:
    call = maskrec("check", "--names", "maskrec:arcface_inception")
    assert call.stdout == "maskrec:arcface_inception: ok\n"
    call = maskrec("check", "maskrec:triplet_inception", "image_size=80")
    assert call.returncode == 0, call.stderr
    assert "its demo form would start: data/train.csv" in call.stdout
    assert "data/train.csv" in call.stderr
    assert "to use your data: make it from photos" in call.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "Missing argument"),
        (["check", "a=b"], "at least one recipe"),
        (["check", "nowhere.yaml"], "maskrec: the recipe file nowhere.yaml does not exist"),
        (["check", "."], "is a folder"),
        (["check", "maskrec:nowhere"], "ships no recipe"),
        (["check", "x.yaml", "--names", "--dry-run"], "cannot be combined with"),
        (["check", "x.yaml", "--data-root", "nowhere"], "not a folder"),
        (["check", "x.yaml", "--plugin", "nowhere.py"], "not an existing Python file"),
        (["copy", "nowhere"], "ships no recipe"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(maskrec: Cli, words: list[str], said: str) -> None:
    call = maskrec(*words)
    assert call.returncode == 2
    assert said in call.stderr
    assert "Traceback" not in call.stderr


def test_a_broken_plugin_that_the_recipe_needs_is_3(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from maskrec import Component, hookimpl\n"
        "@hookimpl\n"
        "def maskrec_losses():\n"
        "    return [Component('mine', ':Mine', 'mine')]\n"
    )
    (tmp_path / "a.yaml").write_text("extends: maskrec:quickstart\nloss: {use: mine}\n")
    call = maskrec("check", "a.yaml", "--plugin", "mine.py")
    assert call.returncode == 3
    assert "its target ':Mine' does not exist" in call.stderr
    assert "a.yaml:2:13" in call.stderr


ANSWERS = """\
from maskrec import Component, Problem, hookimpl
from maskrec.losses.margins.arcface import ArcFace
class Late(ArcFace):
    @staticmethod
    def check(values, context):
        raise RuntimeError(f"{context.givens['num_classes']} are few")
class Noting(ArcFace):
    @staticmethod
    def check(values, context):
        yield Problem("a word at any time", "margin", note=True)
        yield Problem(f"{context.givens['num_classes']} are few", "margin", note=True)
@hookimpl
def maskrec_losses():
    return [Component("late", ":Late", "fails late"), Component("noting", ":Noting", "notes")]
"""


def test_a_check_that_fails_with_the_data_open_is_3_as_before_it_is(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(ANSWERS)
    (tmp_path / "a.yaml").write_text(TINY + "loss: {use: late}\n")
    for command in ("check", "run"):
        call = maskrec(command, "a.yaml", "--plugin", "mine.py")
        assert call.returncode == 3
        assert "a.yaml:4:13: the check of file:mine.py/late failed: RuntimeError: 4 are few" in call.stderr
        assert "Traceback" not in call.stderr


def test_notes_of_both_askings_are_said_once_each(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(ANSWERS)
    (tmp_path / "a.yaml").write_text(TINY + "loss: {use: noting, margin: 0.3}\n")
    call = maskrec("check", "a.yaml", "--plugin", "mine.py")
    assert call.returncode == 0, call.stderr
    assert call.stdout == "a.yaml: ok\n"
    assert call.stderr.count("a.yaml:4:29: note: a word at any time") == 1
    assert call.stderr.count("a.yaml:4:29: note: 4 are few") == 1


def test_recipes_copy_and_check_again(maskrec: Cli, tmp_path: Path) -> None:
    listed = maskrec("recipes")
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == sorted(
        path.stem for path in (ROOT / "recipes").glob("*.yaml")
    )
    copied = maskrec("copy", "arcface_inception", "mine.yaml")
    assert (copied.returncode, copied.stdout) == (0, "wrote mine.yaml\n")
    assert maskrec("check", "mine.yaml", "--names").returncode == 0


def test_schema_is_json_on_stdout(maskrec: Cli) -> None:
    call = maskrec("schema", "--no-plugins")
    assert call.returncode == 0, call.stderr
    found = json.loads(call.stdout)
    assert "arcface" in found["$defs"]["loss"]["properties"]["use"]["enum"]


FAILING = """\
from torch import Tensor, nn
from maskrec import Component, hookimpl
from maskrec.losses.margins.arcface import ArcFace
class Dead(ArcFace):
    def forward(self, embeddings, labels):
        raise RuntimeError("dead")
class Unbuilt(nn.Module):
    def __init__(self, embedding_size: int, num_classes: int):
        raise RuntimeError("unbuilt")
class Bare(nn.Module):
    def __init__(self, embedding_size: int, scale: float = 4.0, weight: Tensor | None = None):
        super().__init__()
@hookimpl
def maskrec_losses():
    return [Component("dead", ":Dead", ""), Component("unbuilt", ":Unbuilt", ""), Component("bare", ":Bare", "")]
"""


def test_every_recipe_is_looked_at_and_the_worst_exit_code_counts(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    (tmp_path / "a.yaml").write_text(TINY + "loss: {use: unbuilt}\n")
    (tmp_path / "b.yaml").write_text(TINY + "\nloss: {use: dead}\n")
    (tmp_path / "c.yaml").write_text(TINY + "sede: 1\n")
    (tmp_path / "d.yaml").write_text(TINY)
    words = ("maskrec:nowhere", "a.yaml", "b.yaml", "c.yaml", "d.yaml")
    call = maskrec("check", *words, "--dry-run", "--plugin", "mine.py")
    assert call.returncode == 3
    assert "maskrec: maskrec ships no recipe called 'nowhere'" in call.stderr
    assert (
        "a.yaml:4:13: loss: file:mine.py/unbuilt could not be built: RuntimeError: unbuilt (mine.py:9)" in call.stderr
    )
    assert "b.yaml:5:13: loss: file:mine.py/dead failed in forward: RuntimeError: dead (mine.py:6)" in call.stderr
    assert "c.yaml:4:1: a recipe has no section `sede`" in call.stderr
    assert call.stdout == "d.yaml: ok\n"


def test_show_has_the_component_s_own_docstring_and_marks_what_no_recipe_can_set(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    call = maskrec("show", "bare", "--plugin", "mine.py")
    assert call.stdout.rstrip().endswith("(no docstring)")
    assert "weight: torch.Tensor | None = None  (no recipe can set it)" in call.stdout
    assert call.stdout.count("no recipe can set it") == 1


def test_a_plugin_file_that_fails_is_said_with_its_line_and_the_way_to_the_traceback(
    maskrec: Cli, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("\nnm\n")
    call = maskrec("list", "--plugin", "mine.py")
    assert call.returncode == 3
    assert "NameError: name 'nm' is not defined (mine.py:2); --debug shows the traceback" in call.stderr
    assert "Traceback" not in call.stderr


OWN_FILES = """\
data: {use: image_csv, path: train.csv}
evaluate: {held_out: {pairs: {use: pairs_csv, same: same.csv, different: different.csv}}}
"""


def test_lists_that_no_command_makes_are_to_be_put_there(maskrec: Cli, tmp_path: Path) -> None:
    pairs = "{use: lfw_pairs, path: lfw_pairs.txt, root: lfw}"
    (tmp_path / "mine.yaml").write_text(f"extends: maskrec:quickstart\nevaluate: {{held_out: {{pairs: {pairs}}}}}\n")
    said = maskrec("check", "mine.yaml").stderr
    assert "lfw_pairs.txt, which does not exist" in said
    assert "put it there, or say where the data is: --data-root D" in said
    assert "data align" not in said


def test_the_way_to_missing_data_is_said_once(maskrec: Cli, tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    recipe = tmp_path / "pairs/mine.yaml"
    recipe.write_text("extends: maskrec:quickstart\n" + OWN_FILES)
    call = maskrec("check", "pairs/mine.yaml")
    assert call.stderr.count("which does not exist") == 3
    assert call.stderr.count("say where the data is: --data-root D") == 1
    assert call.stderr.rstrip().endswith("--data-root D")
    for name in ("train.csv", "same.csv", "different.csv"):
        (tmp_path / "pairs" / name).write_text("")
    call = maskrec("check", "pairs/mine.yaml")
    assert call.stderr.startswith(
        "pairs/mine.yaml: the files are beside the recipe: add --data-root pairs\n"
        "    3 files that it names were looked for in the current folder and do not exist there: train.csv, same.csv, "
        "different.csv\n"
    )
    call = maskrec("check", "pairs/mine.yaml", "loss.use=arcfase")
    assert "which does not exist" not in call.stderr
    assert "did you mean arcface?" in call.stderr
    assert "pairs/mine.yaml: the files are beside the recipe: add --data-root pairs\n" in call.stderr
    recipe.write_text("extends: maskrec:quickstart\n" + OWN_FILES.replace("train.csv", "data/pairs/train.csv"))
    call = maskrec("check", "pairs/mine.yaml", "--data-root", "pairs")
    assert "pairs/train.csv exists: move it and the files beside it to where the recipe expects them" in call.stderr
    assert "expects them, pairs/data/pairs" in call.stderr


@pytest.mark.parametrize("command", ["check", "run", "profile"])
def test_a_misspelt_recipe_file_names_the_one_beside_it(maskrec_here, tmp_path, command):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs/masked_faces.yaml").write_text("seed: 17\n")
    done = maskrec_here(command, "pairs/masked_face.yaml")
    assert done.returncode == 2
    words = "the recipe file pairs/masked_face.yaml does not exist; did you mean pairs/masked_faces.yaml?"
    assert done.stderr == f"maskrec: {words}\n"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_python_file_in_place_of_a_recipe_is_said_to_be_one(maskrec_here, tmp_path, command):
    (tmp_path / "mine.py").write_text("x = 1\n")
    done = maskrec_here(command, "mine.py")
    assert done.returncode == 2
    assert "mine.py is a Python file, not a recipe; name a recipe and add --plugin mine.py" in done.stderr
    assert "YAML" not in done.stderr


def test_who_wrote_a_component_reads_what_a_run_gives_it(maskrec: Cli, tmp_path: Path) -> None:
    """A sampler's ``targets`` are no given, and a recipe could write them; the author more likely meant ``labels``."""
    sampler = "class Mine:\n    def __init__(self, targets: list[int]) -> None: ...\n"
    hook = '@hookimpl\ndef maskrec_samplers():\n    return [Component("mine", ":Mine", "")]\n'
    (tmp_path / "mine.py").write_text(f"from maskrec import Component, hookimpl\n{sampler}\n\n{hook}")
    call = maskrec("check", "maskrec:quickstart", "--demo", "sampler.use=mine", "--plugin", "mine.py")
    assert call.returncode == 2
    assert "`sampler` lacks `targets`, which sampler mine needs: a list, each a whole number" in call.stderr
    assert (
        "a run gives a sampler seed, context, image_size, labels, num_classes, class_counts by these names"
        in call.stderr
    )
