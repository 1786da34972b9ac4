"""Detects training failures that raise no error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from maskrec.base.unit_interval import outside_unit_interval
from maskrec.contracts.events import Stop
from maskrec.contracts.problem import Problem, refuse

if TYPE_CHECKING:
    from torch import Tensor

    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.events import Stepped


class CollapseMonitor:
    """Stops a run that has collapsed, with a diagnosis that names the component.

    It checks three things. A loss that is not finite stops the run at once. An embedding spread (mean cosine distance
    within the batch, 0 to about 1) below ``minimum_spread`` in ``patience`` checks in a row stops it too: all faces
    have become one point, as happens when a triplet loss settles at its margin. A loss of exactly 0 in which no triplet
    has been active for ``idle_steps`` steps ends the run as planned, since nothing is learned any more. An active share
    of 1 is not a fault: with a margin of 2.0 on unit embeddings it is 1 by construction.

    Only the first process's part of the batch is checked. Batches of one person or one image are skipped.

    Args:
        minimum_spread: mean cosine distance below which a batch counts as collapsed, inside (0, 1).
        every: steps between checks of the spread, which are made at the first row of metrics at or after each multiple.
        patience: checks in a row below the minimum that stop the run.
        idle_steps: steps in a row without an active triplet that end the run; None disables this.

    Raises:
        ValueError: a parameter out of range.
    """

    def __init__(
        self, minimum_spread: float = 1e-4, every: int = 50, patience: int = 5, idle_steps: int | None = 1000
    ) -> None:
        refuse(
            _problems(
                {"minimum_spread": minimum_spread, "every": every, "patience": patience, "idle_steps": idle_steps}
            )
        )
        self.minimum_spread, self.every = minimum_spread, every
        self.patience, self.idle_steps = patience, idle_steps
        self.low_checks = 0
        self.idle = 0

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Problems of the parameters."""
        return _problems(values)

    def on_step(self, event: Stepped) -> Stop | None:
        """Check the loss and the triplets of the steps since the last event, and the spread every n steps."""
        if not math.isfinite(event.loss):
            return Stop(_not_finite(event), failed=True)
        self.idle = self.idle + event.steps if _is_idle(event) else 0
        if event.reaches(self.every) and (stop := self._check_spread(event)):
            return stop
        if self.idle_steps is not None and self.idle >= self.idle_steps:
            return Stop(
                f"no triplet of {event.loss_path} has been active for {self.idle} steps, so nothing is learned any "
                "more; use a larger margin, harder mining or more identities per batch"
            )
        return None

    def state_dict(self) -> dict[str, Any]:
        """The two counters."""
        return {"low_checks": self.low_checks, "idle": self.idle}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue counting from a checkpoint."""
        self.low_checks, self.idle = int(state["low_checks"]), int(state["idle"])

    def _check_spread(self, event: Stepped) -> Stop | None:
        if len(event.labels) < 2 or bool((event.labels == event.labels[0]).all()):
            return None
        spread = embedding_spread(event.embeddings)
        if not math.isfinite(spread):
            return Stop(
                f"the embeddings that {event.loss_path} sees are not finite at step {event.step}; {_SLOWER}",
                failed=True,
            )
        self.low_checks = self.low_checks + 1 if spread < self.minimum_spread else 0
        if self.low_checks < self.patience:
            return None
        advice = _TRIPLETS if _active_shares(event) else _SLOWER
        return Stop(
            f"training with {event.loss_path} has collapsed: at step {event.step} the faces of a batch are one point "
            f"(mean cosine distance {spread:.1e}, below {self.minimum_spread:g} at {self.low_checks} checks in a row, "
            f"loss {event.loss:.4g}); {advice}",
            failed=True,
        )


def embedding_spread(embeddings: Tensor) -> float:
    """Mean cosine distance over all pairs of different rows of ``(B, d)``, B at least 2; zero rows are one point."""
    rows = embeddings.detach().to(torch.float64 if embeddings.device.type != "mps" else torch.float32)
    units = torch.nn.functional.normalize(rows, dim=1)
    return float((units - units.mean(dim=0)).square().sum() / (len(units) - 1))


_SLOWER = "lower the learning rate, warm it up (scheduler.warmup_steps) or clip gradients (train.clip_gradient_norm)"
_TRIPLETS = "lower the learning rate, or mine semi_hard triplets, which collapse less easily than the hardest ones"


def _active_shares(event: Stepped) -> list[float]:
    """The active share that triplet losses report, alone or as parts (``NAME/active_share``)."""
    return [value for name, value in event.diagnostics.items() if name.rpartition("/")[2] == "active_share"]


def _is_idle(event: Stepped) -> bool:
    shares = _active_shares(event)
    return bool(shares) and max(shares) == 0 and event.loss == 0


def _not_finite(event: Stepped) -> str:
    finite = bool(torch.isfinite(event.embeddings).all())
    where = (
        "its embeddings are finite, so it arose in the loss"
        if finite
        else "the backbone's embeddings are not finite either"
    )
    return f"the loss of {event.loss_path} is {event.loss} at step {event.step}, {where}; {_SLOWER}"


def _problems(values: Mapping[str, Any]) -> Iterable[Problem]:
    spread = values.get("minimum_spread", 1e-4)
    if said := outside_unit_interval(spread, "minimum_spread"):
        yield Problem(said, "minimum_spread", "1e-4 is the default")
    for name in ("every", "patience", "idle_steps"):
        value = values.get(name)
        if value is not None and value < 1:
            yield Problem(f"{name} must be at least 1, not {value}", name)
