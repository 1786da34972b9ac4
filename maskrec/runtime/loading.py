"""From a sampler's global batches to this process's tensors, the same whatever the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from maskrec.base.errors import MaskrecError, PluginError
from maskrec.base.interrupts import INTERRUPTS
from maskrec.contracts.call_into import failure_of, own_words
from maskrec.contracts.component_calls import batch_reader
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.runtime.buffers import SharedBatches, buffers_for
from maskrec.runtime.epoch_batches import Place
from maskrec.runtime.loader_processes import HandedBatches, iterate
from maskrec.runtime.sample_checks import columns_problem, image_of, number_of, sample_problem
from maskrec.runtime.stated_labels import StatedLabels


class Samples(Protocol):
    """Anything that gives samples by index: a data set, the images of a pair set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """This process's part of a global batch, as workers made it: uint8 images, everything else per sample.

    Images may be stored by pixel (channels last), as decoders leave them; ``to`` brings them into planes. ``whole`` is
    how many samples the global batch has, None where that is not known.
    """

    images: Tensor
    labels: Tensor
    landmarks: Tensor | None
    masked: Tensor
    indices: Tensor
    positions: Tensor
    whole: int | None = None

    def to(self, device: torch.device) -> LoadedBatch:
        """The batch on a device, its images contiguous; the same batch where it is so already."""
        if self.images.device == device and self.images.is_contiguous():
            return self
        moved = {name: getattr(self, name) for name in ("images", "labels", "masked", "indices", "positions")}
        moved = {name: value.to(device, non_blocking=True) for name, value in moved.items()}
        moved["images"] = moved["images"].contiguous()
        landmarks = None if self.landmarks is None else self.landmarks.to(device, non_blocking=True)
        return replace(self, landmarks=landmarks, **moved)


def load(
    samples: Samples, places: Sequence[Sequence[Place]], workers: int, pin: bool, who: str = ""
) -> Iterator[LoadedBatch]:
    """Batches in order.

    Args:
        samples: read by index.
        places: of each batch.
        workers: processes that read; 0 reads in this one.
        pin: whether the batches are pinned for copies to a device.
        who: names the data set in messages: ``data: maskrec/image_csv``.

    Raises:
        PluginError: the data set raises, or returns something other than samples of one size with the labels that it
            states.
        MaskrecError: a sample cannot be read (the data set's own message), or a loader process was killed.
    """
    with EpochLoader(samples, workers, pin, who) as loader:
        yield from loader.batches(places)


class EpochLoader:
    """Loads batches epoch after epoch; its processes stay, unless an epoch needs others.

    They hold the samples as these were when they started. Used as a context manager, which ends them.

    Args:
        samples: what is loaded.
        workers: loader processes; 0 loads in this one.
        pin: whether batches are pinned in memory.
        who: names the data set in messages.
    """

    def __init__(self, samples: Samples, workers: int, pin: bool, who: str = "") -> None:
        self.samples, self.workers, self.pin, self.who = samples, workers, pin, who
        self._stated = StatedLabels(samples, who)
        self._loader: DataLoader[Any] | None = None
        self._handed = HandedBatches((), None)

    def batches(self, places: Sequence[Sequence[Place]]) -> Iterator[LoadedBatch]:
        """An epoch's batches in order; raises as `load` does."""
        workers = min(self.workers, len(places))
        if self._loader is None or not self._fits(self._loader, places, workers):
            self._loader = None  # ends its processes before others start
            self._loader = self._begun(places, workers)
        self._handed.places = places
        for parcel in iterate(self._loader):
            if isinstance(parcel, Exception):
                raise parcel
            self._stated.hold(parcel.labels, parcel.places[:, 1])
            yield _unpacked(parcel, self._handed.slots)
            del parcel  # otherwise its slot would stay in use for one more batch

    def _fits(self, loader: DataLoader[Any], places: Sequence[Sequence[Place]], workers: int) -> bool:
        slots = self._handed.slots
        return loader.num_workers == workers and (slots is None or max(map(len, places), default=0) <= slots.rows)

    def _begun(self, places: Sequence[Sequence[Place]], workers: int) -> DataLoader[Any]:
        index = next((place[1] for batch in places for place in batch), None) if workers else None
        first = None if index is None else image_of(self.samples, index)
        self._handed = HandedBatches(places, buffers_for(first, max(map(len, places), default=0), workers))
        shape = None if first is None else tuple(first.shape)
        return DataLoader(
            _Placed(self.samples, self._handed.slots, shape, self.who),  # type: ignore[arg-type]
            batch_sampler=self._handed,  # type: ignore[arg-type]
            num_workers=workers,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            pin_memory=self.pin,
            persistent_workers=workers > 0,
            # Its own: otherwise creating an iterator draws from the global generator and a resumed run diverges from
            # the first.
            generator=torch.Generator(),
        )

    def __enter__(self) -> EpochLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self._loader = None


