"""The loss over a run as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.figures import DARK, GREEN, RED, YELLOW, draw_png
from maskrec.base.files import write_bytes

if TYPE_CHECKING:
    from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Stepped

Points = list[tuple[int, float]]

_MOST = 1000
_FEW = 20  # points up to which each is marked
_SPREAD = 50.0  # times the smallest loss from which on the axis is logarithmic
_COLORS = (RED, YELLOW)


class LossCurve:
    """Draws ``figures/loss.png`` in the run directory after each epoch.

    It shows the training loss, as a mean over so many steps that there are at most 1,000 points, beside it the loss on
    the data that ``train.validation`` holds out, and on an axis of its own, as it is another loss, what evaluators
    return as ``loss`` on their evaluation pairs (``pair_histogram``).
    A resumed run goes on with the curve of its checkpoint.

    Args:
        run_dir: given by the runner.
    """

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / "figures" / "loss.png"
        self.points: Points = []
        self.every, self.count, self.sum = 1, 0, 0.0
        self.validation: dict[str, Points] = {}
        self.held_out: Points = []

    def on_step(self, event: Stepped) -> None:
        """Add the mean loss of some steps to the present point; one that is not finite ends the run and is left out."""
        if not math.isfinite(event.loss):
            return
        self.every = max(self.every, event.steps)  # each point is the mean over as many steps
        self.count, self.sum = self.count + event.steps, self.sum + event.loss * event.steps
        if self.count >= self.every:
            self.points.append((event.step, self.sum / self.count))
            self.count, self.sum = 0, 0.0
        if len(self.points) >= 2 * _MOST:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(second[0], (first[1] + second[1]) / 2) for first, second in pairs]
            self.every *= 2

    def on_evaluate(self, event: Evaluated) -> None:
        """Add an evaluator's loss, or the validation loss."""
        if event.stage == "validation" and math.isfinite(event.evaluation.metrics["loss"]):
            self.held_out.append((event.step, event.evaluation.metrics["loss"]))
        if event.stage == "evaluate" and "loss" in event.evaluation.metrics:
            self.validation.setdefault(event.label, []).append((event.step, event.evaluation.metrics["loss"]))

    def on_epoch(self, event: EpochEnded) -> None:
        """Draw the curve so far."""
        self._draw()

    def on_end(self, event: Ended) -> None:
        """Draw all of it."""
        self._draw()

    def state_dict(self) -> dict[str, Any]:
        """The points so far."""
        return {
            "points": [list(point) for point in self.points],
            "every": self.every,
            "count": self.count,
            "sum": self.sum,
            "validation": {label: [list(point) for point in points] for label, points in self.validation.items()},
            "held_out": [list(point) for point in self.held_out],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's points."""
        self.points = [(int(step), float(loss)) for step, loss in state["points"]]
        self.every, self.count, self.sum = int(state["every"]), int(state["count"]), float(state["sum"])
        self.validation = {
            label: [(int(step), float(loss)) for step, loss in points] for label, points in state["validation"].items()
        }
        self.held_out = [(int(step), float(loss)) for step, loss in state.get("held_out", ())]

    def _draw(self) -> None:
        if self.points:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self.path, loss_png(self.points, self.validation, self.held_out))


def loss_png(points: Points, validation: Mapping[str, Points], held_out: Points | None = None) -> bytes:
    """PNG of training losses by step, with those on held-out data, and of evaluators' on a second axis.

    Args:
        points: ``(step, loss)`` of the training, at least one.
        validation: likewise, by the evaluator's label; may be empty.
        held_out: of ``train.validation``; may be empty.
    """

    def draw(axes: Any) -> None:
        _lines(axes, points, GREEN, "training loss", marker="" if len(points) > _FEW else "o")
        if held_out:
            _lines(axes, held_out, DARK, "loss on held-out data", marker="o")
        axes.set_title("loss over the run")
        axes.set_xlabel("optimizer steps")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel("training loss")
        if validation:
            other = axes.twinx()
            other.grid(visible=False)
            other.spines["right"].set_visible(True)
            other.set_ylabel("validation loss")
            for number, (label, each) in enumerate(validation.items()):
                _lines(other, each, _COLORS[number % len(_COLORS)], f"validation loss, {label}", marker="o")
        axes.figure.legend(loc="outside lower center", ncols=2)

    return draw_png(draw)


def _lines(axes: Any, points: Points, color: str, label: str, marker: str = "") -> None:
    steps, losses = zip(*points, strict=True)
    axes.plot(steps, losses, color=color, label=label, linewidth=1.4, marker=marker, markersize=3.5)
    positive = [loss for loss in losses if loss > 0]
    if len(positive) == len(losses) and max(positive) > _SPREAD * min(positive):
        axes.set_yscale("log")
