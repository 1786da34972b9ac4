"""The validation loss: what is held out, what is computed on it, and that nothing of the training changes by it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_comparison import differences, rows_without_times
from small_recipe import PIECES, write_recipe

from maskrec.base.errors import PluginError
from maskrec.contracts.problem import RecipeError
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.recipe.validation_settings import Validation
from maskrec.recipe.writing import resolved_yaml
from maskrec.runtime.loading import load
from maskrec.runtime.state_tree import load_tree
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.held_out import hold_out, validation_batches
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.validation_loss import ValidationLoss, _copied

Train = Callable[..., Path]
PAIRWISE: dict[str, Any] = {
    "backbone": {"use": "normed"},
    "loss": {
        "use": "triplet",
        "miner": {"use": "easy_positive"},
        "memory": {"use": "cross_batch_memory", "size": 20, "start": 1},
    },
}
PHOTOS, PEOPLE = "train.validation.images_per_identity=2", "train.validation.fraction=0.34"


LABELS = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4]


class Faces:
    """Sixteen samples of five people, two of whom are seen often; an image holds its own number."""

    has_landmarks, caveat = False, "drawn"

    def __init__(self, labels: list[int] = LABELS) -> None:
        self.labels, self.num_classes = labels, max(labels) + 1
        self.identities = [f"Ann {label}" for label in range(self.num_classes)]
        self.masked = [place % 3 == 0 for place in range(16)]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        image = torch.full((3, 2, 2), index, dtype=torch.uint8)
        return Sample(image, self.labels[index], None, self.masked[index], str(index))

    def read_into(self, indices: Any, space: Any) -> SampleColumns:
        space[:] = np.asarray(indices)[:, None, None, None]
        labels, masked = (np.array([column[index] for index in indices]) for column in (self.labels, self.masked))
        return SampleColumns(labels, None, masked)


def validated(run: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in rows_without_times(run) if row["kind"] == "validation"]


def made(folder: Path, changes: dict[str, Any], *overrides: str) -> tuple[Plan, Assembly]:
    catalog = discover([PIECES])
    recipe = write_recipe(folder, {"evaluate": None, **changes})
    plan = resolve(recipe, catalog=catalog, overrides=overrides, data_root=folder)
    return plan, assemble(plan, catalog, folder)


@pytest.mark.parametrize("seed", range(5))
def test_held_out_people_are_trained_nowhere_and_numbered_after_the_others(seed: int) -> None:
    faces = Faces()
    held = hold_out(faces, Validation(fraction=0.4), "people", seed)
    one, other = held.trained, held.validation
    assert sorted([*one.rows, *other.rows]) == list(range(16))
    assert (sorted(set(one.labels)), sorted(set(other.labels))) == ([0, 1, 2], [3, 4])
    assert one.num_classes == 3
    for part in (one, other):
        assert part.masked == [faces.masked[row] for row in part.rows]
        space = np.zeros((len(part), 2, 2, 3), np.uint8)
        assert part.read_into is not None
        columns = part.read_into(range(len(part)), space)
        for place, row in enumerate(part.rows):
            sample = part[place]
            assert part.identities[sample.label] == faces.identities[faces.labels[row]]
            assert (int(sample.image[0, 0, 0]), space[place, 0, 0, 0]) == (row, row)
            assert part.labels[place] == sample.label == columns.labels[place]
    record = held.record()
    assert (record["held_out"], record["people"], record["photos"]) == ("people", 2, len(other))
    assert record == hold_out(Faces(), Validation(fraction=0.4), "people", seed).record()


@pytest.mark.parametrize("wrong", [4, 99, -1, "Ann"])
def test_a_wrong_label_of_held_out_people_is_not_numbered_away(wrong: Any) -> None:
    class Wrong(Faces):
        """One sample is of another person than its label says."""

        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            return replace(sample, label=wrong) if index == 12 else sample

        def read_into(self, indices: Any, space: Any) -> SampleColumns:
            return replace(super().read_into(indices, space), labels=np.array([self[index].label for index in indices]))

    held = hold_out(Wrong(), Validation(fraction=0.4), "people", 0)
    part = next(each for each in (held.trained, held.validation) if 12 in each.rows)
    assert part.rows.tolist().index(12) != 12
    said = "must be an integer" if wrong == "Ann" else "and its data set's `labels` say"
    with pytest.raises(PluginError, match=f"^data: mine/x: sample 12 has the label .*{said}"):
        list(load(part, [[(row, row) for row in range(len(part))]], 0, False, "data: mine/x"))
    if wrong != "Ann":
        assert part.read_into is not None
        columns = part.read_into(range(len(part)), np.zeros((len(part), 2, 2, 3), np.uint8))
        assert columns.labels.tolist() == [part[row].label for row in range(len(part))] != part.labels


@pytest.mark.parametrize("seed", range(5))
def test_held_out_photos_leave_each_person_one(seed: int) -> None:
    held = hold_out(Faces(), Validation(fraction=0.5), "photos", seed)
    assert set(held.trained.labels) == set(range(5)) == set(range(held.trained.num_classes))
    assert np.bincount(held.validation.labels, minlength=5).tolist() in ([3, 2, 1, 1, 0], [3, 3, 1, 1, 0])
    others = {hold_out(Faces(), Validation(fraction=0.5), "photos", each).record()["samples"] for each in range(5)}
    assert len(others) > 1, "another seed holds out other photos"


def test_batches_hold_each_sample_once_and_all_photos_of_a_person_beside_each_other() -> None:
    labels = [place % 7 for place in range(59)]
    batches = validation_batches(labels, 10, 3)
    assert sorted(place for batch in batches for place in batch) == list(range(59))
    assert [len(batch) for batch in batches] == [10, 10, 10, 10, 10, 9]
    assert [len(batch) for batch in validation_batches(labels[:54], 10, 3)] == [10, 10, 10, 10, 14]
    order = [labels[place] for batch in batches for place in batch]
    assert sum(one != other for one, other in pairwise(order)) == 6
    assert order != sorted(order)


def test_it_is_the_loss_of_the_held_out_photos_by_another_way(tmp_path: Path) -> None:
    """ArcFace's formula over all of them at once, in eval mode, in float64."""
    changes = {"backbone": {"use": "normed"}, "transforms": None, "sampler": {"use": "shuffled", "batch_size": 5}}
    _, assembly = made(tmp_path, changes, PHOTOS, "train.precision=float64")
    stepper = TrainStep(assembly)
    with torch.no_grad():
        for buffer in stepper.backbone.buffers():  # statistics that a training has left
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    found = ValidationLoss(assembly, stepper).compute(0)
    data = assembly.held_out
    assert data is not None
    samples = [data.validation[place] for place in range(len(data.validation))]
    labels = torch.tensor([sample.label for sample in samples])
    images = torch.stack([sample.image for sample in samples]).double() / 255
    stepper.backbone.eval()
    spec = assembly.backbone.input_spec
    mean, std = (torch.tensor(each, dtype=torch.float64)[:, None, None] for each in (spec.mean, spec.std))
    with torch.no_grad():
        rows = torch.nn.functional.normalize(stepper.backbone((images - mean) / std))
        (weight,) = stepper.loss.parameters()
        cosines = rows @ torch.nn.functional.normalize(weight).T
        angles = torch.acos(cosines.gather(1, labels[:, None]))
        assert float(angles.max()) + 0.2 < math.pi
        logits = 16 * cosines.scatter(1, labels[:, None], torch.cos(angles + 0.2))
        expected = torch.nn.functional.cross_entropy(logits, labels)
    assert len(samples) == 12
    assert found == pytest.approx(float(expected), abs=1e-10)


