"""``maskrec compare``: runs, seeds of one recipe, models on a file, the cache, and each kind of wrong input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file
from small_recipe import PIECES, write_recipe

from maskrec.cli.app import run_app
from maskrec.inference.comparing.compared_models import USAGE
from maskrec.inference.open_model import open_model
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.runner import start

PAIRS = {"use": "synthetic_pairs", "identities": 24, "images_per_identity": 3, "pairs": 60, "folds": 2}
OWN = {"held_out": {"use": "verification", "fars": [0.1], "pairs": {**PAIRS, "conditions": ["bare", "one_masked"]}}}
OTHER = """\
seed: 5
image_size: 32
evaluate:
  others:
    use: pair_histogram
    evaluation: {use: synthetic_pairs, identities: 24, images_per_identity: 2, first_identity: 30, pairs: 24}
"""
GALLERY = OTHER.replace("pair_histogram\n    evaluation:", "masked_gallery\n    fars: [0.1]\n    pairs:")
STORED = f"""
import importlib.util
from pathlib import Path
from typing import Iterator
from safetensors.torch import load_file
from maskrec import Component, hookimpl
_spec = importlib.util.spec_from_file_location("pieces_again", {str(PIECES)!r})
_pieces = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_pieces)


class Stored(_pieces.Plain):
    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        if weights is not None:
            self.load_state_dict(load_file(weights))


@hookimpl
def maskrec_backbones() -> Iterator[Component]:
    yield Component("stored", ":Stored", "plain with weights")
