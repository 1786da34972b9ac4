"""The reference protocol's threshold against a straightforward reading of it, its corner cases and known faults."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.metrics import best_threshold, histogram_threshold, histograms, iou

coarse = st.integers(0, 40).map(lambda n: n / 20)  # many ties, many on bin edges
fine = st.floats(0, 2)
distances = st.lists(st.one_of(coarse, fine), min_size=1, max_size=60)


def counted(values: list[float], edges: list[float]) -> list[int]:
    """Histogram by looking at every edge of every value."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        for bin_ in range(len(counts)):
            last = bin_ == len(counts) - 1
            if edges[bin_] <= value and (value < edges[bin_ + 1] or (last and value <= edges[bin_ + 1])):
                counts[bin_] += 1
    return counts


def crossing_by_hand(same: list[float], different: list[float], bins: int = 100) -> float | None:
    """The protocol in loops: the threshold, or None if there is no candidate."""
    low, high = math.floor(min(same + different)), math.ceil(max(same + different))
    if low == high:
        return None
    edges = [float(edge) for edge in np.linspace(low, high, bins + 1)]
    of_same, of_different = counted(same, edges), counted(different, edges)
    same_peak, different_peak = of_same.index(max(of_same)), of_different.index(max(of_different))
    for bin_ in range(same_peak, different_peak):
        if of_same[bin_] - of_different[bin_] <= 0:
            return None if bin_ == 0 else (edges[bin_] + edges[bin_ - 1]) / 2
    return None


def iou_by_hand(same: list[float], different: list[float], threshold: float) -> float:
    overlap = 0
    for distance in same:
        overlap += distance >= threshold
    for distance in different:
        overlap += distance <= threshold
    return overlap / (len(same) + len(different) - overlap)


@settings(deadline=None, max_examples=150)
@given(distances, distances, st.sampled_from([2, 7, 100]))
def test_equals_the_loops(same: list[float], different: list[float], bins: int) -> None:
    found = histogram_threshold(same, different, bins)
    expected = crossing_by_hand(same, different, bins)
    if expected is not None:
        assert (found.rule, found.threshold) == ("crossing", expected)
        assert found.iou == pytest.approx(iou_by_hand(same, different, expected), abs=1e-15)
    elif max(same) < min(different):
        assert found.rule == "gap"
        assert max(same) <= found.threshold < min(different)
        assert found.threshold == pytest.approx((max(same) + min(different)) / 2)
    else:
        assert (found.rule, found.collapsed, found.iou) == ("collapsed", True, 1.0)
        assert found.threshold == best_threshold(same, different).threshold
    assert found.same_counts.sum() == len(same)
    assert found.different_counts.sum() == len(different)


def test_equals_the_loops_on_what_networks_return() -> None:
    rng = np.random.default_rng(3)
    same = np.abs(rng.normal(0.8, 0.2, 3000)).clip(0, 2)
    different = rng.normal(1.35, 0.1, 3000).clip(0, 2)
    found = histogram_threshold(same, different)
    assert found.rule == "crossing"
    assert found.threshold == crossing_by_hand(same.tolist(), different.tolist())
    assert found.iou == pytest.approx(iou_by_hand(same.tolist(), different.tolist(), found.threshold), abs=1e-15)
    assert 1.0 < found.threshold < 1.3


def test_the_threshold_is_the_mean_of_two_left_edges() -> None:
    # Ten bins of 0.1 over [0, 1]: same peak in bin 2, different peak in bin 7, first tie (0 and 0) in bin 4.
    same = [0.25, 0.25, 0.36]
    different = [0.75, 0.75, 0.65, 0.95, 0.05]
    found = histogram_threshold(same, different, bins=10)
    assert found.edges.tolist() == np.linspace(0, 1, 11).tolist()
    assert found.threshold == pytest.approx((0.4 + 0.3) / 2)
    assert found.iou == pytest.approx(2 / 6)  # 0.36 is over it, 0.05 under it


def test_the_same_peak_is_a_candidate_and_the_different_peak_is_not() -> None:
    at_the_peak = histogram_threshold([0.25, 0.45], [0.25, 0.75, 0.75], bins=10)
    assert at_the_peak.threshold == pytest.approx((0.2 + 0.1) / 2)
    # the only bin where same <= different is the different peak itself (bin 3)
    below_the_peak = histogram_threshold([0.25, 0.25, 0.95], [0.35, 0.35, 0.25], bins=10)
    assert below_the_peak.rule == "collapsed"


def test_equal_peaks_take_the_lowest_bin() -> None:
    same = [0.15, 0.55]  # peaks in bins 1 and 5: 1 counts
    different = [0.35, 0.85]  # peaks in bins 3 and 8: 3 counts
    found = histogram_threshold(same, different, bins=10)
    assert found.rule == "crossing"
    assert found.threshold == pytest.approx((0.2 + 0.1) / 2)
    assert histogram_threshold([0.45, 0.75], [0.35, 0.85], bins=10).rule == "collapsed"


def test_known_fault_a_crossing_in_bin_0_wraps_to_the_last_edge() -> None:
    """The original took edges[-1] there: a threshold of (0 + 2) / 2 = 1 out of nowhere."""
    same = [0.001, 1.5]
    different = [0.002, 0.003, 1.9, 1.9, 1.9]
    found = histogram_threshold(same, different)
    assert found.edges[0] == 0
    assert found.edges[-1] == 2
    assert found.threshold != 1.0
    assert (found.rule, found.iou) == ("collapsed", 1.0)


def test_a_crossing_in_bin_0_looks_no_further() -> None:
    # bins 1 to 94 would all "cross" with 0 and 0; none of them separates the classes
    assert histogram_threshold([0.001, 1.5], [0.002, 1.9, 1.9]).rule == "collapsed"


