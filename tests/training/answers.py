"""Components whose answers about themselves are under test, given with --plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from maskrec import Component, Evaluation, hookimpl
from maskrec.contracts.context import CheckContext
from maskrec.contracts.evaluation import Embed, Threshold
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.problem import Problem
from maskrec.contracts.sample import Batch


class MeanSquare(nn.Module):
    """A loss that can be trained, so that only what is under test is wrong with the others."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The mean square, a scalar."""
        return embeddings.square().mean()


class Method(MeanSquare):
    """``check`` and ``metrics`` are methods of its own and have nothing to do with recipes."""

    def check(self, embeddings: Tensor) -> bool:
        """Whether the embeddings are finite."""
        return bool(embeddings.isfinite().all())


class Late(MeanSquare):
    """Its check fails once the data is open."""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Raises where it knows the number of classes."""
        raise RuntimeError(f"cannot count\nto {context.givens['num_classes']}")
        yield Problem("never")


class Noting(MeanSquare):
    """Its check yields a note before the data is open, and one more afterwards."""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A note each time, and one once it knows the number of classes."""
        yield Problem("said before and after", note=True)
        yield Problem(f"{context.givens['num_classes']} classes are few", note=True)


class Ungiven(MeanSquare):
    """Its check looks up a given that a loss never has."""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Looks up the run's directory."""
        yield Problem(f"in {context.givens['run_dir']}", note=True)


class Peeking(MeanSquare):
    """Wrong: names ``batch`` and would see the images of one process only."""

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch | None = None) -> Tensor:
        """The mean square, a scalar."""
        return embeddings.square().mean()


Answer = Literal[
    "spread",
    "undeclared",
    "nan",
    "word",
    "float32",
    "float64",
    "tensor",
    "row",
    "nan_threshold",
    "nan_table",
    "set_details",
]


class Examiner:
    """An evaluator whose two answers can be chosen one by one."""

    def __init__(self, pairs: Pairs, evaluation: Answer = "spread", tested: Answer = "spread") -> None:
        self.pairs, self.evaluation, self.tested = pairs, evaluation, tested

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """One metric."""
        return {"spread": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """The embeddings' standard deviation, or the wrong answer that was asked for."""
        return self._answer(self.evaluation, embed)

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation:
        """The same."""
        return self._answer(self.tested, embed)

    def _answer(self, answer: Answer, embed: Embed) -> Evaluation:
        wrong: dict[str, Any] = {
            "nan": float("nan"),
            "word": "wide",
            "float32": np.float32(0.5),
            "float64": np.float64("inf"),
            "tensor": torch.tensor(0.5),
            "row": np.zeros(3),
        }
        spread: Any = wrong.get(answer, float(embed(self.pairs).std()))
        metrics = {"undeclared" if answer == "undeclared" else "spread": spread}
        value = float("nan") if answer == "nan_threshold" else 1.0
        row = {"condition": "bare", "rate": float("nan") if answer == "nan_table" else None}
        details: Any = {"photos": {"a.jpg"}} if answer == "set_details" else {}
        return Evaluation(metrics, {"best": Threshold(value, "l2", True, "here")}, {"rates": [row]}, details=details)


class Undeclared:
    """Wrong: an evaluator without ``metrics``."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs


def examiner(pairs: Pairs) -> Examiner:
    """The same evaluator as a function that carries its own ``metrics``."""
    return Examiner(pairs)


examiner.metrics = lambda values: {"spread": "min"}  # type: ignore[attr-defined]


@hookimpl
def maskrec_losses() -> Iterator[Component]:
    yield Component("method", ":Method", "an ordinary method called check")
    yield Component("late", ":Late", "a check that fails once the data is open")
    yield Component("noting", ":Noting", "a check with notes")
    yield Component("ungiven", ":Ungiven", "a check that asks for what a loss never sees")
    yield Component("peeking", ":Peeking", "names batch under a scope that gathers")


@hookimpl
def maskrec_evaluators() -> Iterator[Component]:
    yield Component("examiner", ":Examiner", "answers as it is told to")
    yield Component("undeclared", ":Undeclared", "declares no metrics")
    yield Component("examiner_function", ":examiner", "a function with its own metrics")
