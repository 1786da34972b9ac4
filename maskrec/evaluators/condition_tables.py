"""Rows of the tables that evaluators return: plain numbers and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maskrec.metrics import Confusion, confusion, wilson

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Threshold
    from maskrec.evaluators.measuring import Floats

Row = dict[str, Any]


def decision_row(condition: str, same: Floats, different: Floats, threshold: Threshold) -> Row:
    """Accuracy of some pairs at a threshold with its 95 % Wilson interval; None and a note where a class is missing."""
    row: Row = {
        "condition": condition,
        "same_pairs": len(same),
        "different_pairs": len(different),
        "threshold": threshold.value,
        "accuracy": None,
        "low": None,
        "high": None,
        "note": "the best threshold of the evaluation pairs: their histograms do not cross"
        if threshold.collapsed
        else "",
    }
    if not len(same) or not len(different):
        return row | {"note": one_kind_note(len(same))}
    counts = confusion(same, different, threshold.value)
    low, high = wilson(counts.right, counts.total)
    return row | {"accuracy": counts.accuracy, "low": low, "high": high}


def one_kind_note(same: int) -> str:
    """The reason why a condition is not measured."""
    return f"not measured: only {'same' if same else 'different'}-person pairs"


def confusion_table(counts: Confusion) -> list[Row]:
    """One row per true class, one column per decision."""
    return [
        {"pairs": "same", "called_same": counts.same_as_same, "called_different": counts.same_as_different},
        {
            "pairs": "different",
            "called_same": counts.different_as_same,
            "called_different": counts.different_as_different,
        },
    ]


def class_table(counts: Confusion) -> list[Row]:
    """Precision, recall and F1 of each class; precision is None where no pair was assigned to it."""
    return [
        {"class": name, "precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
        for name, scores in (("same", counts.same), ("different", counts.different))
    ]
