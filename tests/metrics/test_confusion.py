"""Confusion counts and class scores against scikit-learn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from maskrec.metrics import confusion

coarse = st.integers(0, 8).map(lambda n: n / 4)
distances = st.lists(coarse, min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(distances, distances, coarse)
def test_equals_scikit_learn(same: list[float], different: list[float], threshold: float) -> None:
    counts = confusion(same, different, threshold)
    truth = [1] * len(same) + [0] * len(different)
    called = [int(distance <= threshold) for distance in same + different]
    matrix = confusion_matrix(truth, called, labels=[1, 0])
    assert matrix.tolist() == [
        [counts.same_as_same, counts.same_as_different],
        [counts.different_as_same, counts.different_as_different],
    ]
    theirs = precision_recall_fscore_support(truth, called, labels=[1, 0], zero_division=0)
    for number, scores in enumerate((counts.same, counts.different)):
        assert (scores.precision or 0) == pytest.approx(theirs[0][number])
        assert scores.recall == pytest.approx(theirs[1][number])
        assert scores.f1 == pytest.approx(theirs[2][number])
    assert counts.accuracy == pytest.approx(sum(t == c for t, c in zip(truth, called, strict=True)) / len(truth))
    assert counts.total == len(truth)


def test_a_pair_on_the_threshold_is_the_same_person() -> None:
    counts = confusion([0.5], [0.5], 0.5)
    assert (counts.same_as_same, counts.different_as_same) == (1, 1)


def test_precision_of_what_was_never_called_is_none() -> None:
    counts = confusion([0.5], [0.9], 0.1)
    assert (counts.same.precision, counts.same.recall, counts.same.f1) == (None, 0.0, 0.0)


def test_wrong_input_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="not a number"):
        confusion([0.1], [0.2], math.nan)
    with pytest.raises(ValueError, match="no same pairs"):
        confusion([], [0.2], 0.1)
