"""The events that observers receive, each frozen, on rank 0 only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """After optimizer steps: every ``train.log_every`` of them, at each checkpoint and at each epoch's last step.

    An observer that counts steps adds ``steps`` up. "Every n steps" means the first event at or after each multiple
    of n, which `reaches` tells.

    Args:
        epoch: from 0.
        step: optimizer steps finished, from 1.
        loss: the global batch's loss, the mean over the steps that were taken; of the step that ends the run because
            something in it is not finite, its own.
        learning_rate: of the first parameter group, used in the last step.
        gradient_norm: before clipping, the mean likewise; None where gradients are not clipped.
        diagnostics: the loss's own ``diagnostics()``, means likewise.
        embeddings: detached ``(B, d)`` of rank 0's part of the last batch, before normalisation.
        labels: ``(B,)`` beside them.
        images_per_second: since the last event, summed over all processes.
        loss_path: the loss component, as the recipe names it (``maskrec/triplet``).
        steps: how many steps this event covers: those since the last event, with those that were skipped.
        scalars: what the sampler and the transforms report in ``diagnostics()``, means likewise:
            ``sampler/NAME``, ``transforms.LABEL/NAME``.
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
    steps: int = 1
    scalars: Mapping[str, float] = field(default_factory=dict)

    def reaches(self, every: int) -> bool:
        """Whether a multiple of ``every`` is among the steps since the last event."""
        return self.step // every > (self.step - self.steps) // every


@dataclass(frozen=True, slots=True)
class Evaluated:
    """After an evaluator answered; ``stage`` is ``evaluate`` or ``test``.

    After a validation loss too: then ``stage`` is ``validation``, ``label`` is ``train`` and ``loss`` the only metric.
    """

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
