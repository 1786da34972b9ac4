"""A component's mistake is reported before training, by a dry run and by a run itself, with its author's name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from probe_runs import PROBED, PROBES, rows, state
from warm_python import run_ranks

from maskrec.base.errors import MaskrecError, PluginError
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe, resolve
from maskrec.recipe.plan import Plan, Spec
from maskrec.training.assemble import assemble, check_built
from maskrec.training.checks.gradient_checks import note_unused
from maskrec.training.checks.sampled_batches import sameness_notes, size_problems
from maskrec.training.checks.trial_evaluation import try_evaluators
from maskrec.training.dry_run import dry_run
from maskrec.training.runner import resume, start
from maskrec.training.steps.train_step import TrainStep

MISTAKES = Path(__file__).with_name("mistakes.py")
PLACE = r"\((\S*/)?mistakes\.py:\d+\)"
WHO = r"file:mistakes\.py/"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover([PROBES, MISTAKES])


def planned(catalog: Catalog, folder: Path, changes: dict[str, Any], *overrides: str) -> Plan:
    recipe = {**PROBED, "transforms": None, "observe": None, **changes}
    path = folder / "mistaken.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in recipe.items() if value is not None}))
    return resolve(path, catalog=catalog, overrides=overrides, data_root=folder)


def evaluated(wrong: str) -> dict[str, Any]:
    return {"evaluate": {"held_out": {"use": "evaluators", "wrong": wrong, "pairs": {"use": "noise_pairs"}}}}


def summed(wrong: str) -> dict[str, Any]:
    parts = {"good": {"use": "push"}, "bad": {"use": "losses", "wrong": wrong}}
    return {"loss": {"use": "weighted_sum", "parts": parts, "weights": {"good": 1.0, "bad": 1.0}}}


def section(name: str, use: str, wrong: str) -> dict[str, Any]:
    return {name: {"use": use, "wrong": wrong}}


def transformed(wrong: str) -> dict[str, Any]:
    return {"transforms": {"mine": {"use": "transforms", "wrong": wrong}}}


SHOWN = {
    "backbone size": (
        section("backbone", "nets", "size"),
        "returned embeddings of size 3, and its embedding_size is 4",
    ),
    "backbone pair": (section("backbone", "nets", "pair"), r"returned a tuple; it must return one vector an image"),
    "backbone rows": (section("backbone", "nets", "rows"), "returned 7 embeddings for 8 images"),
    "backbone raises": (section("backbone", "nets", "raises"), f"failed in forward: AttributeError: .* {PLACE}$"),
    "backbone detached": (section("backbone", "nets", "detached"), "no weight of the backbone gets a gradient"),
    "loss detached": (section("loss", "losses", "detached"), "no weight of the backbone gets a gradient"),
    "loss constant": (section("loss", "losses", "constant"), "no weight of the backbone gets a gradient"),
    "loss hidden": (
        section("loss", "losses", "hidden"),
        r"1 tensor gets a gradient and is a parameter of neither .* \(of shape \(6, 2\)\)",
    ),
    "loss raises": (section("loss", "losses", "raises"), f"failed in forward: AttributeError: .* {PLACE}$"),
    "loss exits": (section("loss", "losses", "exits"), f"failed in forward: SystemExit: 0 {PLACE}$"),
    "loss number": (section("loss", "losses", "number"), "returned a float; a loss must return a scalar tensor"),
    "loss too many": (
        {"loss": {"use": "too_many"}},
        rf"failed in forward: TypeError: .*'weights' {PLACE}; forward is called with \(embeddings, labels\[, batch\]\)",
    ),
    "loss list": (
        section("loss", "losses", "list"),
        "returned a list from diagnostics; it must return a dict of numbers",
    ),
    "loss word": (
        section("loss", "losses", "word"),
        "returned a str for 'active' from diagnostics; it must be a num",
    ),
    "loss eval": (
        section("loss", "losses", "eval"),
        rf"changed its `training` flag from True to False in forward and left it so {PLACE}",
    ),
    "part vector": (
        summed("vector"),
        rf"^loss\.parts\.bad: {WHO}losses returned a tensor of shape \(8,\); a loss must",
    ),
    "part detached": (
        summed("detached"),
        rf"^loss\.parts\.bad: {WHO}losses: no gradient gets from this loss to the emb",
    ),
    "part constant": (
        summed("constant"),
        rf"^loss\.parts\.bad: {WHO}losses: no gradient gets from this loss to the emb",
    ),
    "part raises": (
        summed("raises"),
        rf"^loss\.parts\.bad: {WHO}losses failed in forward: AttributeError: .* {PLACE}$",
    ),
    "part list": (summed("list"), rf"^loss\.parts\.bad: {WHO}losses returned a list from diagnostics"),
    "loss backward": (section("loss", "losses", "backward"), f"failed in backward: KeyError: 'gradient' {PLACE}$"),
    "data float": (section("data", "sets", "float"), r"sample \d+ has an image of torch\.float32 \(3, 8, 8\)"),
    "data ones": (section("data", "sets", "ones"), "returns black images"),
    "data small": (section("data", "sets", "small"), r"returns images of \(3, 7, 7\), and the canvas .* \(3, 8, 8\)"),
    "data label": (
        section("data", "sets", "label"),
        rf"^data: {WHO}sets: sample \d+ has the label \d, and its .* `labels` say \d",
    ),
    "data labels": (section("data", "sets", "labels"), "gives sample 7 the label 6, and labels go from 0 to .* = 5"),
    "data few": (section("data", "sets", "few"), "has 23 labels for 24 samples"),
    "data names": (section("data", "sets", "names"), "has 5 identities for 6 classes; "),
    "data numbers": (section("data", "sets", "numbers"), "has 0 among its identities; they must be strings"),
    "data masked": (section("data", "sets", "masked"), "has 23 values of `masked` for 24 samples"),
    "data unit": (section("data", "sets", "unit"), "returns landmarks within 1 pixel of the corner: all 8 faces"),
    "data outside": (section("data", "sets", "outside"), "returns landmarks outside of the images"),
    "data none": (section("data", "sets", "none"), r"sample \d+ is None; a data set must return a Sample"),
    "data raises": (section("data", "sets", "raises"), rf"sample \d+ cannot be read: KeyError: 'photo' {PLACE}$"),
    "data exits": (section("data", "sets", "exits"), rf"sample \d+ cannot be read: SystemExit: 0 {PLACE}$"),
    "data members": (section("data", "sets", "members"), "has no attribute `identities`, which a dataset needs"),
    "data landmarks": (section("data", "sets", "landmarks"), "has_landmarks is True, and samples of the first batch"),
    "sampler unseeded": (
        section("sampler", "samplers", "unseeded"),
        "gives other batches when it is asked for epoch 1",
    ),
    "sampler raises": (section("sampler", "samplers", "raises"), f"failed in __iter__: AttributeError: .* {PLACE}$"),
    "sampler beyond": (
        section("sampler", "samplers", "beyond"),
        "yields the index 24, and the data set has 24 samples",
    ),
    "sampler negative": (section("sampler", "samplers", "negative"), "yields the index -1, and the data set has 24"),
    "sampler short": (section("sampler", "samplers", "short"), "yields 2 batches in epoch 1, and its length is 3"),
    "sampler once": (
        section("sampler", "samplers", "once"),
        "yields 0 batches in epoch 1 when it is asked a second time, and its length is 3; __iter__ must begin anew",
    ),
    "sampler small": (
        {"backbone": {"use": "linear", "batch_norm": True}, **section("sampler", "samplers", "small")},
        f"^sampler: {WHO}samplers yields 1 image as batch 2 of epoch 1, and its batch_size is 8; only the last",
    ),
    "sampler endless": (section("sampler", "samplers", "endless"), "yields more than 3 batches in epoch 1"),
    "sampler empty": (section("sampler", "samplers", "empty"), "yields an empty batch, number 2 of epoch 1"),
    "sampler floats": (
        section("sampler", "samplers", "floats"),
        r"yields \d+\.0 in batch 2 of epoch 1; each batch must",
    ),
    "sampler words": (
        section("sampler", "samplers", "words"),
        r"yields '\d+' in batch 2 of epoch 1; each batch must be",
    ),
    "sampler single": (
        section("sampler", "samplers", "single"),
        "yields 5 as batch 2 of epoch 1; each batch must be a l",
    ),
    "sampler members": ({"sampler": {"use": "no_epochs"}}, "has no method `set_epoch`, which a sampler needs"),
    "transform bytes": (transformed("bytes"), r"returned images with values from .* must stay in \[0, 1\]"),
    "transform clean": (transformed("clean"), r"returned clean faces of torch\.float32"),
    "transform labels": (transformed("labels"), "returned 7 labels and 8 mask flags for 8 images"),
    "transform raises": (transformed("raises"), f"failed in __call__: AttributeError: .* {PLACE}$"),
    "transform none": (transformed("none"), "must return a Batch whose images are still"),
    "evaluator raises": (evaluated("raises"), f"failed in evaluate: AttributeError: .* {PLACE}$"),
    "evaluator exits": (evaluated("exits"), f"failed in evaluate: SystemExit: 0 {PLACE}$"),
    "evaluator test": (evaluated("test"), f"failed in test: KeyError: 'threshold' {PLACE}$"),
    "evaluator dict": (
        evaluated("dict"),
        r"returned a dict; it must return an Evaluation, such as Evaluation\(\{'score': value\}\)",
    ),
    "evaluator photos": (
        evaluated("photos"),
        f"failed in evaluate: TypeError: embed was given a Noise, and it takes a PairSet; .* {PLACE}$",
    ),
    "evaluator unannotated": (
        {"evaluate": {"held_out": {"use": "unannotated", "pairs": {"use": "noise_pairs"}}}},
        rf"embed was given a dict, and it takes a PairSet; annotate .* \(from maskrec import Pairs\) {PLACE}$",
    ),
    "evaluator no embed": (
        {"evaluate": {"held_out": {"use": "no_embed", "pairs": {"use": "noise_pairs"}}}},
        rf"failed in test: TypeError: .* {PLACE}; test is called with \(embed, evaluation\)$",
    ),
    "evaluator in place": (
        evaluated("in_place"),
        f"failed in evaluate: ValueError: .* read-only; .* a copy .* {PLACE}$",
    ),
    "evaluator no grad": (
        evaluated("no_grad"),
        rf"changed torch\.is_grad_enabled\(\) from True to False in evaluate and left it so {PLACE}",
    ),
    "evaluator eval mode": (
        evaluated("eval_mode"),
        "put the backbone from training into eval mode in evaluate and left it so",
    ),
    "evaluator double": (
        evaluated("double"),
        rf"changed torch\.get_default_dtype\(\) from torch\.float32 to torch\.float64 in evaluate .* {PLACE}",
    ),
    "evaluator unreported": (
        evaluated("unreported") | {"train": {**PROBED["train"], "best": {"metric": "held_out.score"}}},
        "declares the metric 'score' and did not return it, and train.best chooses the best epoch by it",
    ),
    "evaluator nan": (evaluated("nan"), "returned nan for 'score'; a metric must be a finite number"),
    "evaluator undeclared": (evaluated("undeclared"), "returned the metric 'spread', which it does not declare"),
    "evaluator members": (
        {"evaluate": {"held_out": {"use": "no_test", "pairs": {"use": "noise_pairs"}}}},
        "has no method `test`, which an evaluator needs",
    ),
}
# Some of them in a run: these at its first step, and the others before its folder is written.
AT_STEP_ONE = (
    "backbone size",
    "loss detached",
    "loss raises",
    "data float",
    "data label",
    "transform bytes",
    "part detached",
    "loss list",
)
BEFORE = (
    "backbone rows",
    "data labels",
    "sampler unseeded",
    "evaluator members",
    "evaluator test",
    "evaluator exits",
    "evaluator no grad",
    "evaluator unreported",
)


@pytest.mark.parametrize(("changes", "said"), SHOWN.values(), ids=SHOWN.keys())
def test_a_dry_run_names_the_component_and_what_is_wrong(
    changes: dict[str, Any], said: str, catalog: Catalog, tmp_path: Path
) -> None:
    plan = planned(catalog, tmp_path, changes)
    with pytest.raises((PluginError, RecipeError), match=said) as raised:
        dry_run(plan, catalog, tmp_path)
    assert raised.value.exit_code == 3
    assert re.search(WHO, str(raised.value))
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert [path.name for path in tmp_path.iterdir()] == ["mistaken.yaml"]


@pytest.mark.parametrize("name", AT_STEP_ONE + BEFORE)
def test_a_run_says_the_same_and_trains_nothing(name: str, catalog: Catalog, tmp_path: Path) -> None:
    changes, said = SHOWN[name]
    plan = planned(catalog, tmp_path, changes)
    with pytest.raises((PluginError, RecipeError), match=said) as raised:
        start(plan, catalog, tmp_path, tmp_path / "run")
    assert raised.value.exit_code == 3
    if name in AT_STEP_ONE:
        assert rows(tmp_path / "run") == []
        assert not (tmp_path / "run" / "checkpoints" / "last.safetensors").exists()
    else:
        assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_is_not_ok(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, section("loss", "losses", "nan"))
    said = rf"{WHO}losses: the loss is not finite in the first batch \(loss nan\)"
    with pytest.raises(MaskrecError, match=said) as tried:
        dry_run(plan, catalog, tmp_path)
    with pytest.raises(MaskrecError, match=rf"{WHO}losses: the loss is not finite at step 1 ") as run:
        start(plan, catalog, tmp_path, tmp_path / "run")
    assert (tried.value.exit_code, run.value.exit_code) == (1, 1), "it need not be the component's mistake"


@pytest.mark.parametrize(
    "changes",
    [summed("nothing"), section("sampler", "samplers", "tensors"), section("sampler", "samplers", "arrays")],
    ids=["a part without a triplet", "integer tensors", "arrays"],
)
def test_what_is_right_is_not_reported(changes: dict[str, Any], catalog: Catalog, tmp_path: Path) -> None:
    dry_run(planned(catalog, tmp_path, changes), catalog, tmp_path)


def test_a_parameter_of_the_loss_that_the_first_batch_does_not_use_is_noted(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dry_run(planned(catalog, tmp_path, section("loss", "losses", "unused")), catalog, tmp_path)
    said = "note: loss: file:mistakes.py/losses: the parameter unused gets no gradient in the first batch"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, ""),
        (1, "the parameter w0 gets no gradient"),
        (3, "the parameters w0, w1, w2 get no gradient"),
        (4, "the parameters w0, w1, w2, ... get no gradient"),
    ],
)
def test_three_unused_parameters_are_named(count: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    loss = torch.nn.ParameterDict({f"w{number}": torch.nn.Parameter(torch.zeros(1)) for number in range(count)})
    note_unused(loss, "loss: mine")
    note = capsys.readouterr().err
    assert note.startswith(f"note: loss: mine: {said} in the first batch" if said else "")
    assert bool(note) == bool(said)


def test_checking_changes_nothing_that_a_run_draws(catalog: Catalog, tmp_path: Path) -> None:
    """Nor the evaluator itself: a trial asks a copy."""
    plan = planned(catalog, tmp_path, {"backbone": {"use": "linear", "batch_norm": True, "dropout": 0.5}})
    assembly = assemble(plan, catalog, tmp_path, tmp_path)
    stepper = TrainStep(assembly)
    torch.manual_seed(1)
    before = torch.get_rng_state(), {k: v.clone() for k, v in stepper.backbone.state_dict().items()}
    try_evaluators(assembly, stepper)
    assert torch.equal(before[0], torch.get_rng_state())
    assert all(torch.equal(before[1][name], tensor) for name, tensor in stepper.backbone.state_dict().items())
    evaluator: Any = assembly.evaluators["held_out"]
    assert evaluator.calls == 0
    assert stepper.backbone.training


def test_a_sampler_with_a_state_of_its_own_may_be_asked_twice(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, {"sampler": {"use": "turning"}})
    sampler: Any = assemble(plan, catalog, tmp_path, tmp_path).sampler
    assert sampler.turns == 0


def test_a_given_misspelt_is_said_to_its_author(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "mistaken.yaml"
    path.write_text(yaml.safe_dump({**PROBED, "loss": {"use": "n_classes"}}))
    checked = check_recipe(path, catalog=catalog, data_root=tmp_path)
    assert checked.exit_code == 3
    (problem,) = [problem for problem in checked.problems if not problem.note]
    assert problem.hint == "for the author of file:mistakes.py/n_classes: did it mean the given `num_classes`?"


@pytest.mark.parametrize(("batch_norm", "refused"), [(True, True), (False, False)])
def test_a_last_batch_that_is_too_small_is_refused_before_the_start(
    batch_norm: bool, refused: bool, catalog: Catalog, tmp_path: Path
) -> None:
    parts = {"backbone": {"use": "linear", "batch_norm": batch_norm}, **section("sampler", "samplers", "one")}
    plan = planned(catalog, tmp_path, parts)
    problems = check_built(plan, catalog, tmp_path).entries
    said = ["the last batch of an epoch has 1 image for 1 process, and batch norm needs two in each"] if refused else []
    assert [problem.message.partition(";")[0] for problem in problems] == said
    assert all(problem.mark == plan.sampler.mark for problem in problems)


@pytest.mark.parametrize(
    ("parameters", "advised"),
    [
        ({"batch_size": 4, "drop_last": False}, "choose another batch_size, or drop such a batch (drop_last: true)"),
        ({"batch_size": 4}, "choose another batch_size"),
        ({"people": 2, "photos": 2}, "mine/four has to leave such a batch out, or add its images to the one before"),
    ],
)
def test_what_is_advised_on_a_small_last_batch_are_parameters_that_the_sampler_has(
    parameters: dict[str, Any], advised: str
) -> None:
    sampler: Any = SimpleNamespace(batch_size=4)
    spec = Spec("sampler", "mine/four", "sampler", parameters)
    (problem,) = size_problems([[0, 1, 2, 3], [4]], True, sampler, spec)
    assert problem.message.endswith(f" in each; {advised}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            section("data", "sets", "gaps"),
            "3 of 9 labels (6, 7, 8) have no image, so their class centres learn nothing",
        ),
        (
            section("sampler", "samplers", "alone"),
            "batch 2 of epoch 1 holds sample 5 alone, 8 times, and the data has 24 samples",
        ),
        (section("sampler", "samplers", "alike"), "all 3 batches of epoch 1 hold the same 8 samples of 24"),
    ],
    ids=["gaps", "alone", "alike"],
)
def test_what_learns_nothing_is_noted(changes: dict[str, Any], said: str, catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, {"loss": {"use": "softmax"}, **changes})
    ((note),) = check_built(plan, catalog, tmp_path).entries
    assert (note.note, note.message, note.path) == (True, said, next(iter(changes)))
    assert [each.split("\n")[0] for each in assemble(plan, catalog, tmp_path).notes()] == [f"{note.mark}: note: {said}"]


@pytest.mark.parametrize(
    ("batches", "samples", "said"),
    [
        ([[3, 3], [3, 3]], 9, "batch 1 of epoch 1 holds sample 3 alone, 2 times, and the data has 9 samples"),
        ([[3], [3]], 9, "all 2 batches of epoch 1 hold the same 1 sample of 9"),
        ([[0, 0], [0, 0]], 1, ""),
        ([[3, 4]], 9, ""),
        ([[0, 1], [1, 0]], 2, ""),
        ([[3, 3, 4], [5, 4, 4]], 9, ""),
    ],
)
def test_batches_that_are_alike_are_noted_once_and_few_photos_not(
    batches: list[list[int]], samples: int, said: str
) -> None:
    notes = list(sameness_notes(batches, samples, Spec("sampler", "mine/four", "sampler", {})))
    assert [note.message for note in notes] == ([said] if said else [])


def test_a_loss_without_classes_does_not_mind_labels_without_images(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, section("data", "sets", "gaps"))
    assert check_built(plan, catalog, tmp_path).entries == []


def test_a_data_set_without_samples_is_said_before_its_sampler(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, section("data", "sets", "empty"))
    ((problem),) = check_built(plan, catalog, tmp_path).entries
    assert (problem.path, problem.mark) == ("data", plan.data.mark)
    assert problem.message.startswith("file:mistakes.py/sets has no samples, so nothing can be trained")


def test_a_label_of_a_later_batch_that_the_data_does_not_state_ends_the_run(catalog: Catalog, tmp_path: Path) -> None:
    plan = planned(catalog, tmp_path, {**section("data", "sets", "late"), "sampler": {"use": "turning"}})
    dry_run(plan, catalog, tmp_path)
    said = f"^data: {WHO}sets: sample 17 has the label 99, and its data set's `labels` say 4$"
    with pytest.raises(PluginError, match=said):
        start(plan, catalog, tmp_path, tmp_path / "run")


def test_an_evaluation_that_fails_is_done_again_by_resume(catalog: Catalog, tmp_path: Path) -> None:
    """The epoch is not lost: its checkpoint is there, and the run ends as one that never failed."""
    late = {"evaluate": {"held_out": {"use": "late", "pairs": {"use": "noise_pairs"}}}}
    plan = planned(catalog, tmp_path, late, "train.epochs=2")
    (tmp_path / "broken").touch()
    said = rf"late failed in evaluate: KeyError: 'broken' {PLACE}; the epoch is saved, .*: maskrec resume .*run"
    said += " --allow-drift$"
    with pytest.raises(PluginError, match=said):
        start(plan, catalog, tmp_path, tmp_path / "run")
    position = state(tmp_path / "run")["position"]
    assert (position["epoch"], position["batches"], position["step"]) == (0, 3, 3)
    (tmp_path / "broken").unlink()
    resume(tmp_path / "run", catalog, {})
    start(plan, catalog, tmp_path, tmp_path / "whole")
    there, here = state(tmp_path / "run"), state(tmp_path / "whole")
    for side in ("backbone", "loss"):
        assert all(torch.equal(there[side][name], tensor) for name, tensor in here[side].items())
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("run", "whole")]
    assert results[0] == results[1]
    kept = [
        [{k: v for k, v in row.items() if k not in ("time", "images_per_second")} for row in rows(tmp_path / name)]
        for name in ("run", "whole")
    ]
    assert kept[0] == kept[1]


def test_an_observer_that_ends_the_program_is_detached_and_a_misspelt_event_is_noted(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(catalog, tmp_path, {"observe": {"mine": {"use": "observers"}, "other": {"use": "stateful"}}})
    start(plan, catalog, tmp_path, tmp_path / "run")
    out = capsys.readouterr().out
    assert "observers has a method `on_evaluation`, which no event calls: did you mean on_evaluate?" in out
    assert re.search(rf"^observe\.mine raised SystemExit: 0 {PLACE}; it receives no more events", out, re.MULTILINE)
    assert re.search(rf"^observe\.other raised KeyError: 'state' {PLACE}; it receives no more", out, re.MULTILINE)


def test_two_processes_say_the_same_and_end_together(tmp_path: Path) -> None:
    """A sampler that looks at its process, a last batch of one image a process, a buffer that one process spoils."""
    runs = {
        "rank": section("sampler", "samplers", "rank"),
        "last": {"backbone": {"use": "linear", "batch_norm": True}, **section("sampler", "samplers", "two")},
        "buffer": section("backbone", "nets", "rank"),
    }
    (tmp_path / "runs.yaml").write_text(yaml.safe_dump(runs))
    for done in run_ranks(2, [Path(__file__).with_name("check_all.py"), tmp_path]):
        assert done.returncode == 0, done.stdout + done.stderr
    first, second = (json.loads((tmp_path / f"said-{rank}.json").read_text()) for rank in (0, 1))
    assert first["rank"] == second["rank"]
    assert first["rank"][0] == 3
    assert "samplers gives process 1 other batches of epoch 1 than process 0" in first["rank"][1]
    assert first["last"] == [second["last"][0], second["last"][1].replace("last-1.yaml", "last-0.yaml")]
    assert first["last"][0] == 2
    assert "has 2 images for 2 processes, and batch norm needs two in each" in first["last"][1]
    assert "a gradient or buffer of another process is not finite at step 1 " in first["buffer"][1]
    assert "the buffer backbone.norm.running_var is not finite at step 1 " in second["buffer"][1]
    assert not (tmp_path / "rank").exists()
    assert not (tmp_path / "last").exists()
    assert not (tmp_path / "buffer" / "checkpoints" / "last.safetensors").exists()
