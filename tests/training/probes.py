"""Tiny components for the training loop's tests, given with --plugin; each run writes what it did into its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from maskrec import Component, Evaluation, InputSpec, hookimpl
from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.evaluation import Embed, View
from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped, Stop
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.protocols import Draws
from maskrec.contracts.sample import Batch, Sample

SIZE = 8


def noise(index: int) -> Tensor:
    """Picture ``index`` of a world of noise: uint8 ``(3, 8, 8)``, unlike its mirror image and its middle."""
    return torch.from_numpy(np.random.default_rng(index).integers(0, 256, (3, SIZE, SIZE), np.uint8))


class Noise:
    """People of pictures of noise, four of each."""

    has_landmarks = False

    def __init__(self, people: int = 6, first_person: int = 0) -> None:
        self.first = 4 * first_person
        self.labels = [index // 4 for index in range(4 * people)]
        self.num_classes = people
        self.identities = [f"person {first_person + person}" for person in range(people)]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        return Sample(noise(self.first + index), self.labels[index], None, False, f"{self.first + index}")


def noise_pairs(
    context: Context, people: int = 3, first_person: int = 100, told: bool = True, masks: bool = False
) -> PairSet:
    """Every picture beside the next one."""
    faces = Noise(people, first_person)
    left = np.arange(len(faces) - 1)
    labels = np.array(faces.labels)
    return PairSet(
        label=context.path,
        images=faces,
        mask_types=["n95" if masks else None] * len(faces),
        left=left,
        right=left + 1,
        same=labels[left] == labels[left + 1],
        condition=np.zeros(len(left), np.int8),
        identities=[faces.identities[label] for label in faces.labels] if told else None,
    )


class Linear(nn.Module):
    """A matrix over the pixels, then whatever behaves differently in training mode."""

    def __init__(self, embedding_size: int = 4, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.input_spec = InputSpec(size=SIZE, mean=(0.1, 0.2, 0.3), std=(0.5, 0.4, 0.3))
        self.matrix = nn.Linear(3 * SIZE * SIZE, embedding_size)
        self.norm = nn.BatchNorm1d(embedding_size) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, 8, 8)`` to ``(B, embedding_size)``."""
        embeddings: Tensor = self.dropout(self.norm(self.matrix(images.flatten(1))))
        return embeddings


class Overflowing(Linear):
    """From the third batch on, what its batch norm sees is so large that the variance is infinite."""

    def __init__(self) -> None:
        super().__init__(batch_norm=True)
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(B, 3, 8, 8)`` to ``(B, embedding_size)``, finite."""
        self.calls += self.training
        embeddings = self.matrix(images.flatten(1))
        self.norm(embeddings.detach() * (1e30 if self.calls >= 3 else 1.0))
        return embeddings


class Push(nn.Module):
    """Pushes embeddings away from one direction: a gradient that does not vanish, ``strength`` times as steep.

    ``spoil`` makes the loss or its gradient infinite when it is called for the ``at``-th time. It keeps the sum of its
    losses in a buffer, which has another tensor after each call with ``replace``.
    """

    total: Tensor

    def __init__(
        self,
        embedding_size: int,
        strength: float = 1.0,
        spoil: Literal["never", "loss", "gradient"] = "never",
        at: int = 3,
        keep: Literal["nothing", "sum", "new sum"] = "nothing",
    ) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(1, embedding_size))
        self.strength, self.spoil, self.at, self.keep, self.calls = strength, spoil, at, keep, 0
        if keep != "nothing":
            self.register_buffer("total", torch.zeros(()))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """A scalar."""
        self.calls += 1
        value = self.strength * (embeddings @ self.direction.T).mean()
        if self.keep == "sum":
            self.total += value.detach()
        elif self.keep == "new sum":
            self.total = self.total + value.detach()
        if self.calls == self.at and self.spoil == "loss":
            return value / 0.0
        if self.calls == self.at and self.spoil == "gradient":
            return value + (embeddings - embeddings).square().sum().sqrt()
        return value

    def diagnostics(self) -> dict[str, Tensor]:
        """How often it was called, as a tensor, where it keeps something."""
        return {} if self.keep == "nothing" else {"calls": torch.tensor(self.calls)}


class Peeking(nn.Module):
    """Wrong: names ``batch`` and leaves its scope at ``global``."""

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """The mean square, of this process's images only."""
        return embeddings.square().mean() * batch.images.mean()


