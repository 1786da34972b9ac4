"""TAR at FAR of every comparison: against all distances in float64, sorted, and scikit-learn."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from maskrec.metrics import roc, tar_at_far
from maskrec.metrics.all_comparisons import compare_all, rates_by_kind
from maskrec.metrics.comparison_tiles import sorted_images
from maskrec.metrics.nearest_impostors import allowed, nearest_impostors


class Crowd(NamedTuple):
    """Images of people; some photos occur bare and masked."""

    embeddings: np.ndarray
    people: np.ndarray
    masked: np.ndarray
    photos: np.ndarray


def crowd(seed: int, images: int = 120, people: int = 12, equal: bool = False, width: int = 6) -> Crowd:
    rng = np.random.default_rng(seed)
    who = rng.integers(0, people, images)
    rows = rng.normal(size=(people, width))[who] + rng.normal(size=(images, width))
    if equal:  # many distances occur several times
        rows = np.round(rows) + 0.01
    return Crowd(rows.astype(np.float32), who, rng.random(images) < 0.5, who * 1000 + rng.integers(0, 6, images))


def plain(people: Crowd, condition: int) -> tuple[list[float], list[float]]:
    """Squared distances of one person's and of two people's images, each pair by itself."""
    rows = people.embeddings.astype(np.float64)
    rows = rows / np.max(np.abs(rows), axis=1, keepdims=True)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found: tuple[list[float], list[float]] = ([], [])
    for i, j in combinations(range(len(rows)), 2):
        if int(people.masked[i]) + int(people.masked[j]) == condition and people.photos[i] != people.photos[j]:
            gap = unit[i] - unit[j]
            found[int(people.people[i] != people.people[j])].append(float(np.einsum("i,i->", gap, gap)))
    return found


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("condition", [0, 1, 2])
@pytest.mark.parametrize("side", [7, 1024])
def test_counts_and_rates_are_those_of_all_distances(condition: int, equal: bool, side: int) -> None:
    people = crowd(condition + 3 * equal, equal=equal)
    same, different = plain(people, condition)
    compared = compare_all(sorted_images(*people), condition, 0.2, side)
    assert compared.nearest.comparisons == len(different)
    np.testing.assert_allclose(np.sort(compared.squared), np.sort(same), rtol=0, atol=1e-12)
    curve = roc(same, different)
    for far in (0.2, 0.05, 0.01, 0.001):
        found, expected = compared.at(far), tar_at_far(curve, far)
        assert found is not None
        assert (found.far, found.tar, found.expected) == pytest.approx((expected.far, expected.tar, expected.expected))
        assert (found.threshold is None) == (expected.threshold is None)
        if found.threshold is not None and expected.threshold is not None:
            assert found.threshold == pytest.approx(expected.threshold, abs=1e-9)
            # brute force in float64 accepts as many at the threshold
            assert np.count_nonzero(np.array(different) <= found.threshold) == round(found.far * len(different))
            assert np.count_nonzero(np.array(same) <= found.threshold) == round(found.tar * len(same))


def test_rates_are_scikit_learns() -> None:
    people = crowd(5, images=300)
    same, different = plain(people, 1)
    compared = compare_all(sorted_images(*people), 1, 0.1)
    fpr, tpr, _ = roc_curve(np.repeat([1, 0], [len(same), len(different)]), -np.array(same + different))
    for far in (0.1, 0.01, 0.001):
        found = compared.at(far)
        assert found is not None
        assert found.tar == pytest.approx(float(tpr[fpr <= far][-1]), abs=1e-9)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), images=st.integers(2, 40), count=st.integers(0, 50), equal=st.booleans())
def test_the_nearest_are_the_nearest(seed: int, images: int, count: int, equal: bool) -> None:
    people = crowd(seed, images, 4, equal, 3)
    _, different = plain(people, 1)
    found = nearest_impostors(sorted_images(*people), 1, count, side=9)
    rising = np.sort(different)
    assert len(found.squared) == min(count + 1, len(rising))
    assert found.squared == pytest.approx(rising[: count + 1], abs=1e-12)


def test_products_in_float32_hide_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances that differ by less than float32 can tell, more than are held at once."""
    monkeypatch.setattr("maskrec.metrics.nearest_impostors._HELD", 10)
    rng = np.random.default_rng(0)
    rows = np.concatenate([np.ones((40, 16)), np.ones((40, 16))]) + 1e-4 * rng.normal(size=(80, 16))
    people = Crowd(rows, np.arange(80), np.arange(80) >= 40, np.arange(80))
    _, different = plain(people, 1)
    found = nearest_impostors(sorted_images(*people), 1, 100, side=8)
    assert len(found.squared) == 101
    np.testing.assert_allclose(found.squared, np.sort(different)[:101], rtol=1e-6)
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    assert len(np.unique(unit[:40] @ unit[40:].T)) < 10


def test_a_network_that_tells_nobody_apart_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskrec.metrics.nearest_impostors._HELD", 0)
    people = crowd(0)
    same = Crowd(np.ones_like(people.embeddings), *people[1:])
    found = compare_all(sorted_images(*same), 1, 0.01, side=16)
    assert len(found.nearest.squared) == int(0.01 * found.nearest.comparisons) + 1
    answer = found.at(0.01)
    assert answer is not None
    assert (answer.tar, answer.far, answer.threshold) == (0.0, 0.0, None)


@pytest.mark.parametrize(("rate", "every", "most"), [(0.1, 10, 1), (0.1, 30, 3), (0.3, 10, 3), (0.001, 999, 0)])
def test_a_share_is_counted_as_the_curve_counts_it(rate: float, every: int, most: int) -> None:
    assert allowed(rate, every) == most
    assert most / every <= rate < (most + 1) / every


def test_rates_by_kind_of_mask() -> None:
    people = crowd(2, images=200)
    images, kinds = sorted_images(*people), np.arange(200) % 3
    kinds[~people.masked] = -1
    compared = compare_all(images, 1, 0.2)
    whole = compared.at(0.1)
    assert whole is not None
    assert whole.threshold is not None
    found = rates_by_kind(compared, kinds, whole.threshold)
    assert [each.kind for each in found] == [0, 1, 2]
    for each in found:
        kept = ~people.masked | (kinds == each.kind)
        same, different = plain(Crowd(*(column[kept] for column in people)), 1)
        assert (each.same, each.different) == (len(same), len(different))
        assert each.tar == np.mean(np.array(same) <= whole.threshold)
        assert each.false == np.count_nonzero(np.array(different) <= whole.threshold)
    assert sum(each.false for each in found) == round(whole.far * compared.nearest.comparisons)


def test_without_one_kind_of_comparison_nothing_is_said() -> None:
    alone = Crowd(np.eye(3, dtype=np.float32), np.arange(3), np.array([False, True, True]), np.arange(3))
    assert compare_all(sorted_images(*alone), 1, 0.1).at(0.1) is None  # nobody twice
    one = Crowd(np.eye(3, dtype=np.float32), np.zeros(3, np.int64), alone.masked, alone.photos)
    assert compare_all(sorted_images(*one), 1, 0.1).at(0.1) is None  # one person only
    assert compare_all(sorted_images(*one), 0, 0.1).at(0.1) is None  # one bare image


@pytest.mark.parametrize("far", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_is_inside_0_and_1(far: float) -> None:
    with pytest.raises(ValueError, match=r"must be inside \(0, 1\), not"):
        compare_all(sorted_images(*crowd(0)), 1, far)
