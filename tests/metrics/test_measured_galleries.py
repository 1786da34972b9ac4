"""FPIR and FNIR of galleries: read at any threshold, between the sizes that were measured, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compared_people import some_people

from maskrec.metrics import MeasuredGalleries, NotEnoughPeopleError, count_risk, measure_galleries
from maskrec.metrics.distance_counts import BIN_WIDTH

GIVEN = some_people(44, 2, seed=5, spread=1.2)


@pytest.fixture(scope="module")
def measured() -> MeasuredGalleries:
    return measure_galleries(*GIVEN, seed=2, draws=20)


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.7, 0.9, 1.0, 1.3, 2.0, 5.0, math.inf, -math.inf])
def test_rates_are_the_shares_counted(measured: MeasuredGalleries, threshold: float) -> None:
    counts = measured.counts
    edge = int(np.clip(threshold / BIN_WIDTH, 0, 4096))
    for number, condition in enumerate(("bare", "one_masked", "both_masked")):
        for place, size in enumerate((1, 2, 5, 10, 20)):
            found, missed = measured.fpir(condition, threshold, size), measured.fnir(condition, threshold, size)
            assert missed is not None
            nearest = counts.nearest[number, place]
            assert found.rate == nearest[:edge].sum() / nearest.sum()
            own = counts.own[number, place].sum()
            assert missed.rate == pytest.approx(1 - counts.first[number, place, :edge].sum() / own, abs=1e-12)
            for each in (found, missed):
                assert 0 <= each.low <= each.rate + 1e-12
                assert each.rate - 1e-12 <= each.high <= 1
                assert each.high - each.low < 1
                assert (each.people, each.draws) == (44, 20)


def test_larger_galleries_and_thresholds_let_more_strangers_in(measured: MeasuredGalleries) -> None:
    rates = [[measured.fpir("bare", t, size).rate for size in range(1, 21)] for t in np.linspace(0.5, 1.5, 30)]
    assert (np.diff(rates, axis=0) >= 0).all()
    assert (np.diff(rates, axis=1) >= -1e-12).all()
    assert rates[-1][-1] > 0.9


def test_a_gallery_of_one_row_has_the_far_of_its_comparisons(measured: MeasuredGalleries) -> None:
    risk = count_risk(*GIVEN)
    for condition, threshold in (("bare", 1.2), ("one_masked", 1.25), ("both_masked", 1.2)):
        found, far = measured.fpir(condition, threshold, 1), risk.far(condition, threshold)
        assert found.low <= far <= found.high
        formula = 1 - (1 - far) ** 20
        assert measured.fpir(condition, threshold, 20).rate <= formula * 1.15


def test_between_two_sizes_the_hazard_is_interpolated(measured: MeasuredGalleries) -> None:
    few, many = measured.fpir("bare", 1.1, 10), measured.fpir("bare", 1.1, 20)
    between = measured.fpir("bare", 1.1, 15)
    assert 0 < few.rate < many.rate < 1
    for name in ("rate", "low", "high"):
        ends = [math.log1p(-getattr(each, name)) for each in (few, many)]
        assert math.log1p(-getattr(between, name)) == pytest.approx(sum(ends) / 2)
    everybody = measured.fpir("bare", 2.0, 15)
    assert (everybody.rate, everybody.high) == pytest.approx((1, 1))
    assert measured.fpir("bare", 0.0, 15).rate == 0


def test_outside_the_sizes_measured_nothing_is_said(measured: MeasuredGalleries) -> None:
    assert measured.sizes("bare") == [1, 2, 5, 10, 20]
    with pytest.raises(NotEnoughPeopleError, match=r"for galleries of 1 to 20 rows, not of 21; evaluate at least 42 "):
        measured.fpir("bare", 1.0, 21)
    with pytest.raises(NotEnoughPeopleError, match="one-masked images was measured for galleries of 1 to 20 rows"):
        measured.fnir("one_masked", 1.0, 500)
    with pytest.raises(ValueError, match="at least one row, not 0"):
        measured.fpir("bare", 1.0, 0)
    with pytest.raises(ValueError, match="unknown condition 'masked'; use bare, one_masked, both_masked"):
        measured.fpir("masked", 1.0, 5)
    with pytest.raises(ValueError, match="the threshold is not a number"):
        measured.fpir("bare", math.nan, 5)


def test_conditions_without_people_are_not_measured() -> None:
    given = some_people(30, 1, seed=4)
    bare = [each[~given.masked] for each in given]
    found = measure_galleries(*bare, draws=2)
    assert (found.sizes("bare"), found.sizes("one_masked")) == ([1, 2, 5, 10], [])
    with pytest.raises(ValueError, match="no galleries of one-masked images were searched"):
        found.fpir("one_masked", 1.0, 5)
    assert found.fnir("bare", 1.0, 5) is None  # nobody has a second photo
    assert repr(found) == "MeasuredGalleries(bare; 2 galleries of each size)"
    assert repr(found.fpir("bare", 0.0, 5)).startswith("MeasuredFpir(0, 0 to 0.")


def test_who_is_never_found_first_is_missed_at_every_threshold() -> None:
    """Everybody's second photo looks like the next person's first."""
    rng = np.random.default_rng(0)
    looks = rng.standard_normal((24, 8))
    embeddings = np.concatenate([looks, np.roll(looks, -1, axis=0)])
    people, photos = np.tile(np.arange(24), 2), np.arange(48)
    found = measure_galleries(embeddings, people, np.zeros(48, bool), photos, draws=30)
    missed = found.fnir("bare", 2.0, 10)
    assert missed is not None
    assert missed.rate > 0.5
    alone = found.fnir("bare", 2.0, 1)
    assert alone is not None
    assert alone.rate == 0