class PeekingShard(Peeking):
    """Wrong likewise."""

    scope = "sharded"


class PeekingSample(Peeking):
    """Right."""

    scope = "sample"


class PeekingParts(Peeking):
    """Right."""

    scope = "parts"


class Misspelt(Peeking):
    """Wrong: there is no such scope."""

    scope = "samples"


class Refusing(nn.Module):
    """A loss that cannot be built, or not be used."""

    def __init__(self, how: Literal["today", "file", "badly", "later"] = "today") -> None:
        super().__init__()
        if how == "today":
            raise ValueError("no loss today")
        if how == "file":
            raise UsageError("the file is gone")
        if how == "badly":
            raise KeyError(how)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Not a scalar."""
        return embeddings.square()


class RefusingNet(nn.Module):
    """A backbone that cannot be built."""

    def __init__(self) -> None:
        raise ValueError("no net today")


class Turning:
    """A sampler with a state of its own: where an epoch begins depends on the state, not on the epoch."""

    def __init__(self, labels: Sequence[int], batch_size: int = 8) -> None:
        self.count, self.batch_size, self.turns = len(labels), batch_size, 0

    def __len__(self) -> int:
        return self.count // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Has no effect: the state decides."""

    def __iter__(self) -> Iterator[list[int]]:
        order = np.roll(np.arange(self.count), -self.turns)
        self.turns += 1
        for batch in range(len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist()

    def state_dict(self) -> dict[str, int]:
        """How many epochs it has given."""
        return {"turns": self.turns}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from that state."""
        self.turns = state["turns"]


class NoteBatch:
    """A transform that changes nothing: a row a batch in ``batches.jsonl``."""

    def __init__(self, run_dir: Path) -> None:
        self.file = run_dir / "batches.jsonl"

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch."""
        _append(self.file, epoch=batch.epoch, step=batch.step, indices=batch.indices.tolist())
        return batch


class Watch:
    """An evaluator that keeps what it was embedded, and whose scores are the recipe's, one an evaluation."""

    def __init__(
        self,
        run_dir: Path,
        pairs: Pairs,
        scores: list[float] = [0.5],  # noqa: B006
        flip: bool = False,
        crop: float = 1.0,
        silent: bool = False,
    ) -> None:
        self.run_dir, self.pairs, self.scores, self.view = run_dir, pairs, scores, View(flip, crop)
        self.silent, self.calls = silent, 0

    @staticmethod
    def metrics(values: dict[str, Any]) -> dict[str, Literal["min", "max"]]:
        """The score, twice."""
        return {"error": "min", "gain": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """The next score."""
        np.save(self.run_dir / f"embedded-{self.calls}.npy", embed(self.pairs, self.view))
        score = self.scores[min(self.calls, len(self.scores) - 1)]
        self.calls += 1
        return Evaluation({"error": score} if self.silent else {"error": score, "gain": score})

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation:
        """What was found at the chosen epoch."""
        np.save(self.run_dir / "embedded-test.npy", embed(self.pairs, self.view))
        return Evaluation(dict(evaluation.metrics))


class Journal:
    """An observer: a row an event in ``journal.jsonl``."""

    def __init__(self, run_dir: Path) -> None:
        self.file = run_dir / "journal.jsonl"

    def on_start(self, event: Started) -> None:
        """Kept."""
        _append(self.file, event="start", epochs=event.epochs, steps_per_epoch=event.steps_per_epoch, step=event.step)

    def on_step(self, event: Stepped) -> None:
        """Kept, with the embeddings."""
        rows = event.embeddings.tolist()
        _append(self.file, event="step", step=event.step, embeddings=rows, labels=event.labels.tolist())

    def on_evaluate(self, event: Evaluated) -> None:
        """Kept."""
        _append(self.file, event="evaluate", stage=event.stage, epoch=event.epoch, label=event.label)

    def on_epoch(self, event: EpochEnded) -> None:
        """Kept."""
        _append(self.file, event="epoch", epoch=event.epoch, step=event.step, loss=event.loss)

    def on_end(self, event: Ended) -> None:
        """Kept."""
        _append(self.file, event="end", step=event.step, reason=event.reason)


class Fragile(Journal):
    """Raises at every step."""

    def __init__(self, run_dir: Path) -> None:
        self.file = run_dir / "fragile.jsonl"

    def on_step(self, event: Stepped) -> None:
        """Raises, after a row."""
        _append(self.file, event="step", step=event.step)
        raise RuntimeError("[/data/x.csv]\n tripped")


class Halt:
    """Ends the run at the ``after``-th event of a kind, as planned or not."""

    def __init__(
        self, at: Literal["on_start", "on_step", "on_evaluate", "on_epoch"], after: int = 1, failed: bool = False
    ) -> None:
        self.after, self.failed, self.events = after, failed, 0
        setattr(self, at, self.halt)

    def halt(self, event: object) -> Stop | None:
        """Now, or not yet."""
        self.events += 1
        return Stop(f"{type(event).__name__} is enough", self.failed) if self.events == self.after else None


class RefusingObserver:
    """An observer that cannot be built."""

    def __init__(self) -> None:
        raise ValueError("no observer today")


class Paths:
    """Keeps paths of every shape."""

    def __init__(self, one: Path, many: list[Path], named: dict[str, Path]) -> None:
        self.one, self.many, self.named = one, many, named


class Givens:
    """Keeps whatever a run knows."""

    def __init__(
        self,
        context: Context,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        labels: Sequence[int],
        image_size: int,
        seed: int,
        run_dir: Path,
    ) -> None:
        self.context = context
        self.known = {
            "embedding_size": embedding_size,
            "num_classes": num_classes,
            "class_counts": list(class_counts),
            "labels": list(labels),
            "image_size": image_size,
            "seed": seed,
            "run_dir": run_dir,
        }


def _append(file: Path, **row: Any) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


@hookimpl
def maskrec_backbones() -> Iterator[Component]:
    yield Component("linear", ":Linear", "a matrix over the pixels")
    yield Component("overflowing", ":Overflowing", "a variance that is not finite")
    yield Component("refusing_net", ":RefusingNet", "cannot be built")


@hookimpl
def maskrec_datasets() -> Iterator[Component]:
    yield Component("noise", ":Noise", "pictures of noise")


@hookimpl
def maskrec_samplers() -> Iterator[Component]:
    yield Component("turning", ":Turning", "with a state of its own")


@hookimpl
def maskrec_losses() -> Iterator[Component]:
    yield Component("push", ":Push", "a gradient that does not vanish")
    yield Component("refusing", ":Refusing", "cannot be built")
    yield Component("peeking", ":Peeking", "names batch")
    yield Component("peeking_shard", ":PeekingShard", "names batch")
    yield Component("peeking_sample", ":PeekingSample", "names batch")
    yield Component("peeking_parts", ":PeekingParts", "names batch")
    yield Component("misspelt", ":Misspelt", "another scope")


@hookimpl
def maskrec_pairs() -> Iterator[Component]:
    yield Component("noise_pairs", ":noise_pairs", "pictures of noise")


@hookimpl
def maskrec_transforms() -> Iterator[Component]:
    yield Component("note_batch", ":NoteBatch", "keeps the indices")


@hookimpl
def maskrec_evaluators() -> Iterator[Component]:
    yield Component("watch", ":Watch", "keeps the embeddings")


@hookimpl
def maskrec_observers() -> Iterator[Component]:
    yield Component("journal", ":Journal", "keeps the events")
    yield Component("fragile", ":Fragile", "raises")
    yield Component("halt", ":Halt", "stops")
    yield Component("refusing_observer", ":RefusingObserver", "cannot be built")
    yield Component("paths", ":Paths", "keeps paths")
    yield Component("givens", ":Givens", "keeps givens")
