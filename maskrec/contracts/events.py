"""The events that observers receive, each frozen, on rank 0 only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from maskrec.contracts.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Stop:
    """Returned by an observer to end the run.

    Args:
        reason: one sentence for the user; a diagnosis names the component and what to change.
        failed: True ends the run as a failure (exit code 1), without evaluating; False ends it as planned, early.
    """

    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """Before the first step; ``step`` is above 0 when a run continues."""

    run_dir: Path
    epochs: int
    steps_per_epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """After an optimizer step.

    Args:
        epoch: from 0.
        step: optimizer steps finished, from 1.
        loss: the global batch's loss; may be non-finite.
        learning_rate: of the first parameter group, used in this step.
        gradient_norm: before clipping; None where gradients are not clipped.
        diagnostics: the loss's own ``diagnostics()``.
        embeddings: detached ``(B, d)`` of rank 0's part of the batch, before normalisation.
        labels: ``(B,)`` beside them.
        images_per_second: over the last steps, summed over all processes.
        loss_path: the loss component, as the recipe names it (``maskrec/triplet``).
    """

    epoch: int
    step: int
    loss: float
    learning_rate: float
    gradient_norm: float | None
    diagnostics: Mapping[str, float]
    embeddings: Tensor
    labels: Tensor
    images_per_second: float
    loss_path: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """After an evaluator answered; ``stage`` is ``evaluate`` or ``test``."""

    epoch: int
    step: int
    label: str
    stage: str
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """After an epoch and its evaluations; ``loss`` is the mean over its steps."""

    epoch: int
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class Ended:
    """After everything; ``reason`` is None when the run came to its planned end."""

    step: int
    reason: str | None
