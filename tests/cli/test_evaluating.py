"""``maskrec evaluate``: a run's own evaluations again, any others, model folders, and each kind of wrong input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from onnx_graphs import linear_model, write_model
from PIL import Image
from safetensors.torch import save_file
from small_recipe import PIECES, write_recipe

from maskrec.cli.app import run_app
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.open_model import open_model
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.runner import start

SETTINGS = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 4, "pairs": 40, "folds": 2}
OWN = {"held_out": {"use": "verification", "pairs": SETTINGS, "test": {**SETTINGS, "first_identity": 20_000}}}
OTHER = """\
seed: 5
image_size: 32
evaluate:
  others:
    use: verification
    fars: [0.1]
    pairs: {use: synthetic_pairs, identities: 20, images_per_identity: 4, first_identity: 3000, pairs: 40, folds: 2}
"""


class Answer(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


Cli = Callable[..., Answer]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run ``run`` and the file ``other.yaml``; not to be changed."""
    torch.set_num_threads(1)
    folder, catalog = tmp_path_factory.mktemp("trained"), discover([PIECES])
    (folder / "other.yaml").write_text(OTHER)
    recipe = write_recipe(folder, {"evaluate": OWN}, "own.yaml")
    start(resolve(recipe, catalog=catalog, data_root=folder), catalog, folder, folder / "run")
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained, tmp_path / "place"))


