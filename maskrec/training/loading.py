"""From a sampler's global batches to this process's tensors, the same whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from maskrec.contracts.errors import MaskrecError
from maskrec.contracts.kinds import Sampler
from maskrec.contracts.sample import Sample
from maskrec.training.distributed import share_of

Place = tuple[int, int]  # position in the global epoch, index in the data set


class Samples(Protocol):
    """Anything that gives samples by index: a data set, the images of a pair set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """This process's part of a global batch, as workers made it: uint8 images, everything else per sample."""

    images: Tensor
    labels: Tensor
    landmarks: Tensor | None
    masked: Tensor
    indices: Tensor
    positions: Tensor

    def to(self, device: torch.device) -> LoadedBatch:
        """The batch on a device."""
        moved = {name: getattr(self, name) for name in ("images", "labels", "masked", "indices", "positions")}
        moved = {name: value.to(device, non_blocking=True) for name, value in moved.items()}
        landmarks = None if self.landmarks is None else self.landmarks.to(device, non_blocking=True)
        return replace(self, landmarks=landmarks, **moved)


def epoch_places(sampler: Sampler, epoch: int) -> list[list[Place]]:
    """This process's part of each global batch of an epoch.

    Positions count through the global epoch, so that what is drawn for a sample does not depend on how many
    processes share the batch.
    """
    sampler.set_epoch(epoch)
    places, position = [], 0
    for batch in sampler:
        first, last = share_of(len(batch))
        places.append([(position + offset, int(batch[offset])) for offset in range(first, last)])
        position += len(batch)
    return places


def load(samples: Samples, places: Sequence[Sequence[Place]], workers: int, pin: bool) -> Iterator[LoadedBatch]:
    """Batches in order.

    Raises:
        MaskrecError: a sample that cannot be read (in its data set's words), or a worker that died.
    """
    loader: DataLoader[Any] = DataLoader(
        _Placed(samples),  # type: ignore[arg-type]
        batch_sampler=places,  # type: ignore[arg-type]
        num_workers=min(workers, len(places)),
        collate_fn=_collate,
        pin_memory=pin,
        # Its own: otherwise making an iterator draws from the global generator and a resumed run parts from the first.
        generator=torch.Generator(),
    )
    try:
        for batch in loader:
            if isinstance(batch, Exception):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        message = "a loader worker was killed (out of memory is the usual cause); try a smaller train.workers"
        raise MaskrecError(message) from error


class _Placed:
    """Samples by place; an error comes back as a value, so that it reaches the user in its own words."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: Place) -> tuple[Place, Sample] | Exception:
        try:
            return place, self.samples[place[1]]
        except MaskrecError as error:
            return type(error)(str(error))
        except Exception as error:
            return MaskrecError(f"sample {place[1]} cannot be read: {type(error).__name__}: {error}")


def _collate(rows: list[tuple[Place, Sample] | Exception]) -> LoadedBatch | Exception:
    for row in rows:
        if isinstance(row, Exception):
            return row
    places = torch.tensor([row[0] for row in rows], dtype=torch.int64)  # type: ignore[index]
    samples: list[Sample] = [row[1] for row in rows]  # type: ignore[index]
    landmarks = [sample.landmarks for sample in samples if sample.landmarks is not None]
    return LoadedBatch(
        images=torch.stack([sample.image for sample in samples]),
        labels=torch.tensor([sample.label for sample in samples], dtype=torch.int64),
        landmarks=torch.stack(landmarks).float() if len(landmarks) == len(samples) else None,
        masked=torch.tensor([sample.masked for sample in samples]),
        indices=places[:, 1],
        positions=places[:, 0],
    )