"""


class Answer(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


Cli = Callable[..., Answer]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trainings of a recipe, one of them also as of another, and files; not to be changed."""
    torch.set_num_threads(1)
    folder, catalog = tmp_path_factory.mktemp("trained"), discover([PIECES])
    for name, text in (("other.yaml", OTHER), ("gallery.yaml", GALLERY), ("stored.py", STORED)):
        (folder / name).write_text(text)
    for name, seed in (("a5", 5), ("a6", 6)):
        changes = {"evaluate": OWN, "seed": seed, "train": {"epochs": 1, "workers": 0}}
        recipe = write_recipe(folder, changes, "own.yaml")
        start(resolve(recipe, catalog=catalog, data_root=folder), catalog, folder, folder / name)
    recipe = shutil.copytree(folder / "a6", folder / "b6") / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("lr: 0.05", "lr: 0.06"))
    weights = open_model(folder / "a5", catalog).network.state_dict()
    for name, factor in (("one", 1.0), ("two", 1.001), ("nan", 1e30)):
        spoiled = {key: (tensor * factor).contiguous() for key, tensor in weights.items()}
        save_file(spoiled, folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def compare(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs ``maskrec compare`` in this process, in ``trained``, with the runs' plugin."""
    monkeypatch.chdir(trained)
    for name in ("MASKREC_DATA", "MASKREC_PLUGINS", "MASKREC_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: object, command: str = "compare") -> Answer:
        capsys.readouterr()
        plugins = ["--plugin", str(PIECES), "--plugin", "stored.py"]
        with pytest.raises(SystemExit) as caught:
            run_app([command, *map(str, words), "--workers", "0", *plugins])
        said = capsys.readouterr()
        return Answer(int(caught.value.code or 0), said.out, said.err)

    return call


def answer_of(compare: Cli, *words: object) -> Any:
    """What ``--json`` prints."""
    answer = compare(*words, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_two_runs_are_compared_on_their_own_evaluations(compare: Cli) -> None:
    found = answer_of(compare, "a5", "b6")
    assert [each["models"] for each in found["systems"]] == [
        [{"model": "a5", "seed": 5}],
        [{"model": "b6", "seed": 6}],
    ]
    rows = {(each["condition"], each["measure"]): each for each in found["differences"]}
    assert list(rows) == [(c, m) for c in ("all", "bare", "one_masked") for m in ("accuracy", "tar@far=0.1")]
    results = [json.loads(Path(name, "result.json").read_text())["evaluate"]["held_out"] for name in ("a5", "b6")]
    for condition, key in (("all", ""), ("bare", "/bare"), ("one_masked", "/one_masked")):
        for measure in ("accuracy", "tar@far=0.1"):
            values = [each["metrics"][measure + key] for each in results]
            row = rows[condition, measure]
            known = slice(2 if condition == "bare" else 1)  # the second run drew its masks by another seed
            assert row["values"][known] == pytest.approx(values[known], abs=1e-12), (condition, measure)
            assert row["difference"] == pytest.approx(row["values"][1] - row["values"][0], abs=1e-12)
            assert row["low"] <= row["difference"] <= row["high"]
    assert {each["verdict"] for key, each in rows.items() if key[1] != "accuracy"} == {"not judged"}
    assert found["tests"] == 3
    assert found["mask_seed"] == 5
    assert set(found["measured_on"]["evaluate.held_out.pairs"]) == {"people", "pairs", "photos", "masks"}


def test_the_table_says_what_differs_and_what_that_means(compare: Cli) -> None:
    lines = compare("a5", "b6").stdout.splitlines()
    first = lines.index("A  own (a5)")
    assert lines[first : first + 3] == ["A  own (a5)", "B  own (b6)", "A -> B: seed 5 -> 6, optimizer.lr 0.05 -> 0.06"]
    assert (
        "note: masks are drawn by the seed 5 for every model, so figures can differ from those of a run's result"
        in lines
    )
    assert "B against A: held_out, on its evaluation pairs, which choose the thresholds" in lines
    head = next(line for line in lines if line.startswith("pairs"))
    assert " ".join(head.split()) == "pairs figure A B B - A [95 %] p smallest found B is"
    assert any(line.startswith("one masked") and line.endswith("not judged") for line in lines)
    assert any(line.startswith("p-values are corrected for 3 tests (Holm)") for line in lines)
    assert any("fewer than 10 expected false accepts: tar@far=0.1 of all pairs" in line for line in lines)
    assert max(len(line) for line in lines if line.startswith(("pairs ", "all ", "bare ", "one masked "))) <= 120


def test_seeds_of_one_recipe_are_one_system(compare: Cli) -> None:
    said = compare("a5", "{use: stored, weights: two.safetensors}", "a6", "--on", "other.yaml").stdout
    assert "A  own, 2 trainings with the seeds 5, 6 (a5, a6)" in said
    assert "A over its seeds" in said
    assert "B against A: nothing could be judged" in said
    assert "a system of a single training, which does not say how much its seeds differ: accuracy of all pairs" in said
    alone = compare("a5", "a6")
    assert alone.returncode == 0
    assert "these are trainings of one recipe; name another run to compare them with" in alone.stdout


def test_models_without_a_recipe_are_compared_on_a_file(compare: Cli) -> None:
    one = "{use: stored, weights: one.safetensors}"
    # a run and its own weights in another form decide the same
    same = answer_of(compare, "a5", one, "--on", "other.yaml", "--far", "0.2", "seed=3")
    assert same["mask_seed"] == 3
    assert {each["label"] for each in same["differences"]} == {"others"}
    assert {each["occasion"] for each in same["differences"]} == {"evaluate"}
    assert len(same["differences"]) == 8
    assert {each["difference"] for each in same["differences"]} == {0.0}
    assert {each["verdict"] for each in same["differences"]} <= {"not found", "not judged"}
    assert {each["p"] for each in same["differences"]} == {1.0, None}


def test_kept_embeddings_are_used_again_and_change_nothing(compare: Cli, tmp_path: Path) -> None:
    cache = ("--cache", tmp_path / "kept")
    words = ("a5", "{use: stored, weights: two.safetensors}", "--on", "other.yaml", "--far", "0.2")
    plain, first = answer_of(compare, *words), answer_of(compare, *words, *cache)
    files = sorted((tmp_path / "kept").iterdir())
    assert len(files) == 2
    written = [each.stat().st_mtime_ns for each in files]
    assert answer_of(compare, *words, *cache) == first == plain
    assert [each.stat().st_mtime_ns for each in files] == written
    said = compare("a5", "other.yaml", *cache, "--clear-cache", command="evaluate").stdout
    assert f"kept in {tmp_path / 'kept'}; --clear-cache removes them; removed 2 files of them first" in said
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_a_run_that_was_killed_is_compared_and_that_is_said(compare: Cli, tmp_path: Path) -> None:
    killed = shutil.copytree("b6", tmp_path / "killed")
    (killed / "result.json").unlink()
    assert (
        f"note: {killed}: {killed} stopped before its end: these are its best weights" in compare("a5", killed).stdout
    )


def refused(compare: Cli, *words: object, code: int = 2) -> str:
    answer = compare(*words)
    assert answer.returncode == code, answer
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    return answer.stderr


def test_what_cannot_be_compared_is_one_sentence(compare: Cli, tmp_path: Path) -> None:
    copy = shutil.copytree("a5", tmp_path / "copy")
    changed = shutil.copytree("b6", tmp_path / "changed")
    text = (changed / "recipe.yaml").read_text()
    (changed / "recipe.yaml").write_text(text.replace("pairs: 60", "pairs: 18"))
    assert "pairs: 18" in (changed / "recipe.yaml").read_text()
    stored = "{use: stored, weights: two.safetensors}"
    for words, message in [
        ((), "comparing needs at least two models; write maskrec compare RUN RUN"),
        (("a5",), "comparing needs at least two models"),
        (("a5", "a5"), "a5 is named twice; a comparison needs models that can differ"),
        (("a5", "./a5"), "a5 is a5; a comparison needs models that can differ"),
        (("a5", copy), "has the same weights as a5; a comparison needs models that can differ, so leave one out"),
        (("a5", changed), "is evaluated otherwise than a5 (evaluate.held_out.pairs.pairs 60 there, 18 here)"),
        (("a5", stored), f"{stored} has no evaluations of its own; name a file: {USAGE}"),
        (("a5", "b6", "--on", "absent.yaml"), "the evaluations file absent.yaml does not exist"),
        (("a5", "absent"), "absent does not exist"),
        (("a5", "b6", "--on", "gallery.yaml"), "none of the evaluations (others) decides pairs one by one"),
        (("a5", "b6", "--far", "2"), "--far: a false accept rate must be inside (0, 1), not 2; 0.01 is"),
        (("a5", "b6", "--far", "x"), "--far x: expected rates such as 0.01"),
        (("a5", "b6", "--clear-cache"), "name the folder with --cache DIR"),
        (("a5", "b6", "--cache", "a5/recipe.yaml"), "--cache a5/recipe.yaml: it cannot be used"),
    ]:  # fmt: skip
        assert message in refused(compare, *words), words


def test_embeddings_that_are_not_finite_are_said_with_their_model(compare: Cli) -> None:
    broken = "{use: stored, weights: nan.safetensors}"
    said = refused(compare, "a5", broken, "--on", "other.yaml", code=1)
    assert broken in said
    assert "embeddings are not finite" in said


def test_all_evaluations_that_cannot_be_used_are_named_at_once(compare: Cli, trained: Path, tmp_path: Path) -> None:
    bad = "".join(
        f"  {name}: {{use: verification, pairs: {{use: pairs_csv, path: {name}.csv}}}}\n" for name in ("one", "two")
    )
    (tmp_path / "bad.yaml").write_text(OTHER + bad)
    for name in ("one", "two"):
        (trained / f"{name}.csv").write_text("path,target,pair_path,pair_target\nabsent.png,0,gone.png,0\n")
    answer = compare("a5", "b6", "--on", tmp_path / "bad.yaml", "--data-root", ".")
    assert answer.returncode == 2
    assert "one.csv:2" in answer.stderr
    assert "two.csv:2" in answer.stderr
