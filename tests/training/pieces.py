"""Components for the runner's tests, given with --plugin: small, and each with one property under test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskrec import Component, Evaluation, InputSpec, hookimpl
from maskrec.contracts.collectives import all_reduce_max, all_reduce_sum, gather_rows, rank, shard_bounds
from maskrec.contracts.evaluation import Embed
from maskrec.contracts.events import EpochEnded, Stepped, Stop
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.sample import Batch


class Plain(nn.Module):
    """Convolutions without batch norm, optional dropout; ``ballast`` makes its checkpoints large."""

    def __init__(self, embedding_size: int = 16, dropout: float = 0.0, ballast: int = 0) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.input_spec = InputSpec(size=32)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(64, embedding_size),
        )
        self.ballast = nn.Parameter(torch.zeros(ballast)) if ballast else None

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, H, W)`` to ``(B, embedding_size)``."""
        embeddings: Tensor = self.body(images)
        return embeddings if self.ballast is None else embeddings + self.ballast.mean()


class Normed(nn.Module):
    """Batch norm and dropout: each process has its own buffers and random numbers."""

    def __init__(self, embedding_size: int = 16) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.input_spec = InputSpec(size=32)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64, embedding_size),
            nn.BatchNorm1d(embedding_size),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, H, W)`` to ``(B, embedding_size)``."""
        embeddings: Tensor = self.body(images)
        return embeddings


class ShardedSoftmax(nn.Module):
    """Cross entropy over the cosines to all classes, of which each process holds a part.

    On the process ``spoiled`` the gradient of its own classes is not finite at the ``at``-th call.
    """

    scope = "sharded"

    def __init__(
        self, embedding_size: int, num_classes: int, scale: float = 16.0, spoiled: int = -1, at: int = 3
    ) -> None:
        super().__init__()
        self.first, end = shard_bounds(num_classes)
        self.weight = nn.Parameter(torch.randn(num_classes, embedding_size)[self.first : end].clone())
        self.scale, self.spoiled, self.at, self.calls = scale, spoiled, at, 0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The mean over the global batch, the same on every process."""
        rows, labels = nn.functional.normalize(gather_rows(embeddings)), gather_rows(labels)
        cosines = self.scale * rows @ nn.functional.normalize(self.weight).T
        own = (labels[:, None] - self.first) == torch.arange(len(self.weight))
        target = all_reduce_sum((cosines * own).sum(1))
        peak = all_reduce_max(cosines.max(1).values)
        total = all_reduce_sum((cosines - peak[:, None]).exp().sum(1))
        value = (peak + total.log() - target).mean()
        self.calls += 1
        if self.calls == self.at and rank() == self.spoiled:  # a gradient that is not finite, of this shard alone
            return value + (self.weight - self.weight).square().sum().sqrt()
        return value


class Slow(nn.Module):
    """A plain classifier that is slow, so that it can be killed within a step."""

    scope = "sample"

    def __init__(self, embedding_size: int, num_classes: int, seconds: float = 0.0) -> None:
        super().__init__()
        self.linear, self.seconds = nn.Linear(embedding_size, num_classes), seconds

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The cross entropy, a scalar."""
        time.sleep(self.seconds)
        return nn.functional.cross_entropy(self.linear(embeddings), labels)


class Exploding(nn.Module):
    """Finite for some steps, then not."""

    def __init__(self, after: int = 2) -> None:
        super().__init__()
        self.after, self.calls = after, 0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The mean square, or infinity."""
        self.calls += 1
        return embeddings.square().mean() * (float("inf") if self.calls > self.after else 1.0)


class Cramped(nn.Module):
    """Needs more memory than there is for more than ``limit`` samples, from the ``at``-th call on."""

    def __init__(self, embedding_size: int, num_classes: int, limit: int, at: int = 1, host: bool = False) -> None:
        super().__init__()
        self.linear, self.drop = nn.Linear(embedding_size, num_classes), nn.Dropout(0.5)
        self.limit, self.at, self.host, self.calls = limit, at, host, 0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The cross entropy, a scalar."""
        self.calls += 1
        if self.calls >= self.at and len(embeddings) > self.limit:
            if self.host:  # more than any address space holds
                torch.empty(1 << 60, dtype=torch.uint8)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return nn.functional.cross_entropy(self.linear(self.drop(embeddings)), labels)


class Vector(nn.Module):
    """Wrong: one number a sample."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """``(B,)``."""
        return embeddings.square().mean(1)


class Frozen(nn.Module):
    """A loss with a teacher that must be neither trained nor saved; names ``batch``."""

    scope = "sample"

    def __init__(self, embedding_size: int) -> None:
        super().__init__()
        self.teacher = nn.Sequential(
            nn.Flatten(), nn.Linear(3 * 32 * 32, embedding_size), nn.BatchNorm1d(embedding_size)
        )
        self.scale = nn.Parameter(torch.ones(1))

    def frozen(self) -> list[nn.Module]:
        """The teacher."""
        return [self.teacher]

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Mean square distance to the teacher's view of the clean faces."""
        assert not self.teacher.training
        wanted = self.teacher(batch.clean.to(embeddings.dtype) / 255)
        return (embeddings * self.scale - wanted).square().mean()


class Meter:
    """An evaluator that embeds and returns whatever it is configured to."""

    def __init__(
        self, pairs: Pairs, answer: Literal["spread", "undeclared", "nan"] = "spread", pause: float = 0.0
    ) -> None:
        self.pairs, self.answer, self.pause = pairs, answer, pause

    @staticmethod
    def metrics(values: dict[str, Any]) -> dict[str, Literal["min", "max"]]:
        """One metric."""
        return {"spread": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """The embeddings' standard deviation."""
        time.sleep(self.pause)
        spread = float(embed(self.pairs).std())
        return Evaluation(
            {"spread": {"nan": float("nan")}.get(self.answer, spread)} if self.answer != "undeclared" else {"x": 1.0}
        )

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation:
        """The same again."""
        return self.evaluate(embed)


class Stopper:
    """Stops the run, as planned or as a failure; keeps count in its state."""

    def __init__(self, run_dir: Path, after: int = 3, failed: bool = False) -> None:
        self.after, self.failed, self.steps, self.run_dir = after, failed, 0, run_dir

    def on_step(self, event: Stepped) -> Stop | None:
        """Counts."""
        self.steps += 1
        return Stop("three is enough", failed=self.failed) if self.steps == self.after else None

    def on_epoch(self, event: EpochEnded) -> None:
        """Leaves its count behind."""
        (self.run_dir / f"count-{event.epoch}.txt").write_text(str(self.steps))

    def state_dict(self) -> dict[str, int]:
        """The count."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The count."""
        self.steps = state["steps"]


@hookimpl
def maskrec_backbones() -> Iterator[Component]:
    yield Component("plain", ":Plain", "convolutions without batch norm")
    yield Component("normed", ":Normed", "convolutions with batch norm and dropout")


@hookimpl
def maskrec_losses() -> Iterator[Component]:
    yield Component("sharded_softmax", ":ShardedSoftmax", "classes split over processes")
    yield Component("slow", ":Slow", "cross entropy that takes its time")
    yield Component("exploding", ":Exploding", "finite, then not")
    yield Component("cramped", ":Cramped", "memory for a few samples only")
    yield Component("vector", ":Vector", "no scalar")
    yield Component("frozen", ":Frozen", "with a frozen teacher")


@hookimpl
def maskrec_evaluators() -> Iterator[Component]:
    yield Component("meter", ":Meter", "measures spread")


@hookimpl
def maskrec_observers() -> Iterator[Component]:
    yield Component("stopper", ":Stopper", "stops")
