"""The loss over a run as ``figures/loss.png``, drawn from its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskrec.base.figures import GREEN, RED, draw_png
from maskrec.base.files import write_bytes
from maskrec.report.run_facts import RunFacts
from maskrec.report.training_section import loss_points
from maskrec.runtime.run_directory import RunDirectory

_SPREAD = 50.0  # times the smallest loss from which on the axis is logarithmic


def write_loss_figure(facts: RunFacts) -> Path | None:
    """Draw the training loss by step, and the validation loss where there is one.

    None where nothing was recorded, or where the observer ``loss_curve`` draws it.
    """
    points = loss_points(facts.metrics.of_kind("step"))
    observed = any(each.path.startswith("observe.") and each.value == "maskrec/loss_curve" for each in facts.recipe)
    if not points or observed:
        return None

    held_out = loss_points(facts.metrics.of_kind("validation"))

    def draw(axes: Any) -> None:
        axes.plot(*zip(*points, strict=True), color=GREEN, linewidth=1.4, marker="o" if len(points) < 20 else "")
        if held_out:
            axes.plot(*zip(*held_out, strict=True), color=RED, linewidth=1.4, marker="o", markersize=3.5)
            axes.legend(["training", "held-out data"])
        losses = [loss for _, loss in (*points, *held_out)]
        if min(losses) > 0 and max(losses) > _SPREAD * min(losses):
            axes.set_yscale("log")
        axes.set_title("loss over the run")
        axes.set_xlabel("optimizer steps")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel("loss" if held_out else "training loss")

    path = RunDirectory(facts.path).figures / "loss.png"
    path.parent.mkdir(exist_ok=True)
    write_bytes(path, draw_png(draw))
    return path
