"""A run directory and its events, for the tests of observers that keep a record elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped

RECIPE = """\
seed: 17
image_size: null
backbone: {use: maskrec/timm, model: resnet10t}
loss: {use: maskrec-example-loss/example_mv_softmax, scale: 64.0, margin: 0.5}
evaluate:
  held_out: {use: maskrec/pair_histogram, normalize: true}
  theirs: {use: maskrec-other/picture, size: 2}
optimizer: {use: sgd, lr: 1e-05}
"""
PROVENANCE = {
    "run_id": "0123456789abcdef",
    "name": "small",
    "demo": False,
    "data_root": "/secret/place",
    "components": {
        "backbone": {"name": "maskrec/timm", "distribution": "maskrec", "version": "0.1.0"},
        "loss": {"name": "mv_softmax", "distribution": "maskrec-example-loss", "version": "0.3"},
    },
}
PIXELS = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)


def run_directory(folder: Path) -> Path:
    """A run directory after its start, with two checkpoints."""
    run = folder / "20270101T000000Z"
    (run / "checkpoints").mkdir(parents=True)
    (run / "recipe.yaml").write_text(RECIPE)
    (run / "provenance.json").write_text(json.dumps(PROVENANCE))
    for name in ("best", "last"):
        (run / "checkpoints" / f"{name}.safetensors").write_bytes(name.encode() * 1000)
    return run


def png() -> bytes:
    """A picture."""
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


def stepped(step: int, loss: float, **changed: Any) -> Stepped:
    """Of one step."""
    values: dict[str, Any] = {"gradient_norm": None, "diagnostics": {}, **changed}
    return Stepped(
        epoch=0, step=step, loss=loss, learning_rate=0.1, embeddings=torch.zeros(1, 1), labels=torch.zeros(1),
        images_per_second=50.0, loss_path="maskrec/arcface", **values,
    )  # fmt: skip


def evaluation() -> Evaluation:
    """With a metric, a threshold and a figure."""
    threshold = Threshold(1.25, "l2", True, "held_out")
    return Evaluation({"accuracy": 0.75, "tar@far=0.01/bare": 0.5}, {"best": threshold}, {}, {"distribution": png()})


def whole_run(observer: Any, run: Path) -> None:
    """A run of two steps with evaluations."""
    observer.on_start(Started(run, 1, 2, 0))
    observer.on_step(stepped(1, 2.5, gradient_norm=4.0, diagnostics={"mined/active_share": 0.25}))
    observer.on_step(stepped(2, 1.5))
    observer.on_evaluate(Evaluated(0, 2, "held_out", "evaluate", evaluation()))
    observer.on_evaluate(Evaluated(0, 2, "theirs", "evaluate", evaluation()))
    observer.on_epoch(EpochEnded(0, 2, 2.0))
    observer.on_evaluate(Evaluated(0, 2, "held_out", "test", evaluation()))
    observer.on_end(Ended(2, None))
