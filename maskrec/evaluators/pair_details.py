"""What a report draws of a pair set: histograms of its distances by condition, and the pairs decided worst."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.component_calls import origin_of
from maskrec.contracts.conditions import CONDITIONS
from maskrec.evaluators.condition_tables import Row
from maskrec.evaluators.measuring import Measured, conditions

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Threshold
    from maskrec.evaluators.measuring import Floats

BINS = 500
WORST = 50


def pair_details(measured: Measured, thresholds: Mapping[str, Threshold], rule: str) -> dict[str, Any]:
    """Plain values: ``histograms`` and ``worst_pairs``.

    Args:
        measured: the pairs and their distances.
        thresholds: by name; that of a condition is called ``RULE/CONDITION``.
        rule: the name of the threshold that decides; one of a condition's own comes first.
    """
    deciding = thresholds[rule]
    about: dict[str, Any] = {"pairs": measured.pairs.label, "caveat": measured.pairs.caveat, "rule": rule}
    about |= {"distance": deciding.distance, "normalize": deciding.normalize}
    values = np.full(len(measured.pairs), deciding.value)
    for name, chosen in conditions(measured.pairs):
        values[chosen] = thresholds.get(f"{rule}/{name}", deciding).value
    return {**about, "histograms": distance_histograms(measured), "worst_pairs": worst_pairs(measured, values)}


def distance_histograms(measured: Measured, bins: int = BINS) -> dict[str, Any]:
    """Counts of the same and of the different pairs, over all pairs and by condition.

    Bin k (from 0) holds the distances d with ``low + k * w < d <= low + (k + 1) * w``, where w is
    ``(high - low) / bins``: so the sum of the first k bins is what a threshold at their right edge accepts, exactly.
    """
    farthest = float(measured.distances.max())
    low = float(np.nextafter(measured.distances.min(), -np.inf))
    high = farthest if farthest - low > 1e-9 else low + 1e-9  # all distances are equal
    edges: Floats = low + (high - low) / bins * np.arange(bins + 1, dtype=np.float64)
    edges[-1] = high
    by_condition = {"all": np.ones(len(measured.pairs), dtype=bool), **dict(conditions(measured.pairs))}
    counts = {
        name: {kind: _counts(values, edges) for kind, values in zip(("same", "different"), both, strict=True)}
        for name, chosen in by_condition.items()
        for both in [measured.both(chosen)]
    }
    return {"low": low, "high": high, "bins": bins, "conditions": counts}


def _counts(distances: Floats, edges: Floats) -> list[int]:
    places = np.searchsorted(edges, distances, side="left")
    found: list[int] = np.bincount(places, minlength=len(edges))[1:].tolist()
    return found


def worst_pairs(measured: Measured, thresholds: Floats, most: int = WORST) -> list[Row]:
    """The wrong decisions that are farthest from their threshold, worst first; at most half of them of one kind.

    Args:
        measured: the pairs and their distances.
        thresholds: float64 ``(n,)``, the one that decides each pair.
        most: how many.
    """
    beyond = np.where(measured.pairs.same, 1.0, -1.0) * (measured.distances - thresholds)
    wrong = np.where(measured.pairs.same, measured.distances > thresholds, measured.distances <= thresholds)
    chosen = [
        index
        for kind in (measured.pairs.same, ~measured.pairs.same)
        for index in _largest(beyond, np.flatnonzero(wrong & kind), most // 2)
    ]
    return [_row(measured, index, float(thresholds[index])) for index in sorted(chosen, key=lambda i: -beyond[i])]


def _largest(values: Floats, among: NDArray[np.int64], most: int) -> list[int]:
    found: list[int] = among[np.argsort(-values[among], kind="stable")[:most]].tolist()
    return found


def _row(measured: Measured, index: int, threshold: float) -> Row:
    pairs = measured.pairs
    return {
        "pair": index,
        "same": bool(pairs.same[index]),
        "condition": CONDITIONS[pairs.condition[index]],
        "distance": float(measured.distances[index]),
        "threshold": threshold,
        "left": _image(measured, int(pairs.left[index])),
        "right": _image(measured, int(pairs.right[index])),
    }


def _image(measured: Measured, index: int) -> Row:
    """An image of the set: its place in it, who it shows, its photo's path and the mask put on it."""
    pairs = measured.pairs
    name = None if pairs.identities is None else str(pairs.identities[index])
    photo = origin_of(pairs.images, index)[0] if hasattr(pairs.images, "origin") else None
    return {"image": index, "person": name, "photo": photo, "mask": pairs.mask_types[index]}
