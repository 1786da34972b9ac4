"""Components for overfitting a handful of people, given with --plugin: how well training photos are distinguished, and
an end to the run once that is well enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec import Component, Evaluation, PairSet, hookimpl
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.evaluation import Embed
from maskrec.contracts.events import Evaluated, Stepped, Stop
from maskrec.contracts.kinds import Dataset
from maskrec.contracts.problem import Problem, refuse


def centre_accuracy(embeddings: ArrayLike, labels: ArrayLike) -> float:
    """Share of rows whose nearest class centre, by cosine, is their own class's.

    Every row is one of those that its centre is the mean of, so even embeddings that mean nothing score above chance.

    Args:
        embeddings: ``(n, d)``, before normalisation.
        labels: ``(n,)`` from 0 without gaps.

    Returns:
        In [0, 1].
    """
    rows, classes = _unit(np.asarray(embeddings, np.float64)), np.asarray(labels)
    centres = np.stack([rows[classes == label].mean(0) for label in range(int(classes.max()) + 1)])
    return float(((rows @ _unit(centres).T).argmax(1) == classes).mean())


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths.clip(min=np.finfo(np.float64).tiny))


class ClassCentres:
    """Accuracy by nearest class centre on photos of ``data``, the network in eval mode.

    Args:
        data: photos with labels, seen without any transform.
        context: the runner's.
    """

    def __init__(self, data: Dataset, context: Context) -> None:
        none, never = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        self.labels = list(data.labels)
        # Photos to embed and no pairs: nothing is compared.
        self.photos = PairSet(context.path, data, [None] * len(data), none, none, never, none.astype(np.int8))

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """``accuracy``."""
        return {"accuracy": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """The accuracy of the present weights."""
        return Evaluation({"accuracy": centre_accuracy(embed(self.photos), self.labels)})

    def test(self, embed: Embed, evaluation: Evaluation) -> None:
        """Nothing: there are no other photos."""


class Enough:
    """Ends a run as planned, once training photos are distinguished well enough.

    Args:
        accuracy: of an evaluation, to be exceeded; in [0, 1).
        active_share: of triplets, mean since the last evaluation, to fall below as well; None asks nothing of it.

    Raises:
        ValueError: an accuracy out of range.
    """

    def __init__(self, accuracy: float = 0.95, active_share: float | None = None) -> None:
        refuse(_problems({"accuracy": accuracy}))
        self.accuracy, self.active_share = accuracy, active_share
        self.shares: list[float] = []

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """An accuracy out of range."""
        yield from _problems(values)

    def on_step(self, event: Stepped) -> None:
        """Remembers the share of active triplets."""
        if "active_share" in event.diagnostics:
            self.shares.append(event.diagnostics["active_share"])

    def on_evaluate(self, event: Evaluated) -> Stop | None:
        """Stops when both are good enough."""
        shares, self.shares = self.shares, []
        accuracy = event.evaluation.metrics["accuracy"]
        if accuracy <= self.accuracy:
            return None
        if self.active_share is not None and not (shares and sum(shares) / len(shares) < self.active_share):
            return None
        return Stop(f"training accuracy {accuracy:.4f} is above {self.accuracy:g} after {event.step} steps")

    def state_dict(self) -> dict[str, list[float]]:
        """Shares since the last evaluation."""
        return {"shares": list(self.shares)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where a checkpoint was."""
        self.shares = [float(share) for share in state["shares"]]


def _problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    if not 0 <= values["accuracy"] < 1:
        yield Problem(f"accuracy must be in [0, 1), not {values['accuracy']}", "accuracy")


@hookimpl
def maskrec_evaluators() -> Iterator[Component]:
    yield Component("class_centres", ":ClassCentres", "training accuracy by nearest class centre")


@hookimpl
def maskrec_observers() -> Iterator[Component]:
    yield Component("enough", ":Enough", "ends a run whose training accuracy is high enough")
