"""The state of a run beside its networks: made, saved and restored as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.contracts.evaluation import Evaluation
from maskrec.inference.evaluating.evaluation_values import to_plain
from maskrec.recipe.plan import Best
from maskrec.training.evaluating import best_value, is_better


@dataclass
class Position:
    """Where a run is.

    Args:
        epoch: the one that is being trained, from 0 (rows and results count from 1); equal to ``train.epochs`` when all
            are finished.
        batches: of that epoch's sampler batches that are finished.
        step: optimizer steps finished.
        loss_sum: of the epoch's steps so far that were taken.
        loss_steps: how many those are.
        stopped: an observer's reason, once one has ended the run.
        unreported: steps since the last row; 0 but where all of them were skipped.
    """

    epoch: int = 0
    batches: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    stopped: str | None = None
    unreported: int = 0

    @property
    def mean_loss(self) -> float:
        """Of the epoch's steps so far, without those that were skipped; 0 before the first."""
        return self.loss_sum / max(1, self.loss_steps)

    def step_ended(self, batches: int, loss: float | None) -> None:
        """An optimizer step over ``batches`` of the sampler's batches is finished; no loss where it was skipped."""
        self.step += 1
        self.batches += batches
        if loss is not None:
            self.loss_sum += loss
            self.loss_steps += 1

    def epoch_ended(self) -> None:
        """The next epoch begins."""
        self.epoch += 1
        self.batches, self.loss_sum, self.loss_steps = 0, 0.0, 0


@dataclass(frozen=True)
class BestEpoch:
    """What ``checkpoints/best`` holds.

    Args:
        epoch: from 0; None before the first evaluation.
        value: of ``train.best``'s metric; None where the recipe has none.
    """

    epoch: int | None = None
    value: float | None = None


@dataclass
class TrainState:
    """Everything of a run that is neither network nor optimizer.

    Args:
        position: where the run is.
        sampler: the sampler's own state when the current epoch began; None for a sampler that keeps none.
        evaluations: of the best epoch, by label, as `evaluating.to_plain` makes them.
        best: which epoch that is.
    """

    position: Position = field(default_factory=Position)
    sampler: Any = None
    evaluations: dict[str, Any] = field(default_factory=dict)
    best: BestEpoch = field(default_factory=BestEpoch)

    def state_dict(self) -> dict[str, Any]:
        """The state without ``evaluations``, which ``weight_files.save_checkpoint`` writes with their thresholds."""
        return {"position": asdict(self.position), "sampler": self.sampler, "best": asdict(self.best)}

    @classmethod
    def from_checkpoint(cls, saved: Mapping[str, Any]) -> TrainState:
        """From a checkpoint's content.

        Raises:
            UsageError: the content has another form.
        """
        try:
            best = BestEpoch(**saved["best"])
            return cls(Position(**saved["position"]), saved["sampler"], saved["evaluations"], best)
        except (KeyError, TypeError) as error:
            raise UsageError(f"the checkpoint's position has another form ({error}); start a new run") from error

    def note_evaluation(self, best: Best | None, answers: Mapping[str, Evaluation]) -> bool:
        """Keep the epoch's evaluations if they are the best so far, or if the recipe names no best metric.

        Returns:
            Whether they were kept.

        Raises:
            MaskrecError: the evaluator did not return ``best``'s metric this time.
        """
        value = best_value(best, answers) if best else None
        if best is not None and value is not None and not is_better(best, value, self.best.value):
            return False
        self.best = BestEpoch(self.position.epoch, value)
        self.evaluations = {label: to_plain(evaluation) for label, evaluation in answers.items()}
        return True
