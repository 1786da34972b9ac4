"""Figures that are hardly better than guessing are said to be."""

from __future__ import annotations

import pytest

from maskrec.contracts.guessing import near_guessing

SAID = "this network hardly tells people apart: the "


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"auc": 0.566, "accuracy": 0.95}, SAID + "area under the ROC curve is 0.57, and guessing has 0.50"),
        ({"auc": 0.65, "accuracy": 0.55}, ""),
        ({"accuracy": 0.5999}, SAID + "accuracy is 0.60, and guessing has 0.50"),
        ({"accuracy": 0.6}, ""),
        ({"tar@far=0.1": 0.1}, ""),
        ({"auc": None, "accuracy": 0.5}, SAID + "accuracy is 0.50, and guessing has 0.50"),
        ({}, ""),
    ],
)
def test_what_is_near_guessing(metrics: dict[str, object], said: str) -> None:
    assert near_guessing(metrics) == said