@pytest.fixture
def evaluate(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs ``maskrec evaluate`` in this process, in ``place``, with the run's plugin."""
    monkeypatch.chdir(place)
    for name in ("MASKREC_DATA", "MASKREC_PLUGINS", "MASKREC_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str, plugin: bool = True) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run_app(["evaluate", *words, "--workers", "0", *(("--plugin", str(PIECES)) if plugin else ())])
        said = capsys.readouterr()
        return Answer(int(caught.value.code or 0), said.out, said.err)

    return call


def content(path: str) -> Any:
    return json.loads(Path(path).read_text())


def refused(evaluate: Cli, *words: str, code: int = 2, plugin: bool = True) -> str:
    """What is said of a command that is refused, which leaves nothing half written."""
    before = sorted(Path().rglob("*"))
    answer = evaluate(*words, plugin=plugin)
    assert answer.returncode == code, answer
    assert sorted(Path().rglob("*")) == before
    assert "Traceback" not in answer.stderr
    return answer.stderr


def test_a_runs_own_evaluations_again_give_the_figures_that_it_has(evaluate: Cli) -> None:
    answer = evaluate("run", "--out", "model")
    assert answer.returncode == 0, answer.stderr
    run, again = content("run/result.json"), content("model/result.json")
    assert again["evaluate"] == run["evaluate"]
    assert again["test"] == run["test"]
    assert Path("model/risk.npz").read_bytes() == Path("run/checkpoints/best.risk.npz").read_bytes()
    assert Path("model/galleries.npz").read_bytes() == Path("run/checkpoints/best.galleries.npz").read_bytes()
    assert again["measured_on"] == content("run/checkpoints/best.thresholds.json")["measured_on"]
    for file in ("model/thresholds.json", "run/checkpoints/best.thresholds.json"):
        assert content(file)["caveats"] == run["caveats"]
    assert run["caveats"]
    lines = answer.stdout.splitlines()
    assert "evaluating own (run, best weights) on cpu in float32" in lines
    assert "test held_out: with the thresholds of these evaluation pairs" in lines
    accuracy = run["test"]["held_out"]["metrics"]["accuracy"]
    assert any(line.startswith("    all pairs") and f" {accuracy:.4f}" in line for line in lines)
    row = next(row for row in run["evaluate"]["held_out"]["tables"]["accuracy"] if row["condition"] == "one_masked")
    interval = f"{row['accuracy']:.4f} +- {row['standard_deviation']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
    assert any(line.startswith("    one masked") and interval in line for line in lines)
    assert {path.name for path in Path("model/figures/held_out").iterdir()} == {
        "evaluate-roc.png", "test-roc.png", "test-confusion.png"
    }  # fmt: skip
    assert lines[-1] == "wrote the model folder model"


def test_a_model_folder_opens_as_the_model_with_what_was_measured(evaluate: Cli, place: Path) -> None:
    assert evaluate("run", "other.yaml", "--out", "there/model").returncode == 0
    model, run = (open_model(Path(name), discover([PIECES])) for name in ("there/model", "run"))
    assert all(map(torch.equal, model.network.state_dict().values(), run.network.state_dict().values()))
    assert model.spec == run.spec
    stored = content("there/model/result.json")["evaluate"]["others"]["thresholds"]
    assert {name: t.value for name, t in (model.thresholds or {}).items()} == {
        f"others.{name}": fields["value"] for name, fields in stored.items()
    }
    assert model.decisions is not None
    assert model.decisions.risk is not None
    assert model.decisions.risk.people == 20
    assert model.decisions.galleries is not None
    assert model.decisions.galleries.sizes("bare") == [1, 2, 5, 10]
    # all of it can be moved together
    Path("elsewhere").mkdir()
    for name in ("run", "there"):
        shutil.move(name, f"elsewhere/{name}")
    with_file = evaluate("elsewhere/there/model")  # what it was measured with, again
    assert with_file.returncode == 2
    assert "which cannot be read" in with_file.stderr  # a folder beside its parent's neighbour is named absolutely


def test_a_model_folder_beside_its_run_moves_with_it(evaluate: Cli) -> None:
    assert evaluate("run", "other.yaml", "--out", "model").returncode == 0
    assert content("model/model.json")["weights"]["path"] == "../run"
    Path("elsewhere").mkdir()
    for name in ("run", "model"):
        shutil.move(name, f"elsewhere/{name}")
    answer = evaluate("elsewhere/model", "--out", "again")
    assert answer.returncode == 0, answer.stderr
    assert content("again/result.json")["evaluate"] == content("elsewhere/model/result.json")["evaluate"]


def test_overrides_change_what_is_measured(evaluate: Cli) -> None:
    for name, words in (("a", ["run", "other.yaml"]), ("b", ["run"])):
        label = "others" if name == "a" else "held_out"
        changes = [f"evaluate.{label}.pairs.pairs=20", "seed=7", f"evaluate.{label}.fars=[0.2]"]
        assert evaluate(*words, *changes, "--out", name).returncode == 0
        found = yaml.safe_load(Path(f"{name}/evaluations.yaml").read_text())
        assert found["seed"] == 7
        assert found["evaluate"][label]["pairs"]["pairs"] == 20
        assert "tar@far=0.2" in content(f"{name}/result.json")["evaluate"][label]["metrics"]


def test_a_backbone_with_weights_is_evaluated_and_its_folder_opened(evaluate: Cli, place: Path) -> None:
    run = open_model(Path("run"), discover([PIECES]))
    Path("stored.py").write_text(STORED)
    save_file({name: tensor.contiguous() for name, tensor in run.network.state_dict().items()}, "w.safetensors")
    backbone = "{use: stored, weights: w.safetensors}"
    answer = evaluate("--backbone", backbone, "other.yaml", "--plugin", "stored.py", "--out", "model")
    assert answer.returncode == 0, answer.stderr
    assert evaluate("run", "other.yaml", "--out", "of_run").returncode == 0
    assert content("model/result.json")["evaluate"] == content("of_run/result.json")["evaluate"]
    assert content("model/model.json")["backbone"]["weights"] == str(place / "w.safetensors")
    catalog = discover([PIECES, Path("stored.py")])
    assert open_model(Path("model"), catalog).thresholds == open_model(Path("of_run"), catalog).thresholds
    save_file({name: tensor + 1 for name, tensor in run.network.state_dict().items()}, "w.safetensors")
    said = refused(evaluate, "model", "--plugin", "stored.py")
    assert "model was made for other weights than its backbone has now; make it again with maskrec evaluate" in said


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


def test_without_out_nothing_is_written_and_that_is_said(evaluate: Cli) -> None:
    before = sorted(Path().rglob("*"))
    answer = evaluate("run", "other.yaml")
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-1] == "nothing was written; --out DIR keeps the results"
    assert sorted(Path().rglob("*")) == before


def test_a_folder_is_never_overwritten_unasked(evaluate: Cli) -> None:
    Path("full").mkdir()
    Path("full/photo.jpg").write_text("x")
    Path("file").write_text("x")
    Path("empty").mkdir()
    for out, said in (("full", "holds other files (photo.jpg)"), ("file", "is not a folder")):
        assert said in refused(evaluate, "run", "other.yaml", "--out", out)
        assert said in refused(evaluate, "run", "other.yaml", "--out", out, "--overwrite")
    assert evaluate("run", "other.yaml", "--out", "empty").returncode == 0
    assert "holds results already; name another folder, or replace them with --overwrite" in refused(
        evaluate, "run", "other.yaml", "--out", "empty"
    )
    assert evaluate("run", "other.yaml", "seed=6", "--out", "empty", "--overwrite").returncode == 0
    assert yaml.safe_load(Path("empty/evaluations.yaml").read_text())["seed"] == 6
    assert "--overwrite replaces the folder of --out" in refused(evaluate, "run", "--overwrite")


WRONG_FILES: dict[str, tuple[str, str]] = {
    "unknown section": ("evaluate: {a: {use: verification}}\ntrain: {epochs: 1}\n",
                        "wrong.yaml:2:1: an evaluations file has no section `train`"),
    "misspelt section": ("evaluat: {}\n", "did you mean `evaluate`?"),
    "a demo": ("evaluate: {a: {use: verification}}\ndemo: {seed: 1}\n", "has no section `demo`"),
    "misspelt evaluator": ("evaluate:\n  a: {use: verificatoin}\n", "wrong.yaml:2:12: "),
    "nearest evaluator": ("evaluate:\n  a: {use: verificatoin}\n", "did you mean verification?"),
    "missing parameter": ("evaluate:\n  a: {use: verification}\n", "`evaluate.a` lacks `pairs`"),
    "no label": ("evaluate: {use: verification}\n", "`evaluate` must be a map from labels of your choice"),
    "bad label": ("evaluate: {a/b: {use: verification}}\n", "must be letters, digits, _ and - only"),
    "nothing": ("seed: 1\n", "wrong.yaml names no evaluators"),
    "empty": ("", "the recipe is empty"),
    "seed": ("seed: -1\nevaluate: {a: {use: verification}}\n", "`seed` must be at least 0"),
    "requires": ("requires: [maskrec>=99]\nevaluate: {a: {use: verification}}\n", "requires maskrec>=99"),
    "missing files": ("evaluate:\n  a: {use: verification, pairs: {use: lfw_pairs, path: p.txt, root: lfw}}\n",
                      "`path` names p.txt, which does not exist"),
    "not yaml": ("evaluate: [\n", "wrong.yaml:"),
    "masks without landmarks": (
        "evaluate:\n  a: {use: verification, pairs: {use: lfw_pairs, path: run, root: run, masks: one}}\n",
        "masks are put on by landmarks, but there are none",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_evaluations_file_is_said_with_its_place(case: str, evaluate: Cli) -> None:
    text, message = WRONG_FILES[case]
    Path("wrong.yaml").write_text(text)
    assert message in refused(evaluate, "run", "wrong.yaml", "--out", "model")


def test_wrong_words_are_said(evaluate: Cli) -> None:
    weights = "{use: plain}"
    for words, message in [
        ((), "name a model: a run directory"),
        (("absent",), "absent does not exist and is not the name of a backbone"),
        (("plane",), "plane does not exist and is not the name of a backbone (`maskrec list backbones`); did you mean"),
        (("other.yaml", "other.yaml"), "other.yaml has no `backbone`"),
        (("run", "absent.yaml"), "the evaluations file absent.yaml does not exist"),
        (("run", "other.yaml", "more.yaml"), "more.yaml is one word too many"),
        (
            ("--backbone", weights, "run", "other.yaml"),
            f"MODEL (run) and a backbone of its own ({weights}) exclude each other; leave out one of them",
        ),
        (("--backbone", weights, "other.yaml", "a", "b"), "a is one word too many"),
        (("--backbone", weights), "starts from random weights"),
        (("--backbone", "{use: plane}", "other.yaml"), "--backbone:1:7: "),
        (("timm", "other.yaml"), "the model: `backbone` lacks `model`, which backbone timm needs"),
        (("--backbone", "plain", "other.yaml"), "--backbone must be a map such as {use: NAME}"),
        (("--backbone", "{use: [}", "other.yaml"), "--backbone:1:"),
        (("run", "train.epochs=3"), "command line:1:1: `train` cannot be changed here"),
        (("run", "other.yaml", "backbone.use=x"), "`backbone` cannot be changed here"),
        (("run", "other.yaml", "evaluate.others.fars=[2]"), "a false accept rate must be inside (0, 1)"),
        (("run", "--device", "tpu"), "--device"),
        (("run", "--data-root", "absent"), "the data root absent is not a folder"),
    ]:
        assert message in refused(evaluate, *words), words


def test_a_run_that_has_not_finished_is_evaluated_with_its_best_weights_so_far(evaluate: Cli) -> None:
    Path("run/result.json").unlink()
    answer = evaluate("run", "other.yaml")
    assert answer.returncode == 0
    assert (
        "note: run stopped before its end: these are its best weights, of epoch 2; `maskrec resume run`"
        in answer.stdout
    )
    Path("run/checkpoints/best.safetensors").unlink()
    assert "these are its last weights" in evaluate("run", "other.yaml").stdout


def test_a_model_without_evaluations_is_named_as_it_was_written(evaluate: Cli) -> None:
    """A folder of the file's name without its ending may stand beside it."""
    write_model(Path("net.onnx"), linear_model(), metadata_entries(OnnxMetadata(InputSpec(32, alignment="arcface"))))
    assert "net.onnx has no evaluations of its own; name a file:" in refused(evaluate, "net.onnx")


def test_two_models_are_for_compare(evaluate: Cli) -> None:
    shutil.copytree("run", "other")
    said = "evaluate takes one model; compare several with: maskrec compare run other"
    assert said in refused(evaluate, "run", "other")
    assert f"{said} third" in refused(evaluate, "run", "other", "third")
    assert "third.yaml is one word too many" in refused(evaluate, "run", "other.yaml", "third.yaml")


def test_a_folder_of_runs_names_them(evaluate: Cli) -> None:
    shutil.copytree("run", "runs/a")
    said = refused(evaluate, "runs", "other.yaml")
    assert "runs is not a run directory, but runs/a is one: give that" in said
    for name in ("b", "c/d", "e"):
        shutil.copytree("run", f"runs/{name}")
    said = refused(evaluate, "runs", "other.yaml")
    assert "runs holds 4 runs (runs/a, runs/b, runs/c/d, ...): give one of them" in said


def test_a_run_that_cannot_be_opened_is_one_sentence(evaluate: Cli) -> None:
    assert "--plugin pieces.py" in refused(evaluate, "run", "other.yaml", code=2, plugin=False)
    shutil.rmtree("run/checkpoints")
    assert "run had a checkpoint and it is gone" in refused(evaluate, "run", "other.yaml")
    shutil.rmtree("run")
    Path("run").mkdir()
    assert "run is not a run directory" in refused(evaluate, "run", "other.yaml")


def test_people_who_were_trained_on_are_an_error(evaluate: Cli) -> None:
    said = refused(evaluate, "run", "other.yaml", "evaluate.others.pairs.first_identity=0", "--out", "model")
    assert "6 people of these pairs are also in the training data" in said
    assert "other.yaml:7:18: " in said


def test_people_are_not_compared_where_the_training_data_is_gone_which_is_said(evaluate: Cli) -> None:
    recipe = yaml.safe_load(Path("run/recipe.yaml").read_text())
    recipe["data"] = {"use": "maskrec/image_folder", "path": "gone"}
    Path("run/recipe.yaml").write_text(yaml.safe_dump(recipe))
    answer = evaluate("run", "other.yaml", "evaluate.others.pairs.first_identity=0")
    assert answer.returncode == 0, answer.stderr
    assert "note: people are not compared with those that run was trained on: " in answer.stdout


def test_people_of_the_run_that_a_run_started_from_were_trained_on_too(evaluate: Cli, place: Path) -> None:
    catalog = discover([PIECES])
    changes = {"init": "./run", "data": {"use": "synthetic_faces", "identities": 6, "images_per_identity": 4,
               "first_identity": 500}, "evaluate": OWN}  # fmt: skip
    recipe = write_recipe(place, changes, "second.yaml")
    start(resolve(recipe, catalog=catalog, overrides=["train.epochs=1"], data_root=place), catalog, place, place / "b")
    assert evaluate("b", "other.yaml", "evaluate.others.pairs.first_identity=100").returncode == 0
    said = refused(evaluate, "b", "other.yaml", "evaluate.others.pairs.first_identity=0")
    assert "6 people of these pairs are also in the training data" in said


ASKING = """
from collections.abc import Iterator, Sequence
from maskrec import Component, Evaluation, hookimpl
from maskrec.contracts.kinds import Pairs


class Asking:
    def __init__(self, pairs: Pairs, {parameters}) -> None:
        self.pairs = pairs

    @staticmethod
    def metrics(values):
        return {{"x": "max"}}

    def evaluate(self, embed):
        embed(self.pairs)
        {body}

    def test(self, embed, evaluation):
        return None


@hookimpl
def maskrec_evaluators() -> Iterator[Component]:
    yield Component("asking", ":Asking", "asks")
"""


COUNTING = ASKING.format(
    parameters="labels: Sequence[int], num_classes: int, class_counts: Sequence[int]",
    body="return Evaluation({'x': 1.0}, tables={'seen': [self.seen]})",
).replace(
    "self.pairs = pairs\n",
    "self.pairs = pairs\n        self.seen = {'labels': ' '.join(map(str, labels)), 'classes': num_classes, "
    "'counts': ' '.join(map(str, class_counts))}\n",
)
ASKED = ["other.yaml", "evaluate.others.use=asking", f"evaluate.others.pairs={json.dumps(SETTINGS)}"]


def test_what_evaluators_ask_of_the_training_data_the_runs_recipe_answers(evaluate: Cli) -> None:
    Path("asking.py").write_text(COUNTING)
    words = [*ASKED, "--plugin", "asking.py"]
    answer = evaluate("run", *words, "--out", "model")
    assert answer.returncode == 0, answer
    (seen,) = content("model/result.json")["evaluate"]["others"]["tables"]["seen"]
    labels = seen["labels"].split()
    assert seen["classes"] == 6
    assert seen["counts"].split() == [str(labels.count(str(label))) for label in range(6)]
    assert len(labels) == 48
    assert evaluate("model", "--plugin", "asking.py").returncode == 0  # its weights are the run's

    recipe = yaml.safe_load(Path("run/recipe.yaml").read_text())
    recipe["data"] = {"use": "maskrec/image_folder", "path": "gone"}
    Path("run/recipe.yaml").write_text(yaml.safe_dump(recipe))
    said = refused(evaluate, "run", *words)
    assert "asking needs `labels` of the training data" in said
    assert "the training data cannot be opened (" in said
    assert "gone" in said


def test_without_a_run_the_training_data_is_not_known(evaluate: Cli) -> None:
    Path("asking.py").write_text(COUNTING)
    write_model(Path("net.onnx"), linear_model(), metadata_entries(OnnxMetadata(InputSpec(32, alignment="arcface"))))
    said = refused(evaluate, "net.onnx", *ASKED, "--plugin", "asking.py")
    for name in ("labels", "num_classes", "class_counts"):
        assert f"asking needs `{name}` of the training data" in said
    assert "name the run whose weights these are, or choose another evaluator" in said


def test_a_run_whose_plugin_is_missing_is_one_sentence_for_every_command(
    evaluate: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos").mkdir()
    for name in ("a.png", "photos/a.png"):
        Image.new("RGB", (40, 40)).save(name)
    before = sorted(Path().rglob("*"))
    for words in (["verify", "run", "a.png", "a.png"], ["embed", "run", "photos", "--out", "x.npz"],
                  ["export", "run", "x.onnx"]):  # fmt: skip
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run_app(words)
        said = capsys.readouterr()
        assert (caught.value.code, said.out) == (2, "")
        assert "--plugin pieces.py" in said.err
        assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("parameters", "body", "code", "message"),
    [
        ("labels: Sequence[int]", "return Evaluation({'x': 1.0})", 0, ""),
        ("more: int = 1", "raise RuntimeError('no')", 3, "failed in evaluate: RuntimeError: no"),
        ("more: int = 1", "return Evaluation({'y': 1.0})", 3, "returned the metric 'y', which it does not declare"),
        ("more: int = 1", "return Evaluation({'x': float('nan')})", 3, "a metric must be a finite number"),
        ("run_dir: object", "return Evaluation({'x': 1.0})", 0, ""),
        (
            "more: int = 1",
            "return Evaluation({'x': 1.0}, notes='a word')",
            3,
            "a str for `notes`; it must be a list of strings",
        ),
    ],
)
def test_evaluators_are_held_to_what_they_declare(
    parameters: str, body: str, code: int, message: str, evaluate: Cli
) -> None:
    Path("asking.py").write_text(ASKING.format(parameters=parameters, body=body))
    words = ["run", "other.yaml", "evaluate.others.use=asking", f"evaluate.others.pairs={json.dumps(SETTINGS)}"]
    answer = evaluate(*words, "--plugin", "asking.py", "--out", "model")
    assert answer.returncode == code, answer
    assert message in answer.stderr
    assert Path("model").exists() == (code == 0)
    assert not list(Path().glob(".model*"))


def test_what_is_not_fulfilled_is_said_last_and_exits_with_1(evaluate: Cli) -> None:
    body = "return Evaluation({'x': 1.0}, notes=['this is so'], failed=['that is too often so'])"
    Path("asking.py").write_text(ASKING.format(parameters="more: int = 1", body=body))
    answer = evaluate("run", *ASKED, "--plugin", "asking.py", "--out", "model")
    assert answer.returncode == 1, answer
    assert "    note: this is so\n    failed: that is too often so\n" in answer.stdout
    assert answer.stderr.endswith("maskrec: others: that is too often so\n")
    written = content("model/result.json")["evaluate"]["others"]
    assert (written["notes"], written["failed"]) == (["this is so"], ["that is too often so"])


def test_where_one_evaluator_cannot_measure_the_others_go_on(evaluate: Cli) -> None:
    Path("asking.py").write_text(ASKING.format(parameters="more: int = 1", body="raise RuntimeError('no')"))
    broken = f"evaluate.broken={{use: asking, pairs: {json.dumps(SETTINGS)}}}"
    answer = evaluate("run", "other.yaml", broken, "--plugin", "asking.py", "--out", "model")
    assert answer.returncode == 1, answer
    assert "failed broken: " in answer.stdout
    assert "evaluate others: on its evaluation pairs" in answer.stdout
    said = answer.stderr.splitlines()[-1]
    assert said.startswith("maskrec: broken could not be measured: evaluate.broken: file:asking.py/asking")
    assert "failed in evaluate: RuntimeError: no" in said
    written = content("model/result.json")
    assert list(written["evaluate"]) == ["others"]
    assert written["failed"]["broken"] in said


def test_at_most_is_the_limit_of_every_split_by_group(evaluate: Cli) -> None:
    people = [f"synthetic-{3000 + number:06},{'ab'[number % 2]}" for number in range(20)]
    Path("teams.csv").write_text("\n".join(["identity,team", *people]))
    pairs = json.dumps({**SETTINGS, "first_identity": 3000})
    of = f"{{use: masked_gallery, fars: [0.1], conditions: [one_masked], pairs: {pairs}}}"
    words = ["run", "other.yaml", "evaluate.others=null"]
    words.append(f"evaluate.teams={{use: by_group, of: {of}, groups: teams.csv, column: team}}")
    answer = evaluate(*words, "--at-most", "1000")
    assert answer.returncode == 0, answer
    assert "one masked at FAR 0.1, by group:" in answer.stdout
    assert "false accepts are most frequent within the group" in answer.stdout
    assert "at_most must be at least 1" in refused(evaluate, *words, "--at-most", "0.5")
    assert "no evaluation is by_group; add one" in refused(evaluate, "run", "other.yaml", "--at-most", "2")
