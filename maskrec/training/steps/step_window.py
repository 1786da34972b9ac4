"""The optimizer steps since the last row of metrics: their numbers stay on the device until the row is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor

from maskrec.contracts.collectives import exact_dtype
from maskrec.contracts.events import Stepped
from maskrec.training.steps.finite_step import Evidence, Verdict


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """What a step has to say, unread.

    Args:
        loss: over the global batch, a float64 scalar.
        gradient_norm: before clipping; None where gradients are not clipped.
        diagnostics: of the loss: numbers, or scalars on a device.
        verdict: whether the step was taken.
        learning_rate: of the first parameter group.
        rewind: puts what the host keeps (random generators, schedule) back to what it was before the step.
        scalars: of the sampler and the transforms: numbers, or scalars on a device.
    """

    loss: Tensor
    gradient_norm: Tensor | None
    diagnostics: Mapping[str, float | Tensor]
    verdict: Verdict
    learning_rate: float
    rewind: Callable[[], None]
    scalars: Mapping[str, float | Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one optimizer step.

    Args:
        numbers: unread.
        embeddings: detached ``(b, d)`` of this process's part of the last batch.
        labels: ``(b,)`` beside them.
        known_skipped: whether the step was skipped, where the optimizer had to know; None where nobody has read it.
    """

    numbers: StepNumbers
    embeddings: Tensor
    labels: Tensor
    known_skipped: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadStep:
    """A step's numbers on the host, as `StepNumbers` and `Verdict` describe them; ``batches`` of the sampler's."""

    loss: float
    gradient_norm: float | None
    diagnostics: Mapping[str, float]
    learning_rate: float
    batches: int
    skipped: bool
    not_finite: bool
    ended: bool
    evidence: Evidence
    rewind: Callable[[], None]
    scalars: Mapping[str, float]


class StepWindow:
    """Collects steps until a row is due.

    Attributes:
        batches: how many of the sampler's batches the steps are made of.
        images: of them, on all processes together.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[StepNumbers, int]] = []
        self.batches, self.images, self.began = 0, 0, time.monotonic()
        self.embeddings = self.labels = torch.zeros(0)
        self.known_skipped = False

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def images_per_second(self) -> float:
        """Of all processes, from the window's beginning until now."""
        return self.images / max(time.monotonic() - self.began, 1e-9)

    def add(self, result: StepResult, batches: int, images: int) -> None:
        """Add a step over ``batches`` of the sampler's batches with ``images`` images on all processes together."""
        self._show(result)
        self._steps.append((result.numbers, batches))
        self.batches += batches
        self.images += images
        self.known_skipped = bool(result.known_skipped)

    def _show(self, result: StepResult) -> None:
        """Keep the last batch's embeddings; once the run has ended on the device, those of the step that ended it."""
        rows, labels = result.embeddings, result.labels
        if self._steps and rows.shape == self.embeddings.shape:
            ended = self._steps[-1][0].verdict.ended
            rows = torch.where(ended, self.embeddings, rows)
            labels = torch.where(ended.to(labels.device), self.labels, labels)
        self.embeddings, self.labels = rows, labels

    def read(self) -> list[ReadStep]:
        """The steps' numbers: one read from the device for all of them."""
        tensors = [each for numbers, _ in self._steps for each in _tensors_of(numbers)]
        values = iter(read_scalars(tensors))
        found = []
        for numbers, batches in self._steps:
            loss, skipped, not_finite, ended = (next(values) for _ in range(4))
            norm = None if numbers.gradient_norm is None else next(values)
            said, scalars = (
                {name: next(values) if isinstance(value, Tensor) else value for name, value in each.items()}
                for each in (numbers.diagnostics, numbers.scalars)
            )
            flags = bool(skipped), bool(not_finite), bool(ended)
            of = numbers.learning_rate, batches, *flags, numbers.verdict.evidence, numbers.rewind
            found.append(ReadStep(loss, norm, said, *of, scalars))
        return found

    def event(self, steps: Sequence[ReadStep], epoch: int, step: int, covered: int, loss_path: str) -> Stepped:
        """What observers receive: the means over ``steps``, at least one, which end with optimizer step ``step``.

        A diagnostic or scalar that some steps do not report is the mean over those that do.

        Args:
            steps: those that were taken.
            epoch: from 0.
            step: from 1.
            covered: steps since the last event.
            loss_path: the loss component, as the recipe names it.
        """
        norms = [each.gradient_norm for each in steps if each.gradient_norm is not None]
        return Stepped(
            epoch=epoch,
            step=step,
            loss=_mean([each.loss for each in steps]),
            learning_rate=steps[-1].learning_rate,
            gradient_norm=_mean(norms) if norms else None,
            diagnostics=_means([each.diagnostics for each in steps]),
            embeddings=self.embeddings,
            labels=self.labels,
            images_per_second=self.images_per_second,
            loss_path=loss_path,
            steps=covered,
            scalars=_means([each.scalars for each in steps]),
        )


def _tensors_of(numbers: StepNumbers) -> list[Tensor]:
    """In the order in which `StepWindow.read` takes them."""
    verdict = numbers.verdict
    norm = [] if numbers.gradient_norm is None else [numbers.gradient_norm]
    reported = (*numbers.diagnostics.values(), *numbers.scalars.values())
    said = [value for value in reported if isinstance(value, Tensor)]
    return [numbers.loss, verdict.skipped, verdict.not_finite, verdict.ended, *norm, *said]


def read_scalars(tensors: Sequence[Tensor]) -> list[float]:
    """Tensors of one number each as numbers; one wait for each device."""
    found = [0.0] * len(tensors)
    devices: dict[torch.device, dict[torch.dtype, list[int]]] = {}
    for place, tensor in enumerate(tensors):
        devices.setdefault(tensor.device, {}).setdefault(tensor.dtype, []).append(place)
    for device, groups in devices.items():
        rows = [
            torch.stack([each.reshape(()) if each.ndim else each for each in map(tensors.__getitem__, group)])
            for group in groups.values()
        ]
        numbers = torch.cat([row.to(exact_dtype(device)) for row in rows]).tolist()
        for place, number in zip(chain.from_iterable(groups.values()), numbers, strict=True):
            found[place] = number
    return found


def batches_in_words(before: int, count: int) -> str:
    """The ``count`` batches of an epoch that come after ``before`` others: ``batch 3`` or ``batches 3 to 4``."""
    return f"batch {before + 1}" if count == 1 else f"batches {before + 1} to {before + count}"


def _means(reported: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By name, the mean over those that have the name."""
    names = dict.fromkeys(name for each in reported for name in each)
    return {name: _mean([each[name] for each in reported if name in each]) for name in names}


def _mean(values: Sequence[float]) -> float:
    return sum(values[1:], start=values[0]) / len(values)
