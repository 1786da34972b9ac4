"""Observers, each with one fault."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from maskrec import Component, hookimpl

FAILS = {
    "draws_torch": {"cannot_change_training"},
    "draws_numpy": {"cannot_change_training"},
    "draws_python": {"cannot_change_training"},
    "no_gradients": {"cannot_change_training"},
    "clears_embeddings": {"cannot_change_training"},
    "needs_the_norm": {"takes_every_event"},
    "ends_the_program": {"its_errors_stop_nothing"},
}


@hookimpl
def maskrec_observers() -> list[Component]:
    return [
        Component("draws_torch", ":DrawsTorch", "draws from torch's global generator"),
        Component("draws_numpy", ":DrawsNumpy", "draws from numpy's global generator"),
        Component("draws_python", ":DrawsPython", "draws from Python's global generator"),
        Component("no_gradients", ":NoGradients", "turns gradients off"),
        Component("clears_embeddings", ":ClearsEmbeddings", "changes what other observers receive"),
        Component("needs_the_norm", ":NeedsTheNorm", "raises where gradients are not clipped"),
        Component("ends_the_program", ":EndsTheProgram", "interrupts the program when it cannot write"),
    ]


class DrawsTorch:
    """Draws from torch's global generator."""

    def on_step(self, event):
        torch.rand(1)


class DrawsNumpy:
    """Draws from numpy's global generator."""

    def on_evaluate(self, event):
        np.random.rand()


class DrawsPython:
    """Draws from Python's global generator."""

    def on_start(self, event):
        random.random()


class NoGradients:
    """Turns gradients off."""

    def on_epoch(self, event):
        torch.set_grad_enabled(False)


class ClearsEmbeddings:
    """Changes what other observers receive."""

    def on_step(self, event):
        event.embeddings.zero_()


class NeedsTheNorm:
    """Raises where gradients are not clipped."""

    def on_step(self, event):
        self.norm = round(event.gradient_norm, 3)


class EndsTheProgram:
    """Interrupts the program when it cannot write.

    Args:
        run_dir: where its file is.
    """

    def __init__(self, run_dir: Path) -> None:
        self.file = run_dir / "losses.txt"

    def on_step(self, event):
        try:
            self.file.write_text(str(event.loss), encoding="utf-8")
        except OSError:
            raise KeyboardInterrupt from None
