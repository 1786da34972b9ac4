"""McNemar's test, its power, and corrections for several tests, against enumeration and published values."""

from __future__ import annotations

from itertools import chain, combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskrec.metrics.paired_decisions import Discordant, discordant, smallest_found
from maskrec.metrics.several_tests import holm


def test_the_published_mid_p_value() -> None:
    # Fagerland, Lydersen and Laake 2013, table 1: 1 and 7 discordant pairs, mid-p 0.039 (exact 0.070)
    assert Discordant(1, 7, 21).p_value() == pytest.approx(0.0390625, abs=1e-12)


@pytest.mark.parametrize("count", range(11))
def test_mid_p_equals_the_enumeration_of_every_coin(count: int) -> None:
    heads = [sum(coins) for coins in product((0, 1), repeat=count)]
    for gained in range(count + 1):
        mine = abs(2 * gained - count)
        beyond = sum(abs(2 * each - count) > mine for each in heads) / len(heads)
        equal = sum(abs(2 * each - count) == mine for each in heads) / len(heads)
        expected = beyond + equal / 2 if mine else 1.0
        assert Discordant(gained, count - gained, 100).p_value() == pytest.approx(expected, abs=1e-12)


def test_discordant_pairs_are_counted_each_way() -> None:
    first, second = np.array([1, 1, 0, 0, 0, 1], bool), np.array([1, 0, 1, 1, 0, 1], bool)
    found = discordant(first, second)
    assert found == Discordant(gained=2, lost=1, pairs=6)
    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert found.share == 0.5
    assert Discordant(0, 0, 6).p_value() == 1.0
    with pytest.raises(ValueError, match="the same pairs"):
        discordant(first, second[:5])


@pytest.mark.parametrize(("share", "pairs", "alpha"), [(100 / 6000, 6000, 0.05), (0.2, 500, 0.01), (0.0, 2000, 0.05)])
def test_the_smallest_difference_is_found_four_times_in_five(share: float, pairs: int, alpha: float) -> None:
    smallest = smallest_found(share, pairs, alpha)
    share = max(share, smallest)
    rng = np.random.default_rng(0)
    shares = [(share + smallest) / 2, (share - smallest) / 2, 1 - share]
    drawn, times = np.unique(rng.multinomial(pairs, shares, 4000)[:, :2], axis=0, return_counts=True)
    found = [Discordant(int(gained), int(lost), pairs).p_value() <= alpha for gained, lost in drawn]
    assert 0.76 <= np.average(found, weights=times) <= 0.89  # counts are whole, so few of them find more
    assert smallest_found(share, pairs, alpha, widened=4.0) > 1.9 * smallest_found(share, pairs, alpha)


def test_the_published_example_of_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_equals_testing_every_set_of_hypotheses(p_values: list[float]) -> None:
    places = range(len(p_values))
    sets = list(chain.from_iterable(combinations(places, size) for size in range(1, len(p_values) + 1)))
    for place, corrected in zip(places, holm(p_values), strict=True):
        closed = max(min(1.0, len(one) * min(p_values[each] for each in one)) for one in sets if place in one)
        assert corrected == pytest.approx(closed, abs=1e-12)
