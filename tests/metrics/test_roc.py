"""The ROC curve, AUC and EER against counting loops and scikit-learn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from maskrec.metrics import roc

coarse = st.integers(0, 12).map(lambda n: n / 4)
distances = st.lists(st.one_of(coarse, st.floats(0, 4)), min_size=1, max_size=40)


@settings(deadline=None, max_examples=100)
@given(distances, distances)
def test_vertices_equal_counting(same: list[float], different: list[float]) -> None:
    curve = roc(same, different)
    assert curve.thresholds[0] == -math.inf
    assert curve.thresholds[1:].tolist() == sorted(set(same + different))
    for threshold, accepted, alarmed in zip(curve.thresholds, curve.true_accepts, curve.false_accepts, strict=True):
        assert accepted == sum(distance <= threshold for distance in same)
        assert alarmed == sum(distance <= threshold for distance in different)
    assert (curve.tar[-1], curve.far[-1], curve.tar[0], curve.far[0]) == (1, 1, 0, 0)
    assert (np.diff(curve.tar) >= 0).all()
    assert (np.diff(curve.far) >= 0).all()


@settings(deadline=None, max_examples=100)
@given(distances, distances)
def test_auc_is_the_chance_that_a_same_pair_is_nearer(same: list[float], different: list[float]) -> None:
    points = 0.0
    for near in same:
        for far in different:
            points += 1.0 if near < far else 0.5 if near == far else 0.0
    area = roc(same, different).auc()
    assert area == pytest.approx(points / (len(same) * len(different)), abs=1e-12)
    assert roc(different, same).auc() == pytest.approx(1 - area, abs=1e-12)
    stretched = roc([3 * d + 1 for d in same], [3 * d + 1 for d in different])
    if len(stretched.thresholds) == len(roc(same, different).thresholds):  # rounding may tie two distances
        assert stretched.auc() == pytest.approx(area, abs=1e-12)


def eer_by_hand(same: list[float], different: list[float]) -> float:
    """Walks along the segments of the curve until FAR meets 1 - TAR."""
    points = [(0.0, 0.0)]
    for threshold in sorted(set(same + different)):
        points.append(
            (sum(d <= threshold for d in different) / len(different), sum(d <= threshold for d in same) / len(same))
        )
    for (far, tar), (next_far, next_tar) in pairwise(points):
        if next_far + next_tar >= 1:
            # far + t dfar = 1 - tar - t dtar
            t = (1 - far - tar) / ((next_far - far) + (next_tar - tar))
            return far + t * (next_far - far)
    raise AssertionError("the curve ends at (1, 1)")


@settings(deadline=None, max_examples=100)
@given(distances, distances)
def test_eer_equals_walking_the_curve(same: list[float], different: list[float]) -> None:
    value = roc(same, different).eer()
    assert value == pytest.approx(eer_by_hand(same, different), abs=1e-12)
    assert 0 <= value <= 1
    # mirrored and swapped, both errors change places
    mirrored = roc([-d for d in different], [-d for d in same]).eer()
    assert mirrored == pytest.approx(value, abs=1e-9)


def test_corner_cases() -> None:
    apart = roc([0.1, 0.2], [0.8, 0.9])
    assert (apart.auc(), apart.eer()) == (1.0, 0.0)
    reversed_ = roc([0.8, 0.9], [0.1, 0.2])
    assert (reversed_.auc(), reversed_.eer()) == (0.0, 1.0)
    tied = roc([0.5, 0.5], [0.5])
    assert (tied.auc(), tied.eer()) == (0.5, 0.5)


def test_equals_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    same, different = rng.normal(0.9, 0.3, 4000).round(3), rng.normal(1.3, 0.2, 5000).round(3)
    truth = np.repeat([1, 0], [len(same), len(different)])
    far, tar, _ = roc_curve(truth, -np.concatenate([same, different]), drop_intermediate=False)
    curve = roc(same, different)
    np.testing.assert_allclose(curve.far, far, atol=1e-15)
    np.testing.assert_allclose(curve.tar, tar, atol=1e-15)
    assert curve.auc() == pytest.approx(roc_auc_score(truth, -np.concatenate([same, different])), abs=1e-13)


def test_many_pairs_do_not_overflow() -> None:
    values = np.arange(300_000) / 300_000
    assert roc(values, values + 1e-9).auc() == pytest.approx(0.5, abs=1e-4)


def test_wrong_input_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="there are no different pairs"):
        roc([1.0], [])
    with pytest.raises(ValueError, match="not finite"):
        roc([math.nan], [1.0])