@pytest.mark.parametrize(("changes", "what"), [({"backbone": {"use": "normed"}}, PHOTOS), (PAIRWISE, PEOPLE)])
def test_nothing_of_the_training_changes_by_it(train: Train, changes: dict[str, Any], what: str) -> None:
    """Dropout's random numbers, batch norm's statistics, the loss's memory."""
    changes = {"evaluate": None, **changes}
    often, never = (train(f"at{each}", changes, what, f"train.validation.every={each}") for each in (1, 99))
    states = [load_tree(run / "checkpoints" / "last.safetensors") for run in (often, never)]
    for state in states:
        state.pop("run_id")
        state.pop("metrics_bytes")
    assert differences(*states) == []
    rows = [[row for row in rows_without_times(run) if row["kind"] != "validation"] for run in (often, never)]
    assert rows[0] == rows[1]
    steps = [row["step"] for row in rows[0] if row["kind"] == "step"]
    assert [step for step, _ in validated(often)] == steps != []
    assert len({loss for _, loss in validated(often)}) == len(steps), "weights move, so the loss does"
    assert validated(never) == []


@pytest.mark.parametrize(("changes", "what"), [({}, PHOTOS), (PAIRWISE, PEOPLE)])
def test_a_run_that_goes_on_has_the_same_values(train: Train, go_on: Train, changes: dict[str, Any], what: str) -> None:
    """From a checkpoint within an epoch: of step 4, or 3, of six or four."""
    run = train("run", {**changes, "evaluate": None}, what, "train.validation.every=1", "train.checkpoint_every=3")
    before, copy = validated(run), run.with_name("copy")
    shutil.copytree(run, copy)
    (copy / "result.json").unlink()
    (copy / "checkpoints" / "previous.safetensors").replace(copy / "checkpoints" / "last.safetensors")
    step = load_tree(copy / "checkpoints" / "last.safetensors")["position"]["step"]
    assert 0 < step < before[-1][0]
    go_on(copy)
    assert validated(copy) == before
    ends = [load_tree(each / "checkpoints" / "last.safetensors") for each in (run, copy)]
    for state in ends:
        state.pop("metrics_bytes")
    assert differences(*ends) == []