def test_known_fault_no_crossing_reuses_the_last_epochs_threshold() -> None:
    """The original kept a threshold between epochs; here every call stands alone."""
    rng = np.random.default_rng(0)
    good = (rng.normal(0.6, 0.1, 500), rng.normal(1.4, 0.1, 500))
    bad = (rng.normal(1.4, 0.1, 500), rng.normal(0.6, 0.1, 500))  # peaks in reverse order
    alone = histogram_threshold(*bad)
    after = [histogram_threshold(*good), histogram_threshold(*bad)][1]
    assert (alone.rule, after.rule) == ("collapsed", "collapsed")
    assert alone.threshold == after.threshold
    assert after.threshold != histogram_threshold(*good).threshold


def test_no_candidate_but_apart_takes_the_middle_of_the_gap() -> None:
    found = histogram_threshold([0.101], [0.105, 0.107])  # one bin of 0.01 holds all
    assert found.rule == "gap"
    assert found.threshold == pytest.approx(0.103)
    assert found.iou == 0
    for low in (0.5, np.nextafter(0.5, 1)):  # neighbours, whose middle is rounded down, then up
        neighbours = histogram_threshold([low], [np.nextafter(low, 1)])
        assert neighbours.rule == "gap"
        assert neighbours.threshold == low  # rounding must not call the different pair the same


def test_touching_classes_are_not_a_gap() -> None:
    assert histogram_threshold([0.5], [0.5]).rule == "collapsed"


def test_all_distances_equal_and_whole() -> None:
    found = histogram_threshold([0.0, 0.0], [0.0, 0.0, 0.0])
    assert (found.rule, found.iou) == ("collapsed", 1.0)
    assert found.threshold < 0  # nothing accepted: three of five right
    assert np.isfinite(found.threshold)


def test_raw_embeddings_have_wide_bins() -> None:
    rng = np.random.default_rng(1)
    same, different = rng.normal(12, 2, 800), rng.normal(25, 3, 800)
    found = histogram_threshold(same, different)
    assert found.threshold == crossing_by_hand(same.tolist(), different.tolist())


@settings(deadline=None, max_examples=50)
@given(distances, distances, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(same: list[float], different: list[float], random: object) -> None:
    found = histogram_threshold(same, different)
    random.shuffle(same)  # type: ignore[attr-defined]
    random.shuffle(different)  # type: ignore[attr-defined]
    again = histogram_threshold(same, different)
    assert (found.threshold, found.rule, found.iou) == (again.threshold, again.rule, again.iou)


@settings(deadline=None, max_examples=80)
@given(distances, distances, st.floats(-1, 3))
def test_iou_equals_the_loops_and_is_symmetric(same: list[float], different: list[float], threshold: float) -> None:
    value = iou(same, different, threshold)
    if value < len(same) + len(different):
        assert value == pytest.approx(iou_by_hand(same, different, threshold), abs=1e-12)
    mirrored = iou([-d for d in different], [-s for s in same], -threshold)
    assert value == mirrored


def test_iou_counts_pairs_on_the_threshold_in_both_classes() -> None:
    assert iou([0.5, 0.1], [0.5, 0.9], 0.5) == 2 / (4 - 2)
    assert iou([0.1], [0.9], 0.5) == 0
    assert iou([0.9, 0.9], [0.1], 0.5) == 3  # the formula divides by zero: above every other value of three pairs


def test_histograms_hold_their_left_edge_and_the_last_bin_both() -> None:
    edges, same, different = histograms([0.0, 0.1, 1.0], [0.2, 0.2], bins=10)
    assert len(edges) == 11
    assert same.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert different.tolist() == [0, 0, 2, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("same", "different", "sentence"),
    [
        ([], [1.0], "there are no same pairs"),
        ([1.0], [], "there are no different pairs"),
        ([1.0, math.nan], [1.0], "1 of the 2 distances of same pairs are not finite"),
        ([1.0], [math.inf], "1 of the 1 distances of different pairs are not finite"),
        ([[1.0]], [1.0], "must be one-dimensional"),
    ],
)
def test_wrong_input_is_one_sentence(same: list[float], different: list[float], sentence: str) -> None:
    for call in (
        lambda: histogram_threshold(same, different),
        lambda: iou(same, different, 1.0),
        lambda: histograms(same, different),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


def test_one_bin_and_a_threshold_that_is_not_a_number_are_rejected() -> None:
    with pytest.raises(ValueError, match="bins must be at least 2, not 1"):
        histogram_threshold([0.1], [0.9], bins=1)
    with pytest.raises(ValueError, match="not a number"):
        iou([0.1], [0.9], math.nan)


def test_equals_the_loops_on_a_thousand_random_distributions() -> None:
    """Apart, overlapping, exchanged, of unlike widths and sizes: threshold and IOU, and no crossing where none is."""
    rng = np.random.default_rng(11)
    rules = {"crossing": 0, "other": 0}
    for _ in range(1000):
        centres, widths = rng.uniform(0.1, 1.9, 2), rng.uniform(0.02, 0.5, 2)
        same, different = (
            rng.normal(centre, width, rng.integers(5, 40)).clip(0, 2).tolist()
            for centre, width in zip(centres, widths, strict=True)
        )
        bins = int(rng.choice([5, 10, 20]))
        found, expected = histogram_threshold(same, different, bins), crossing_by_hand(same, different, bins)
        assert (found.rule == "crossing") == (expected is not None)
        rules["other" if expected is None else "crossing"] += 1
        if expected is not None:
            assert found.threshold == expected
            assert found.iou == pytest.approx(iou_by_hand(same, different, expected), abs=1e-15)
    assert min(rules.values()) > 150, rules
