"""The loader gives the samples' own bytes with any workers, and never overwrites a batch that is still held."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from maskrec.base.errors import MaskrecError, PluginError, UsageError
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.runtime.buffers import SharedBatches
from maskrec.runtime.loading import EpochLoader, LoadedBatch, load
from maskrec.runtime.sample_checks import sample_problem


class Faces:
    """Images of noise; faults to raise, by index."""

    def __init__(self, number: int = 50, wrong: dict[int, Any] | None = None, by_pixel: bool = False) -> None:
        self.images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (number, 3, 8, 6), np.uint8))
        if by_pixel:
            self.images = self.images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        self.points = torch.randn(number, 5, 2, generator=torch.Generator().manual_seed(1))
        self.wrong = wrong or {}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        wrong = self.wrong.get(index)
        if isinstance(wrong, BaseException):
            raise wrong
        if isinstance(wrong, str) and wrong == "die":
            os._exit(3)
        if isinstance(wrong, str) and wrong == "none":
            return None  # type: ignore[return-value]
        if isinstance(wrong, str) and wrong == "label":
            return Sample(self.images[index], "seven", None, False, "")  # type: ignore[arg-type]
        image = self.images[index] if wrong is None or isinstance(wrong, str) else wrong
        points = None if isinstance(wrong, str) else self.points[index]
        return Sample(image, index * 3, points, index % 2 == 0, str(index))


def _places(sizes: Sequence[int], number: int = 50) -> list[list[tuple[int, int]]]:
    order, batches, start = random.Random(5), [], 0
    for size in sizes:
        batches.append([(start + k, order.randrange(number)) for k in range(size)])
        start += size
    return batches


def _check(batch: LoadedBatch, faces: Faces, places: Sequence[tuple[int, int]]) -> None:
    indices = [index for _, index in places]
    assert torch.equal(batch.images, faces.images[indices])
    assert batch.to(torch.device("cpu")).images.is_contiguous()
    assert batch.images.dtype == torch.uint8
    assert batch.labels.tolist() == [index * 3 for index in indices]
    assert batch.labels.dtype == batch.indices.dtype == batch.positions.dtype == torch.int64
    assert batch.landmarks is not None
    assert torch.equal(batch.landmarks, faces.points[indices])
    assert batch.masked.tolist() == [index % 2 == 0 for index in indices]
    assert batch.masked.dtype == torch.bool
    assert batch.indices.tolist() == indices
    assert batch.positions.tolist() == [position for position, _ in places]


@pytest.mark.parametrize("by_pixel", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_batch_holds_its_samples(workers: int, by_pixel: bool) -> None:
    faces, places = Faces(by_pixel=by_pixel), _places([4, 9, 1, 4, 9, 2, 5, 5, 5, 5, 5, 5, 5, 5, 3])
    batches = 0
    for batch, wanted in zip(load(faces, places, workers, pin=False), places, strict=True):
        _check(batch, faces, wanted)
        batches += 1
    assert batches == len(places)


def test_a_data_set_that_fills_the_space_itself() -> None:
    class Filling(Faces):
        """A batch at once."""

        def __getitem__(self, index: int) -> Sample:
            assert os.getpid() == here, "filled at once, not one by one"
            return super().__getitem__(index)

        def read_into(self, indices: Sequence[int], images: np.ndarray[Any, np.dtype[np.uint8]]) -> SampleColumns:
            samples = [Faces.__getitem__(self, index) for index in indices]
            images[:] = torch.stack([sample.image for sample in samples]).permute(0, 2, 3, 1).numpy()
            points = [sample.landmarks for sample in samples if sample.landmarks is not None]
            return SampleColumns(
                np.array([sample.label for sample in samples]),
                torch.stack(points).numpy(),
                np.array([sample.masked for sample in samples]),
            )

    here = os.getpid()
    faces, places = Filling(by_pixel=True), _places([6, 2] * 10)
    for batch, wanted in zip(load(faces, places, 2, pin=False), places, strict=True):
        _check(batch, faces, wanted)


@pytest.mark.parametrize("error", [UsageError("a.jpg: truncated"), ValueError("odd")])
def test_a_batch_that_cannot_be_filled(error: Exception) -> None:
    class Failing(Faces):
        def read_into(self, indices: Sequence[int], images: object) -> SampleColumns:
            raise error

    faces, places = Failing(wrong={3: error}, by_pixel=True), _places([6] * 20)
    wanted = "a.jpg: truncated" if isinstance(error, UsageError) else "sample 3 cannot be read: ValueError: odd"
    with pytest.raises(MaskrecError, match=wanted):
        list(load(faces, places, 2, pin=False))


class Stated(Faces):
    """A data set: the image ``at`` has another label than `labels` say."""

    num_classes = 150

    def __init__(self, at: int, by_batch: bool) -> None:
        super().__init__(by_pixel=True)
        self.at, self.labels = at, [index * 3 for index in range(50)]
        if by_batch:
            self.read_into = self._filled

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        return replace(sample, label=149) if index == self.at else sample

    def _filled(self, indices: Sequence[int], images: Any) -> SampleColumns:
        samples = [self[index] for index in indices]
        images[:] = torch.stack([sample.image for sample in samples]).permute(0, 2, 3, 1).numpy()
        masked = np.array([sample.masked for sample in samples])
        return SampleColumns(np.array([sample.label for sample in samples]), None, masked)


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_label_that_the_data_set_does_not_state_is_refused_in_any_batch(workers: int, by_batch: bool) -> None:
    places = [[(8 * batch + row, 8 * batch + row) for row in range(8)] for batch in range(5)]
    batches = load(Stated(33, by_batch), places, workers, pin=False, who="data: mine/people")
    labels = [next(batches).labels.tolist() for _ in range(4)]
    assert labels == [[3 * index for _, index in batch] for batch in places[:4]]
    said = "^data: mine/people: sample 33 has the label 149, and its data set's `labels` say 99$"
    with pytest.raises(PluginError, match=said):
        next(batches)


def test_images_of_pairs_promise_no_label() -> None:
    class Named(Faces):
        """Images with names of people as their labels, and no classes."""

        labels = ("Ann",) * 50

    assert [batch.labels.tolist() for batch in load(Named(), [[(0, 3)]], 0, pin=False)] == [[9]]


@pytest.mark.parametrize("kept", [list, tuple, np.array, torch.tensor, lambda labels: array("q", labels)])
def test_labels_may_be_stated_in_any_sequence(kept: Any) -> None:
    faces = Stated(4, by_batch=False)
    faces.labels = kept(faces.labels)
    assert [batch.labels.tolist() for batch in load(faces, [[(0, 3), (1, 7)]], 0, pin=False)] == [[9, 21]]
    with pytest.raises(PluginError, match="sample 4 has the label 149, and its data set's `labels` say 12"):
        list(load(faces, [[(0, 3), (1, 4)]], 0, pin=False))


SIX = SampleColumns(np.arange(6), np.zeros((6, 5, 2), np.float32), np.zeros(6, bool))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (None, r"returned None from read_into; it must return SampleColumns"),
        (
            replace(SIX, labels=np.arange(5)),
            r"returned an array \(5,\) for labels from read_into; they must be an array",
        ),
        (replace(SIX, labels=list(range(6))), r"returned a list for labels from read_into; they must be an"),
        (replace(SIX, masked=np.zeros((6, 1), bool)), r"returned an array \(6, 1\) for masked from read_into"),
        (replace(SIX, landmarks=np.zeros((6, 2, 5))), r"returned an array \(6, 2, 5\) for landmarks from read_into"),
        (replace(SIX, landmarks=None), None),
        (SIX, None),
    ],
)
def test_what_a_data_set_returns_of_a_batch_is_checked(columns: Any, said: str | None) -> None:
    class Answering(Faces):
        def read_into(self, indices: Sequence[int], images: object) -> Any:
            return columns

    faces, places = Answering(by_pixel=True), _places([6] * 3)
    if said is None:
        assert len(list(load(faces, places, 2, pin=False))) == 3
    else:
        with pytest.raises(PluginError, match=f"the data set {said}"):
            list(load(faces, places, 2, pin=False))


def test_batches_that_are_kept_stay_as_they_were() -> None:
    """More batches than there are slots; also a view of a batch that was itself released."""
    faces, places = Faces(), _places([6] * 40)
    kept, views = [], []
    for number, batch in enumerate(load(faces, places, 2, pin=False)):
        if number % 3 == 0:
            kept.append((batch, places[number]))
        if number % 3 == 1:
            views.append((batch.images[2:3], places[number]))
    for batch, wanted in kept:
        _check(batch, faces, wanted)
    for view, wanted in views:
        assert torch.equal(view, faces.images[[wanted[2][1]]])


def test_writing_into_a_batch_changes_no_other() -> None:
    faces, places = Faces(), _places([6] * 30)
    for batch, wanted in zip(load(faces, places, 2, pin=False), places, strict=True):
        _check(batch, faces, wanted)
        batch.images.zero_()
        batch.labels.zero_()


def test_nothing_is_drawn_from_global_generators() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    list(load(Faces(), _places([4] * 5), 2, pin=False))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("workers", [0, 2])
def test_landmarks_of_some_samples_only_are_none(workers: int) -> None:
    faces = Faces(wrong={7: "no landmarks"})
    with_it, without = load(faces, [[(0, 1), (1, 7)], [(2, 1), (3, 2)]], workers, pin=False)
    assert with_it.landmarks is None
    assert without.landmarks is not None


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("first", [0, 7])
def test_an_error_comes_in_its_own_words(workers: int, first: int) -> None:
    faces = Faces(wrong={7: UsageError("photo seven is gone"), 8: KeyError("x")})
    with pytest.raises(UsageError, match=r"^photo seven is gone$"):
        list(load(faces, [[(0, first), (1, 7)]], workers, pin=False))
    with pytest.raises(MaskrecError, match="sample 8 cannot be read: KeyError"):
        list(load(faces, [[(0, first and 8), (1, 8)]], workers, pin=False))


WRONG_SAMPLES = {
    "another size": torch.zeros(3, 8, 9, dtype=torch.uint8),
    "float among uint8": torch.zeros(3, 8, 6),
    "grey": torch.zeros(8, 6, dtype=torch.uint8),
    "an array": np.zeros((3, 8, 6), np.uint8),
    "None": "none",
    "a word": "label",
    "raising": ValueError("odd"),
    "ending the program": SystemExit(0),
}


@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize("wrong", WRONG_SAMPLES.values(), ids=WRONG_SAMPLES.keys())
def test_a_wrong_sample_is_named_in_the_same_words_whatever_the_workers(wrong: Any, first: int) -> None:
    """Among correct samples, and as the first one."""
    said = {}
    for workers in (0, 2):
        with pytest.raises(PluginError) as raised:
            list(load(Faces(wrong={7: wrong}), [[(0, first), (1, 7)], [(2, 2)]], workers, pin=False, who="data: mine"))
        said[workers] = str(raised.value)
    assert said[0] == said[2]
    assert said[0].startswith("data: mine: sample 7 ") or (first == 7 and "sample 2 has an image" in said[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"image": np.zeros((3, 8, 6), np.uint8)},
            r"has an ndarray as its image; .* \(3, H, W\): torch.from_numpy makes",
        ),
        ({"image": None}, r"has None as its image; an image must be a uint8 tensor \(3, H, W\)$"),
        ({"label": "seven"}, "has the label 'seven'; a label must be an integer"),
        ({"masked": 1}, "has masked=1; it must be True or False"),
        ({"landmarks": [1, 2]}, r"has a list as its landmarks; they must be a tensor \(5, 2\) or None"),
        ({"landmarks": torch.zeros(10)}, r"has a tensor of shape \(10,\) as its landmarks; they must"),
    ],
)
def test_what_is_wrong_with_a_sample_is_a_sentence(changes: dict[str, Any], said: str) -> None:
    problem = sample_problem(replace(Faces()[3], **changes), None)
    assert problem is not None
    assert re.match(said, problem)


def test_floating_point_images_are_refused() -> None:
    """They would be divided by 255 once more."""
    faces = Faces()
    faces.images = faces.images.double() / 255
    with pytest.raises(PluginError, match=r"sample 1 has an image of torch\.float64 \(3, 8, 6\); images must be torch"):
        list(load(faces, [[(0, 1), (1, 7)]], 1, pin=False))


def test_a_worker_that_dies_is_reported() -> None:
    with pytest.raises(MaskrecError, match=r"a loader process was killed.*train\.workers"):
        list(load(Faces(wrong={7: "die"}), [[(0, 1)], [(1, 7)]], 1, pin=False))


def test_slots_are_free_when_all_views_are_gone() -> None:
    slots = SharedBatches(2, 4, (3, 2, 2))
    one, two = slots.take(), slots.take()
    assert {one, two} == {0, 1}
    assert slots.take() is None
    assert one is not None
    slots.space(one)[:] = 7
    batch = slots.batch(one, 3)
    assert batch.shape == (3, 3, 2, 2)
    assert (batch == 7).all()
    view = batch[1:].float()[0]  # a copy
    part = batch[1]
    del batch
    assert slots.take() is None
    del part
    assert slots.take() == one
    assert (view == 7).all()


class ByProcess(Faces):
    """Labels are the number of the process that read the sample."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        return Sample(sample.image, os.getpid(), sample.landmarks, sample.masked, sample.path)


