"""A training of a few steps whose numbers depend on everything that a component could disturb."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped
from maskrec.contracts.global_state import restore_settings, settings
from maskrec.images.encoding import encode_image
from maskrec.training.steps.random_state import keep_random_state, seed_process

EPOCHS, STEPS = 1, 4
_BATCH, _PIXELS, _WIDTH, _CLASSES = 6, 12, 5, 3

Notify = Callable[[str, object], object]


def train_observed(notify: Notify, run_dir: Path, loss_factor: float = 1.0) -> Tensor:
    """Train, passing on the events of a run as the runner does; the global generators are put back.

    Images come from numpy's generator, their contrast from Python's, dropout from torch's: who draws from one of them
    changes the numbers. Torch's settings are put back after each event.

    Args:
        notify: called with the observer's method and the event.
        run_dir: of the events.
        loss_factor: multiplies the losses of events, such as NaN for a run that diverges.

    Returns:
        The weights at the end, flat, and a number from each generator, which longer trainings would go on with.
    """
    put_back = keep_random_state()

    def tell(method: str, event: object) -> None:
        before = settings()
        notify(method, event)
        restore_settings(before)

    try:
        seed_process(3, 0)
        return _train(tell, run_dir, loss_factor)
    finally:
        put_back()


def _train(notify: Notify, run_dir: Path, loss_factor: float) -> Tensor:
    network = nn.Sequential(nn.Linear(_PIXELS, _WIDTH), nn.Dropout(0.3), nn.Linear(_WIDTH, _CLASSES))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    notify("on_start", Started(run_dir, EPOCHS, STEPS, 0))
    for epoch in range(EPOCHS):
        for step in range(epoch * STEPS + 1, (epoch + 1) * STEPS + 1):
            notify("on_step", _step(network, optimizer, epoch, step, loss_factor))
        notify("on_evaluate", Evaluated(epoch, step, "held_out", "evaluate", evaluation(0.5 + 0.1 * epoch)))
        notify("on_epoch", EpochEnded(epoch, step, loss_factor / step))
    notify("on_evaluate", Evaluated(EPOCHS - 1, step, "held_out", "test", evaluation(0.7)))
    notify("on_end", Ended(EPOCHS * STEPS, None))
    weights = [each.detach().flatten() for each in network.parameters()]
    return torch.cat([*weights, torch.rand(1), torch.tensor([np.random.random(), random.random()])])


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, epoch: int, step: int, loss_factor: float) -> Stepped:
    contrast = 0.5 + random.random()
    images = torch.from_numpy(contrast * np.random.standard_normal((_BATCH, _PIXELS))).float()
    labels = torch.arange(_BATCH) % _CLASSES
    optimizer.zero_grad()
    embeddings = network(images)
    loss = nn.functional.cross_entropy(embeddings, labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return Stepped(
        epoch=epoch,
        step=step,
        loss=loss.item() * loss_factor,
        learning_rate=0.1,
        gradient_norm=None if step % 2 else 1.5,
        diagnostics={"margin/t": 0.1 * step, "active_share": 0.5},
        embeddings=embeddings.detach(),
        labels=labels,
        images_per_second=100.0,
        loss_path="maskrec/softmax",
    )


def evaluation(accuracy: float) -> Evaluation:
    """An answer of an evaluator with everything that one may have."""
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    return Evaluation(
        {"accuracy": accuracy, "accuracy/bare": accuracy, "tar@far=0.001": 0.25, "loss": 1.0 - accuracy},
        {"best": Threshold(1.25, "squared_l2", True, "held_out: the threshold of highest accuracy")},
        {"accuracy": [{"condition": "all", "accuracy": accuracy, "note": None}]},
        {"roc": encode_image(pixels, "png")},
    )