class _Parcel(NamedTuple):
    """A batch in flight from a worker: arrays, which need no shared memory of their own."""

    images: Tensor | int  # or the slot they are in
    labels: NDArray[np.int64]
    landmarks: NDArray[np.float32] | None
    masked: NDArray[np.bool_]
    places: NDArray[np.int64]


class _Placed:
    """Samples by place; an error comes back as a value, so that it reaches the user in its own words."""

    def __init__(self, samples: Samples, slots: SharedBatches | None, shape: tuple[int, ...] | None, who: str) -> None:
        self.samples, self.slots, self.shape, self.who = samples, slots, shape, f"{who}: " if who else ""
        self.read_into: Callable[[Sequence[int], NDArray[np.uint8]], SampleColumns] | None = None
        if slots is not None and slots.by_pixel:
            self.read_into = batch_reader(samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitems__(self, handed: tuple[int | None, NDArray[np.int64]]) -> _Parcel | Exception:
        """The whole batch, each image written into its slot as soon as it is there."""
        slot, places = handed
        space = None if slot is None or self.slots is None else self.slots.space(slot)[: len(places)]
        if slot is not None and space is not None and self.read_into is not None:
            return self._filled(slot, space, places)
        return self._one_by_one(slot, space, places)

    def _filled(self, slot: int, space: NDArray[np.uint8], places: NDArray[np.int64]) -> _Parcel | Exception:
        assert self.read_into is not None
        try:
            columns = self.read_into(places[:, 1].tolist(), space.transpose(0, 2, 3, 1))
            problem = columns_problem(columns, len(places))
        except MaskrecError as error:
            return own_words(error)
        except INTERRUPTS:
            raise
        except BaseException:  # reading one by one shows which sample raised it
            return self._one_by_one(slot, space, places)
        if problem is not None:
            return PluginError(f"{self.who}the data set {problem}")
        return _Parcel(slot, columns.labels, columns.landmarks, columns.masked, places)

    def _one_by_one(
        self, slot: int | None, space: NDArray[np.uint8] | None, places: NDArray[np.int64]
    ) -> _Parcel | Exception:
        labels, landmarks, masked, images = [], [], [], []
        for row, index in enumerate(places[:, 1].tolist()):
            sample = self._sample(index)
            if isinstance(sample, Exception):
                return sample
            labels.append(sample.label)
            masked.append(sample.masked)
            if sample.landmarks is not None:
                landmarks.append(sample.landmarks)
            if space is None:
                images.append(sample.image)
            else:
                space[row] = sample.image.numpy()
        return _Parcel(
            torch.stack(images) if slot is None else slot,
            np.array(labels, dtype=np.int64),
            torch.stack(landmarks).float().numpy() if len(landmarks) == len(places) else None,
            np.array(masked, dtype=np.bool_),
            places,
        )

    def _sample(self, index: int) -> Sample | Exception:
        try:
            sample = self.samples[index]
            problem = sample_problem(sample, self.shape)
        except MaskrecError as error:
            return own_words(error)
        except INTERRUPTS:
            raise
        except BaseException as error:  # also SystemExit: a data set must not end the program
            sample_named = f"{self.who}sample {number_of(self.samples, index)}"
            return failure_of(sample_named, "cannot be read", error, self.samples)
        if problem is not None:
            return PluginError(f"{self.who}sample {number_of(self.samples, index)} {problem}")
        self.shape = self.shape or tuple(sample.image.shape)
        return sample


def _unpacked(parcel: _Parcel, slots: SharedBatches | None) -> LoadedBatch:
    images = parcel.images
    if isinstance(images, int):
        assert slots is not None
        images = slots.batch(images, len(parcel.labels))
    return LoadedBatch(
        images=images,
        labels=torch.from_numpy(parcel.labels),
        landmarks=None if parcel.landmarks is None else torch.from_numpy(parcel.landmarks),
        masked=torch.from_numpy(parcel.masked),
        indices=torch.from_numpy(parcel.places[:, 1].copy()),
        positions=torch.from_numpy(parcel.places[:, 0].copy()),
    )


def _as_it_is(parcel: _Parcel | Exception) -> _Parcel | Exception:
    return parcel
