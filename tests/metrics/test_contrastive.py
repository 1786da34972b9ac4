"""The contrastive loss of pairs against plain loops."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskrec.metrics import contrastive_loss

distances = st.lists(st.floats(0, 4), min_size=1, max_size=20)


@given(same=distances, different=distances, margin=st.floats(0.1, 3))
def test_equals_the_loops(same: list[float], different: list[float], margin: float) -> None:
    near = sum(d * d for d in same) / len(same)
    far = sum(max(0.0, margin - d) ** 2 for d in different) / len(different)
    assert contrastive_loss(same, different, margin) == pytest.approx((near + far) / 2, rel=1e-12, abs=1e-300)


def test_faces_at_right_angles_cost_nothing_and_one_point_costs_most() -> None:
    assert contrastive_loss([0.0], [math.sqrt(2), 2.0]) == pytest.approx(0.0, abs=1e-30)
    assert contrastive_loss([0.0, 0.0], [0.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("same", "different", "margin", "says"),
    [([], [1.0], 1.0, "no same pairs"), ([1.0], [math.nan], 1.0, "not finite"), ([1.0], [1.0], 0.0, "above 0")],
)
def test_wrong_input_is_one_sentence(same: list[float], different: list[float], margin: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        contrastive_loss(same, different, margin)
