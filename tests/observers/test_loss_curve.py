"""The loss curve: which points it keeps, what it draws, and that it continues from a checkpoint."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Stepped
from maskrec.observers.loss_curve import LossCurve, loss_png


def step(number: int, loss: float) -> Stepped:
    return Stepped(0, number, loss, 0.1, None, {}, torch.zeros(2, 2), torch.zeros(2), 1.0, "maskrec/arcface")


def evaluated(number: int, loss: float | None, stage: str = "evaluate") -> Evaluated:
    metrics = {"iou": 0.5} if loss is None else {"loss": loss}
    return Evaluated(0, number, "held_out", stage, Evaluation(metrics))


def test_every_epoch_leaves_the_picture_of_its_points(tmp_path: Path) -> None:
    curve = LossCurve(tmp_path)
    curve.on_epoch(EpochEnded(0, 0, 0.0))
    assert not list(tmp_path.iterdir()), "nothing to draw"
    for number, loss in enumerate([3.0, 2.0, math.nan, 1.0], start=1):
        curve.on_step(step(number, loss))
    for event in (evaluated(4, 0.25), evaluated(4, None), evaluated(4, 0.75, "test")):
        curve.on_evaluate(event)
    curve.on_epoch(EpochEnded(0, 4, 2.0))
    points, validation = [(1, 3.0), (2, 2.0), (4, 1.0)], {"held_out": [(4, 0.25)]}
    assert (tmp_path / "figures" / "loss.png").read_bytes() == loss_png(points, validation)
    curve.on_step(step(5, 0.5))
    curve.on_end(Ended(5, "enough"))
    drawn = (tmp_path / "figures" / "loss.png").read_bytes()
    assert drawn == loss_png([*points, (5, 0.5)], validation)
    for number, loss in ((4, 0.5), (5, math.nan)):
        curve.on_evaluate(Evaluated(0, number, "train", "validation", Evaluation({"loss": loss})))
    assert (curve.held_out, curve.validation) == ([(4, 0.5)], validation)
    again = LossCurve(tmp_path)
    again.load_state_dict(curve.state_dict())
    again.on_end(Ended(5, "enough"))
    assert (tmp_path / "figures" / "loss.png").read_bytes() == loss_png([*points, (5, 0.5)], validation, [(4, 0.5)])
    with Image.open(io.BytesIO(drawn)) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 20


def test_a_long_run_has_means_over_more_steps_and_no_step_is_lost(tmp_path: Path) -> None:
    curve = LossCurve(tmp_path)
    losses = [1 + math.sin(number) for number in range(1, 8192 + 1)]
    for number, loss in enumerate(losses, start=1):
        curve.on_step(step(number, loss))
    assert curve.every == 8
    assert len(curve.points) == 1024
    for number, (last, mean) in enumerate(curve.points):
        assert last == 8 * (number + 1)
        assert mean == pytest.approx(sum(losses[last - 8 : last]) / 8)


def test_a_resumed_one_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole, first, second = LossCurve(tmp_path / "whole"), LossCurve(tmp_path / "part"), LossCurve(tmp_path / "part")
    for number in range(1, 4100 + 1):
        whole.on_step(step(number, 1 / number))
        (first if number <= 2051 else second).on_step(step(number, 1 / number))
        if number == 2051:
            for curve in (whole, first):
                curve.on_evaluate(evaluated(number, 0.5))
            second.load_state_dict(first.state_dict())
    assert whole.state_dict() == second.state_dict()
    assert whole.validation == {"held_out": [(2051, 0.5)]}
