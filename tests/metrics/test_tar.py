"""TAR at FAR: conservative, with intervals that cover the true rate as often as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskrec.metrics import quantile_counts, roc, tar_at_far, wilson

distances = st.lists(st.one_of(st.integers(0, 12).map(float), st.floats(0, 12)), min_size=1, max_size=50)
rates = st.one_of(st.sampled_from([0.5, 0.1, 0.01, 0.001]), st.floats(0.001, 0.999))


@settings(deadline=None, max_examples=150)
@given(distances, distances, rates)
def test_the_threshold_is_the_largest_that_keeps_the_rate(
    same: list[float], different: list[float], target: float
) -> None:
    found = tar_at_far(roc(same, different), target)
    every = sorted(set(same + different))
    kept = [distance for distance in every if sum(d <= distance for d in different) / len(different) <= target]
    assert (found.threshold is None) == (not kept)
    if found.threshold is not None:
        assert [d <= found.threshold for d in every] == [d <= kept[-1] for d in every]
        if len(kept) < len(every):
            assert found.threshold == pytest.approx((kept[-1] + every[len(kept)]) / 2)
        else:
            assert found.threshold == kept[-1]
    reached = kept[-1] if kept else -math.inf
    assert found.tar == sum(d <= reached for d in same) / len(same)
    assert found.far == sum(d <= reached for d in different) / len(different) <= target
    assert found.expected == target * len(different)
    assert 0 <= found.low <= found.tar <= found.high <= 1


@settings(deadline=None, max_examples=60)
@given(distances, distances, rates, rates)
def test_more_false_accepts_allowed_never_lowers_the_tar(
    same: list[float], different: list[float], one: float, other: float
) -> None:
    curve = roc(same, different)
    low, high = sorted([one, other])
    assert tar_at_far(curve, low).tar <= tar_at_far(curve, high).tar


def test_ties_between_impostors_are_taken_whole() -> None:
    different = [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    found = tar_at_far(roc([0.5, 1.5], different), 0.1)  # one of the two at 1.0 cannot be accepted alone
    assert (found.threshold, found.far, found.tar) == (0.75, 0.0, 0.5)
    none = tar_at_far(roc([1.5], different), 0.1)
    assert (none.threshold, none.tar) == (None, 0.0)


def test_the_interval_reaches_down_to_a_conservative_tar() -> None:
    """A FAR of 0.999 of one different pair accepts none, though the true threshold almost surely would."""
    found = tar_at_far(roc([5.0, 5.0, 5.0], [1.0]), 0.999)
    assert (found.tar, found.low) == (0.0, 0.0)


def test_the_interval_by_hand() -> None:
    """Order statistics of the different distances, then Wilson at both ends, each at 97.5 %."""
    rng = np.random.default_rng(8)
    same, different = np.sort(rng.normal(0.5, 1, 150)), np.sort(rng.normal(2, 1, 2000))
    found = tar_at_far(roc(same, different), 0.02)
    law = stats.binom(2000, 0.02)
    fewest, most = int(law.ppf(0.0125)), int(law.ppf(0.9875))
    lowest, highest = different[fewest - 1], different[most]  # the true threshold is in [lowest, highest)
    hits = sum(d <= lowest for d in same), sum(d < highest for d in same)
    assert hits[0] < hits[1]
    wilsons = [stats.binomtest(int(n), 150).proportion_ci(0.975, method="wilson") for n in hits]
    assert found.low == pytest.approx(wilsons[0].low, abs=1e-12)
    assert found.high == pytest.approx(wilsons[1].high, abs=1e-12)


def test_exactly_the_target_is_allowed() -> None:
    different = np.arange(1, 3001) / 1000
    found = tar_at_far(roc([0.005, 2.9], different), 0.01)
    assert found.far == 0.01
    assert found.threshold == pytest.approx(0.0305)


def test_the_threshold_is_midway_to_the_next_distance_of_either_kind() -> None:
    """Two embeddings of one photo differ by rounding: a pair at the stored distance must not be decided by it."""
    different = [1.0, *np.linspace(1.4, 1.5, 9)]
    assert tar_at_far(roc([0.5], different), 0.1).threshold == pytest.approx(1.2)
    assert tar_at_far(roc([0.5, 1.1], different), 0.1).threshold == pytest.approx(1.25)
    assert tar_at_far(roc([0.5, 1.1, 1.3], different), 0.1).threshold == pytest.approx(1.35)
    neighbours = [1.0, math.nextafter(1.0, 2.0)]
    assert tar_at_far(roc([0.5], neighbours), 0.5).threshold == 1.0  # the middle would be rounded to the other


def test_ten_expected_events_are_enough() -> None:
    impostors = np.linspace(1, 2, 1000)
    assert tar_at_far(roc([0.5], impostors), 0.01).enough
    assert not tar_at_far(roc([0.5], impostors[:999]), 0.01).enough
    lfw = tar_at_far(roc([0.5], np.linspace(1, 2, 3000)), 0.001)
    assert (lfw.expected, lfw.enough) == (3.0, False)
    assert lfw.low == 0  # three events give no lower bound of the threshold


@pytest.mark.parametrize(("impostors", "target"), [(3000, 0.01), (3000, 0.001), (300, 0.1)])
def test_the_interval_holds_the_true_tar(impostors: int, target: float) -> None:
    """1,000 draws of distances whose true TAR at the true threshold is known."""
    rng = np.random.default_rng(11)
    truth = stats.norm.cdf(stats.norm.ppf(target, 3, 1), 0.5, 1)
    held = 0
    for _ in range(1000):
        found = tar_at_far(roc(rng.normal(0.5, 1, 200), rng.normal(3, 1, impostors)), target)
        held += found.low <= truth <= found.high
    assert held >= 940


def test_wilson_equals_scipy() -> None:
    for successes, trials in [(0, 10), (10, 10), (3, 10), (1, 1), (2951, 3000), (0, 1)]:
        for confidence in (0.9, 0.95, 0.99):
            theirs = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
            np.testing.assert_allclose(wilson(successes, trials, confidence), tuple(theirs), atol=1e-12)


def test_quantile_counts_equal_scipy() -> None:
    for share, trials in [(0.001, 3000), (0.5, 1), (0.01, 60_000), (0.9, 17), (0.1, 5)]:
        low, high = quantile_counts(share, trials, 0.95)
        law = stats.binom(trials, share)
        assert law.cdf(low - 1) <= 0.025 < law.cdf(low)
        assert law.cdf(high) >= 0.975 > law.cdf(high - 1)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, math.nan])
def test_rates_outside_are_refused(target: float) -> None:
    with pytest.raises(ValueError, match=r"must be inside \(0, 1\)"):
        tar_at_far(roc([0.1], [0.9]), target)


def test_wrong_shares_are_refused() -> None:
    for call in (lambda: wilson(1, 0), lambda: wilson(3, 2), lambda: wilson(-1, 2)):
        with pytest.raises(ValueError, match="give no share"):
            call()
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, 1.0)
    with pytest.raises(ValueError, match="share must be inside"):
        quantile_counts(0, 10)
