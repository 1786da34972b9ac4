"""Best threshold, k-fold accuracy and folds against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.metrics import LFW_THRESHOLDS, best_threshold, confusion, contiguous_folds, k_fold_accuracy

coarse = st.integers(0, 8).map(lambda n: n / 2)
distances = st.lists(st.one_of(coarse, st.floats(0, 4)), min_size=1, max_size=40)


@settings(deadline=None, max_examples=150)
@given(distances, distances)
def test_no_threshold_is_better_than_the_best(same: list[float], different: list[float]) -> None:
    best = best_threshold(same, different)
    candidates = [-1.0, *sorted(set(same + different))]
    rights = [sum(d <= t for d in same) + sum(d > t for d in different) for t in candidates]
    assert best.accuracy == max(rights) / (len(same) + len(different))
    assert confusion(same, different, best.threshold).accuracy == best.accuracy
    # the lowest of equals: it decides as the first best candidate does
    first = candidates[rights.index(max(rights))]
    assert [d <= best.threshold for d in same + different] == [d <= first for d in same + different]


def test_the_best_threshold_is_midway() -> None:
    assert best_threshold([0.2], [0.6]).threshold == pytest.approx(0.4)
    assert best_threshold([0.2, 0.7], [0.1]).threshold == 0.7  # accept all
    nothing = best_threshold([0.9], [0.1, 0.1])
    assert (nothing.threshold, nothing.accuracy) == (-1.0, 2 / 3)  # accept none


def k_fold_by_hand(
    distances: list[float], same: list[bool], fold: list[int], thresholds: list[float]
) -> tuple[list[float], list[float]]:
    def accuracy(members: list[int], threshold: float) -> float:
        return sum((distances[i] <= threshold) == same[i] for i in members) / len(members)

    accuracies, chosen = [], []
    for held in sorted(set(fold)):
        train = [i for i in range(len(fold)) if fold[i] != held]
        best, best_accuracy = thresholds[0], -1.0
        for threshold in thresholds:
            if accuracy(train, threshold) > best_accuracy:
                best, best_accuracy = threshold, accuracy(train, threshold)
        chosen.append(best)
        accuracies.append(accuracy([i for i in range(len(fold)) if fold[i] == held], best))
    return accuracies, chosen


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.one_of(coarse, st.floats(0, 4)), st.booleans(), st.integers(0, 3)), max_size=40))
def test_k_fold_equals_the_loops(pairs: list[tuple[float, bool, int]]) -> None:
    pairs = [*pairs, (1.0, True, 0), (2.0, False, 1)]
    columns = [list(column) for column in zip(*pairs, strict=True)]
    grid = [step / 10 for step in range(41)]
    found = k_fold_accuracy(*columns, grid)
    accuracies, chosen = k_fold_by_hand(*columns, grid)
    np.testing.assert_allclose(found.accuracies, accuracies, atol=1e-15)
    assert found.thresholds.tolist() == chosen
    assert found.mean == pytest.approx(np.mean(accuracies))


def test_lfw_s_protocol() -> None:
    assert len(LFW_THRESHOLDS) == 401
    assert (LFW_THRESHOLDS[0], LFW_THRESHOLDS[7], LFW_THRESHOLDS[-1]) == (0.0, 0.07, 4.0)
    rng = np.random.default_rng(2)
    same = np.tile(np.repeat([True, False], 300), 10)
    fold = np.repeat(np.arange(10), 600)
    distances = np.where(same, rng.normal(1.0, 0.4, 6000), rng.normal(2.0, 0.3, 6000)).clip(0, 4)
    found = k_fold_accuracy(distances, same, fold)
    accuracies, chosen = k_fold_by_hand(
        distances[::5].tolist(), same[::5].tolist(), fold[::5].tolist(), LFW_THRESHOLDS.tolist()
    )
    fewer = k_fold_accuracy(distances[::5], same[::5], fold[::5])
    np.testing.assert_allclose(fewer.accuracies, accuracies, atol=1e-15)
    assert fewer.thresholds.tolist() == chosen
    assert found.standard_deviation == pytest.approx(math.sqrt(sum((found.accuracies - found.mean) ** 2) / 9))
    assert found.standard_error == pytest.approx(found.standard_deviation / math.sqrt(10))


def test_the_held_out_fold_has_no_say_in_its_threshold() -> None:
    distances = np.array([1.0, 3.0, 0.2, 0.4])
    same = np.array([True, False, True, False])
    fold = np.array([0, 0, 1, 1])
    found = k_fold_accuracy(distances, same, fold)
    changed = k_fold_accuracy(np.array([1.0, 3.0, 0.9, 0.95]), same, fold)
    assert found.thresholds[1] == changed.thresholds[1] == 1.0
    assert found.thresholds[0] == 0.2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(2, 12))
def test_contiguous_folds_spread_every_group(groups: list[int], folds: int) -> None:
    fold = contiguous_folds(groups, folds)
    for group in set(groups):
        members = [int(fold[i]) for i in range(len(groups)) if groups[i] == group]
        assert members == sorted(members)  # in order: nothing is shuffled
        sizes = [members.count(number) for number in range(folds)]
        assert sum(sizes) == len(members)
        assert max(sizes) - min(sizes) <= 1


def test_wrong_input_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        k_fold_accuracy([1.0], [True, False], [0, 1])
    with pytest.raises(ValueError, match="at least two folds, not 1"):
        k_fold_accuracy([1.0, 2.0], [True, False], [4, 4])
    with pytest.raises(ValueError, match="there are no different pairs"):
        k_fold_accuracy([1.0, 2.0], [True, True], [0, 1])
    with pytest.raises(ValueError, match="not finite"):
        k_fold_accuracy([1.0, math.nan], [True, False], [0, 1])
    with pytest.raises(ValueError, match="at least two folds, not 1"):
        contiguous_folds([0, 1], 1)
    with pytest.raises(ValueError, match="no same pairs"):
        best_threshold([], [1.0])