def test_loader_processes_stay_over_epochs_and_change_no_byte() -> None:
    faces, epochs, all_processes = ByProcess(), [_places([6] * 8), _places([3] * 9), _places([6] * 4)], []
    with EpochLoader(faces, 2, pin=False) as loader:
        for places in epochs:
            processes = set()
            for batch, wanted in zip(loader.batches(places), places, strict=True):
                assert torch.equal(batch.images, faces.images[[index for _, index in wanted]])
                assert batch.positions.tolist() == [position for position, _ in wanted]
                processes |= set(batch.labels.tolist())
            all_processes.append(processes)
    assert len(all_processes[0]) == 2
    assert os.getpid() not in all_processes[0]
    assert all(processes <= all_processes[0] for processes in all_processes)


def test_an_epoch_of_larger_batches_or_of_more_of_them_gets_other_processes() -> None:
    faces = Faces()
    with EpochLoader(faces, 2, pin=False) as loader:
        for places in (_places([2]), _places([2, 2]), _places([9, 4, 1]), [], _places([2] * 5)):
            for batch, wanted in zip(loader.batches(places), places, strict=True):
                _check(batch, faces, wanted)


def test_a_killed_process_is_noticed_at_the_next_batch_and_nowhere_else() -> None:
    """Not in the middle of the training step that runs when the signal comes."""
    faces, places = ByProcess(), _places([2] * 200)
    batches = load(faces, places, 2, pin=False)
    victim = int(next(batches).labels[0])
    os.kill(victim, signal.SIGKILL)
    for _ in range(100):
        time.sleep(0.005)  # a handler that raises would do so here
    with pytest.raises(MaskrecError, match="a loader process was killed"):
        list(batches)


def test_a_process_that_is_killed_between_two_epochs_is_noticed_at_the_next() -> None:
    with EpochLoader(ByProcess(), 2, pin=False) as loader:
        victim = {int(batch.labels[0]) for batch in loader.batches(_places([2] * 6))}.pop()
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.05)
        with pytest.raises(MaskrecError, match="a loader process was killed"):
            list(loader.batches(_places([2] * 6)))
