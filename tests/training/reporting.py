"""A sampler and transforms that report numbers, given with --plugin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from maskrec import Batch, Component, hookimpl
from maskrec.contracts.protocols import Draws


class InOrder:
    """Batches in the order of the data set; reports the epoch that it was asked for last."""

    def __init__(self, labels: Sequence[int], batch_size: int = 8) -> None:
        self.count, self.batch_size, self.epoch = len(labels), batch_size, -1

    def __len__(self) -> int:
        return self.count // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """From 0."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        for number in range(len(self)):
            yield list(range(number * self.batch_size, (number + 1) * self.batch_size))

    def diagnostics(self) -> dict[str, float]:
        """The epoch, as a plain number."""
        return {"epoch": self.epoch}


class Brightness:
    """Changes nothing; reports the mean of the batch's images, and of its labels in every second batch only."""

    def __init__(self) -> None:
        self.calls = 0
        self.mean = self.label = torch.zeros(())

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        self.calls += 1
        self.mean, self.label = batch.images.mean(), batch.labels.double().mean()
        return batch

    def diagnostics(self) -> dict[str, Tensor | float]:
        """Tensors where they are."""
        return {"mean": self.mean, **({} if self.calls % 2 else {"label": self.label})}


class Wrong(Brightness):
    """Wrong: what it reports is no dict of numbers."""

    def __init__(self, wrong: Literal["list", "word", "image", "raises"] = "list") -> None:
        super().__init__()
        self.wrong = wrong

    def diagnostics(self) -> Any:
        """What was asked for."""
        if self.wrong == "raises":
            return self.missing  # type: ignore[attr-defined]
        return {"list": [1.0], "word": {"share": "all"}, "image": {"share": torch.zeros(2, 3)}}[self.wrong]


@hookimpl
def maskrec_samplers() -> list[Component]:
    """The sampler."""
    return [Component("in_order", ":InOrder", "in order")]


@hookimpl
def maskrec_transforms() -> list[Component]:
    """The transforms."""
    return [Component("brightness", ":Brightness", "reports"), Component("wrong", ":Wrong", "reports no number")]
