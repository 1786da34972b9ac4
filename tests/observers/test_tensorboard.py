"""What TensorBoard reads back from the event files, also of a run that was killed and resumed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from maskrec.contracts.context import CheckContext
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped
from maskrec.observers.tensorboard import TensorBoard

PIXELS = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)


def stepped(step: int, loss: float, **changed: Any) -> Stepped:
    values: dict[str, Any] = {"gradient_norm": None, "diagnostics": {}, **changed}
    return Stepped(
        epoch=0, step=step, loss=loss, learning_rate=0.1, embeddings=torch.zeros(1, 1), labels=torch.zeros(1),
        images_per_second=50.0, loss_path="maskrec/arcface", **values,
    )  # fmt: skip


def started(run_dir: Path, step: int = 0) -> Started:
    return Started(run_dir, 1, 10, step)


def evaluation() -> Evaluation:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    threshold = Threshold(1.25, "l2", True, "held_out")
    return Evaluation(
        {"accuracy": 0.75, "tar@far=0.01/bare": 0.5}, {"best": threshold}, {}, {"distribution": buffer.getvalue()}
    )


def read(run_dir: Path) -> EventAccumulator:
    return EventAccumulator(str(run_dir / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()


def points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in events.Scalars(tag)]


def test_everything_is_read_back(tmp_path: Path) -> None:
    observer = TensorBoard(tmp_path)
    observer.on_start(started(tmp_path))
    reported = {"diagnostics": {"mined/active_share": 0.25}, "scalars": {"sampler/hard": 0.5}}
    observer.on_step(stepped(1, 2.5, gradient_norm=4.0, **reported))
    observer.on_step(stepped(2, 1.5))
    observer.on_evaluate(Evaluated(0, 2, "held_out", "evaluate", evaluation()))
    observer.on_evaluate(Evaluated(0, 2, "held_out", "test", evaluation()))
    observer.on_epoch(EpochEnded(0, 2, 2.0))
    observer.on_end(Ended(2, None))
    events = read(tmp_path)
    assert points(events, "train/loss") == [(1, 2.5), (2, 1.5)]
    assert points(events, "train/gradient_norm") == [(1, 4.0)]
    assert points(events, "train/learning_rate")[0][1] == pytest.approx(0.1)
    assert points(events, "train/images_per_second") == [(1, 50.0), (2, 50.0)]
    assert points(events, "loss/mined/active_share") == [(1, 0.25)]
    assert points(events, "sampler/hard") == [(1, 0.5)]
    assert points(events, "held_out/accuracy") == [(2, 0.75)]
    assert points(events, "held_out/tar_far_0.01/bare") == [(2, 0.5)]
    assert points(events, "held_out/test/accuracy") == [(2, 0.75)]
    assert points(events, "held_out/threshold/best") == [(2, 1.25)]
    assert points(events, "epoch/loss") == [(2, 2.0)]
    (image,) = events.Images("held_out/distribution")
    with Image.open(io.BytesIO(image.encoded_image_string)) as shown:
        np.testing.assert_array_equal(np.asarray(shown), PIXELS)


def test_a_resumed_run_shows_no_point_twice(tmp_path: Path) -> None:
    killed = TensorBoard(tmp_path)
    killed.on_start(started(tmp_path))
    for step in range(1, 8):
        killed.on_step(stepped(step, float(step)))
    killed.on_evaluate(Evaluated(0, 7, "held_out", "evaluate", evaluation()))  # after the checkpoint of step 5
    resumed = TensorBoard(tmp_path)
    resumed.on_start(started(tmp_path, step=5))
    for step in range(6, 10):
        resumed.on_step(stepped(step, 10.0 * step))
    resumed.on_end(Ended(9, None))
    events = read(tmp_path)
    assert points(events, "train/loss") == [(step, float(step)) for step in range(1, 6)] + [
        (step, 10.0 * step) for step in range(6, 10)
    ]
    assert points(events, "held_out/accuracy") == []


def test_killed_before_its_first_checkpoint(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        observer = TensorBoard(tmp_path)
        observer.on_start(started(tmp_path))
        observer.on_step(stepped(1, value))
        observer.on_epoch(EpochEnded(0, 1, value))
    assert points(read(tmp_path), "train/loss") == [(1, 2.0)]


def test_every_nth_step_and_no_figures(tmp_path: Path) -> None:
    observer = TensorBoard(tmp_path, every=3, figures=False)
    observer.on_start(started(tmp_path))
    for step in range(1, 8):
        observer.on_step(stepped(step, float("nan") if step == 6 else 1.0))
    observer.on_evaluate(Evaluated(0, 7, "held_out", "evaluate", evaluation()))
    observer.on_end(Ended(7, "stopped"))
    events = read(tmp_path)
    assert [step for step, _ in points(events, "train/loss")] == [3, 6]
    assert events.Tags()["images"] == []


def test_nothing_is_written_before_the_start(tmp_path: Path) -> None:
    observer = TensorBoard(tmp_path)
    observer.on_end(Ended(0, None))
    assert list(tmp_path.iterdir()) == []


def test_parameters_out_of_range(tmp_path: Path) -> None:
    assert [problem.path for problem in TensorBoard.check({"every": 0}, CheckContext())] == ["every"]
    with pytest.raises(ValueError, match="every must be at least 1 step, not 0"):
        TensorBoard(tmp_path, every=0)
