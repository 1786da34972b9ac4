"""Thresholds on pairs that they were not chosen for, and decisions by the type of mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.conditions import CONDITIONS
from maskrec.evaluators.condition_tables import Row
from maskrec.evaluators.measuring import Measured, conditions
from maskrec.metrics import wilson

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Threshold
    from maskrec.evaluators.measuring import Floats

ON_THE_PHOTO = "on the photo"
"""A mask that was not put on, but was there when the photo was taken."""


def transferred_rows(measured: Measured, thresholds: Mapping[str, Threshold]) -> list[Row]:
    """What each threshold costs the pairs of every condition, its own and those that it was not chosen for.

    Args:
        measured: the pairs and their distances.
        thresholds: by name, ``RULE`` for all pairs or ``RULE/CONDITION``.
    """
    rows = []
    for name, threshold in thresholds.items():
        rule, _, chosen_on = name.partition("/")
        for condition, chosen in conditions(measured.pairs):
            about: Row = {"rule": rule, "chosen_on": chosen_on or "all", "condition": condition}
            about |= {"threshold": threshold.value, "target_far": threshold.far}
            rows.append(about | error_columns(*measured.both(chosen), threshold.value))
    return rows


def mask_type_rows(measured: Measured, thresholds: Mapping[str, Threshold], rule: str) -> list[Row]:
    """Decisions by condition and by the type of mask that a pair wears; a pair with two types is in both rows.

    Args:
        measured: the pairs and their distances.
        thresholds: by name; a condition's own, ``RULE/CONDITION``, comes before the one for all pairs.
        rule: the name of the threshold for all pairs.
    """
    worn = np.array([kind or "" for kind in measured.pairs.mask_types], dtype=str)
    left, right = worn[measured.pairs.left], worn[measured.pairs.right]
    rows = []
    for condition, of_condition in conditions(measured.pairs):
        if condition == CONDITIONS[0]:
            continue
        threshold = thresholds.get(f"{rule}/{condition}", thresholds[rule])
        for kind in sorted({*left[of_condition], *right[of_condition]}):
            wears = _wearing(kind, left, right, both=condition == CONDITIONS[2]) & of_condition
            if wears.any():
                row: Row = {"condition": condition, "mask": str(kind) or ON_THE_PHOTO, "threshold": threshold.value}
                rows.append(row | error_columns(*measured.both(wears), threshold.value))
    return rows


def _wearing(kind: str, left: NDArray[np.str_], right: NDArray[np.str_], both: bool) -> NDArray[np.bool_]:
    """The pairs in which somebody wears this type; of one masked face, a bare one beside it wears nothing."""
    wears: NDArray[np.bool_] = (left == kind) | (right == kind)
    if not kind and not both:
        wears &= left == right
    return wears


def error_columns(same: Floats, different: Floats, threshold: float) -> Row:
    """Accuracy, false accept and false reject rate with 95 % Wilson intervals; None where there are no such pairs."""
    rejected = int(np.count_nonzero(same > threshold))
    accepted = int(np.count_nonzero(different <= threshold))
    pairs = len(same) + len(different)
    both = len(same) and len(different)
    row: Row = {"same_pairs": len(same), "different_pairs": len(different)}
    for name, events, trials in (
        ("accuracy", pairs - rejected - accepted, pairs if both else 0),
        ("far", accepted, len(different)),
        ("frr", rejected, len(same)),
    ):
        low, high = wilson(events, trials) if trials else (None, None)
        row |= {name: events / trials if trials else None, f"{name}_low": low, f"{name}_high": high}
    return row


def decision_tables(measured: Measured, thresholds: Mapping[str, Threshold], rule: str) -> dict[str, Sequence[Row]]:
    """``transferred_thresholds``, and ``decisions_by_mask`` where the set has masked pairs."""
    masks = mask_type_rows(measured, thresholds, rule)
    tables: dict[str, Sequence[Row]] = {"transferred_thresholds": transferred_rows(measured, thresholds)}
    return tables | ({"decisions_by_mask": masks} if masks else {})