def test_by_default_it_is_computed_at_each_epochs_end_and_recorded(train: Train) -> None:
    run = train("run", {"evaluate": None}, PHOTOS)
    assert [row["kind"] for row in rows_without_times(run)] == [*["step"] * 2, "validation", "epoch"] * 2
    record = json.loads((run / "provenance.json").read_text())
    assert record["validation"]["held_out"] == "photos"
    assert (record["validation"]["people"], record["validation"]["photos"]) == (6, 12)
    assert record["data"]["train.validation"] == record["validation"]["samples"]
    assert "validation: {fraction: null, images_per_identity: 2, every: null}" in (run / "recipe.yaml").read_text()


def test_a_recipe_that_does_not_ask_is_resolved_as_before(tmp_path: Path) -> None:
    plan, assembly = made(tmp_path, {})
    assert "validation" not in resolved_yaml(plan)
    assert assembly.held_out is None


MISTAKES = {
    "fraction: 0": "`fraction` must be above 0 and below 1, not 0",
    "fraction: 1": "`fraction` must be above 0 and below 1, not 1",
    "fraction: half": "`fraction` must be a number",
    "images_per_identity: 0": "`images_per_identity` must be at least 1, not 0",
    "images_per_identity: 8": "all photos of 6 of 6 people would be held out: label 0 has 8 and `images_per_identity`",
    "fraction: 0.1, images_per_identity: 1": "needs either `fraction` or `images_per_identity`, and has both",
    "every: 2": "needs either `fraction` or `images_per_identity`, and has neither",
    "fraction: 0.1, every: 0": "`every` must be at least 1, not 0",
    "fracton: 0.1": "`validation` has no `fracton`",
    "fraction: 0.00001": "`fraction` 1e-05 holds out no photo of 6 people with at most 8 photos each",
}


@pytest.mark.parametrize("written", MISTAKES)
def test_a_mistake_is_a_sentence(written: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as raised:
        made(tmp_path, {}, f"train.validation={{{written}}}")
    assert MISTAKES[written] in str(raised.value)
    assert "command line" in str(raised.value)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("fraction: 0.1", "holds out 1 of 6 people, and this loss needs at least 2 on either side; set it between"),
        ("fraction: 0.9", "holds out 5 of 6 people, and this loss needs at least 2 on either side; set it between"),
        ("images_per_identity: 1", "set `fraction` to the share of people instead"),
    ],
)
def test_a_loss_that_compares_people_needs_two_on_either_side(written: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as raised:
        made(tmp_path, {"loss": {"use": "triplet"}}, f"train.validation={{{written}}}")
    assert words in str(raised.value)


def test_people_with_one_photo_each_give_no_pairs() -> None:
    faces = Faces([*range(16)])
    with pytest.raises(ValueError, match="each of the 4 people held out has one photo only"):
        hold_out(faces, Validation(fraction=0.25), "people", 0)


def test_a_loss_that_cannot_be_copied_is_named() -> None:
    class Holding(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.file = (line for line in "")

    with pytest.raises(PluginError, match=r"mine/holding cannot be copied, which train\.validation needs"):
        _copied(Holding(), "mine/holding")
