"""Whether a network's figures are hardly better than those of guessing."""

from __future__ import annotations

from collections.abc import Mapping

_FIGURES = {"auc": (0.65, "the area under the ROC curve"), "accuracy": (0.6, "the accuracy")}
"""Below what each is hardly better than guessing, which has 0.5, and what it is called; the first that is there counts.

The area does not depend on how many of the pairs are of one person.
"""


def near_guessing(metrics: Mapping[str, object]) -> str:
    """How near the figures of all pairs are to guessing, as a clause; empty where they are better or not measured."""
    for name, (least, words) in _FIGURES.items():
        value = metrics.get(name)
        if isinstance(value, (int, float)):
            better = f"this network hardly tells people apart: {words} is {value:.2f}, and guessing has 0.50"
            return better if value < least else ""
    return ""
