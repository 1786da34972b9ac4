"""The losses named after their margin, from their papers' formulas: one sample and one class at a time, in float64."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class Face:
    """One sample: its cosines to all classes, its class, its length; those of the batch; what was drawn for it."""

    cosines: list[float]
    label: int
    length: float
    lengths: list[float]
    true_cosines: list[float]
    drawn: float

    @property
    def true(self) -> float:
        return self.cosines[self.label]

    @property
    def theta(self) -> float:
        return math.acos(max(-1.0, min(1.0, self.true)))


def softmax(logits: Sequence[float], label: int) -> float:
    """Cross entropy."""
    top = max(logits)
    return top + math.log(sum(math.exp(z - top) for z in logits)) - logits[label]


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def arc(theta: float, margin: float) -> float:
    """ArcFace's, with the rule of its authors where the sum exceeds pi."""
    if theta + margin < math.pi:
        return math.cos(theta + margin)
    return math.cos(theta) - margin * math.sin(margin)


def psi(theta: float) -> float:
    """SphereFace's continued cosine, by looking for the interval."""
    k = next(k for k in range(1000) if k * math.pi <= theta <= (k + 1) * math.pi)
    return (-1) ** k * math.cos(theta) - 2 * k


def changed(face: Face, true: float, scale: float) -> list[float]:
    return [scale * (true if j == face.label else c) for j, c in enumerate(face.cosines)]


def adaface(face: Face, o: dict[str, Any]) -> float:
    """With one batch seen: running mean and spread begin at 20 and 100."""
    kept = o["momentum"]
    mean = kept * 20 + (1 - kept) * sum(face.lengths) / len(face.lengths)
    spread = kept * 100 + (1 - kept) * statistics.stdev(face.lengths)
    z = max(-1.0, min(1.0, (face.length - mean) / spread * o["concentration"]))
    angle = max(0.0, min(math.pi, face.theta - o["margin"] * z))
    return softmax(changed(face, math.cos(angle) - o["margin"] * z - o["margin"], o["scale"]), face.label)


def magface(face: Face, o: dict[str, Any]) -> float:
    a = max(o["shortest"], min(o["longest"], face.length))
    share = (a - o["shortest"]) / (o["longest"] - o["shortest"])
    margin = o["least_margin"] + share * (o["most_margin"] - o["least_margin"])
    long = o["pull"] * (a / o["longest"] ** 2 + 1 / a)
    return softmax(changed(face, arc(face.theta, margin), o["scale"]), face.label) + long


def curricularface(face: Face, o: dict[str, Any]) -> float:
    """With one batch seen: t begins at 0."""
    t = (1 - o["momentum"]) * sum(face.true_cosines) / len(face.true_cosines)
    true = arc(face.theta, o["margin"])
    others = [c * (t + c) if c > true else c for c in face.cosines]
    return softmax([o["scale"] * (true if j == face.label else c) for j, c in enumerate(others)], face.label)


def elasticface(face: Face, o: dict[str, Any]) -> float:
    margin = o["margin"] + o["spread"] * face.drawn
    true = arc(face.theta, margin) if o["on"] == "angle" else face.true - margin
    return softmax(changed(face, true, o["scale"]), face.label)


def uniface(face: Face, o: dict[str, Any]) -> float:
    b = math.log(10 * len(face.cosines))
    others = sum(softplus(o["scale"] * c - b) for j, c in enumerate(face.cosines) if j != face.label)
    return softplus(b - o["scale"] * (face.true - o["margin"])) + o["balance"] * others


PAPERS: dict[str, Callable[[Face, dict[str, Any]], float]] = {
    "adaface": adaface,
    "magface": magface,
    "curricularface": curricularface,
    "elasticface": elasticface,
    "uniface": uniface,
    "subcenter_arcface": lambda face, o: softmax(changed(face, arc(face.theta, o["margin"]), o["scale"]), face.label),
    "sphereface": lambda face, o: softmax(changed(face, psi(o["margin"] * face.theta), o["scale"]), face.label),
    "combined_margin": lambda face, o: softmax(
        changed(face, psi(o["m1"] * face.theta + o["m2"]) - o["m3"], o["scale"]), face.label
    ),
}


def mean_of_papers_formula(
    name: str,
    rows: Floats,
    centres: Floats,
    labels: Sequence[int],
    options: dict[str, Any],
    drawn: Sequence[float] | None = None,
) -> float:
    """The loss of a batch, the first that it sees.

    Args:
        name: of the loss.
        rows: ``(B, d)`` embeddings.
        centres: ``(C * K, d)``; those of one class follow each other.
        labels: of the rows.
        options: all parameters of the loss, with ``centres_per_class`` where K is not 1.
        drawn: for each row a normally distributed number.
    """
    each = options.get("centres_per_class", 1)
    lengths = [math.sqrt(row @ row) for row in rows]
    cosines = []
    for row, length in zip(rows, lengths, strict=True):
        nearest = [row @ w / length / math.sqrt(w @ w) for w in centres]
        cosines.append([max(nearest[i : i + each]) for i in range(0, len(nearest), each)])
    true = [row[label] for row, label in zip(cosines, labels, strict=True)]
    total = 0.0
    for i, label in enumerate(labels):
        face = Face(cosines[i], label, lengths[i], lengths, true, 0.0 if drawn is None else drawn[i])
        total += PAPERS[name](face, options)
    return total / len(labels)
