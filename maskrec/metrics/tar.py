"""True accept rate at a false accept rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskrec.base.unit_interval import require_inside_unit_interval
from maskrec.metrics.accuracy import between
from maskrec.metrics.enough_people import FEWEST_EVENTS
from maskrec.metrics.intervals import quantile_counts, wilson
from maskrec.metrics.roc import Roc


@dataclass(frozen=True, slots=True)
class TarAtFar:
    """TAR at a FAR, with the evidence behind it.

    Args:
        target: the requested FAR.
        far: the FAR measured at the threshold, at most ``target``.
        tar: the TAR there.
        low: lower end of the TAR's interval.
        high: upper end.
        expected: expected false accepts, ``target`` x different pairs: the number of events behind the threshold.
        threshold: midway between the largest distance whose FAR is not above ``target`` and the next one, so that
            rounding cannot move a pair across it; the largest distance itself where all pairs are accepted, None when
            the FAR is above ``target`` at the smallest.
    """

    target: float
    far: float
    tar: float
    low: float
    high: float
    expected: float
    threshold: float | None

    @property
    def enough(self) -> bool:
        """Whether at least ten expected events support the threshold."""
        return self.expected >= FEWEST_EVENTS


def tar_at_far(curve: Roc, target: float, confidence: float = 0.95) -> TarAtFar:
    """TAR at the largest threshold whose FAR is not above ``target``: never more false accepts than requested.

    The interval holds the TAR at the threshold where the true FAR is ``target``, with at least ``confidence``, of
    independent pairs. It combines two intervals, each with half the risk: of the threshold (order statistics of the
    different distances), and of the TAR at its two ends (Wilson). With few expected events the first is wide; below
    about five the lower end is 0: nothing is known.

    Raises:
        ValueError: a target outside (0, 1).
    """
    require_inside_unit_interval(target, "a false accept rate")
    vertex = int(np.searchsorted(curve.far, target, "right")) - 1
    half = 1 - (1 - confidence) / 2
    fewest, most = quantile_counts(target, curve.different, half)
    low = min(int(np.searchsorted(curve.false_accepts, fewest, "left")), vertex)
    high = int(np.searchsorted(curve.false_accepts, most, "right")) - 1
    return TarAtFar(
        target=target,
        far=float(curve.far[vertex]),
        tar=float(curve.tar[vertex]),
        low=wilson(int(curve.true_accepts[low]), curve.same, half)[0],
        high=wilson(int(curve.true_accepts[high]), curve.same, half)[1],
        expected=target * curve.different,
        threshold=_midway(curve, vertex) if vertex else None,
    )


def _midway(curve: Roc, vertex: int) -> float:
    """Between the distance of a vertex and the next; a pair at the next one stays over it."""
    low, high = curve.thresholds[[vertex, min(vertex + 1, len(curve.thresholds) - 1)]]
    return between(float(low), float(high))
