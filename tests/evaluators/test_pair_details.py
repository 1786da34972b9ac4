"""Histograms, worst pairs and tables of thresholds, against counts over the distances themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import answers, gaussian_pairs

from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.pair_set import PairSet
from maskrec.evaluators.measuring import Measured
from maskrec.evaluators.pair_details import distance_histograms, worst_pairs
from maskrec.evaluators.threshold_tables import ON_THE_PHOTO, mask_type_rows, transferred_rows

NAMES = ("bare", "one_masked", "both_masked")


class Nothing:
    """Images that nobody reads."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int, /) -> Any:
        raise AssertionError


def measured_of(distances: Any, same: Any, condition: Any, left: Any = None, masks: Any = (None,) * 4) -> Measured:
    number = len(distances)
    left = np.zeros(number, dtype=np.int64) if left is None else np.asarray(left)
    arrays = (left, np.ones(number, dtype=np.int64), np.asarray(same), np.asarray(condition, dtype=np.int8))
    return Measured(PairSet("pairs", Nothing(), masks, *arrays), np.asarray(distances, dtype=float))


def threshold(value: float, far: float | None = None) -> Threshold:
    return Threshold(value, "squared_l2", True, "a test", far)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(0, 4) | st.sampled_from([0.0, 0.5, 1.0, 4.0]), st.booleans(), st.integers(0, 2)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([2, 7, 500]),
)
def test_the_first_bins_are_what_a_threshold_at_their_edge_accepts(rows: Any, bins: int) -> None:
    distances, same, condition = map(np.array, zip(*rows, strict=True))
    kept = distance_histograms(measured_of(distances, same, condition), bins)
    edges = kept["low"] + (kept["high"] - kept["low"]) / bins * np.arange(bins + 1)
    edges[-1] = kept["high"]
    assert set(kept["conditions"]) == {"all", *(NAMES[number] for number in condition)}
    for name, counts in kept["conditions"].items():
        chosen = np.ones(len(same), dtype=bool) if name == "all" else condition == NAMES.index(name)
        for kind, of_kind in (("same", same), ("different", ~same)):
            accepted = [int(np.count_nonzero(distances[chosen & of_kind] <= edge)) for edge in edges]
            assert [0, *np.cumsum(counts[kind])] == accepted


def test_the_worst_pairs_are_wrong_and_farthest_from_their_threshold() -> None:
    rng = np.random.default_rng(0)
    distances, same = rng.uniform(0, 4, 300), rng.uniform(size=300) < 0.5
    condition = rng.integers(0, 3, 300)
    values = np.array([1.0, 2.0, 3.0])[condition]
    found = worst_pairs(measured_of(distances, same, condition), values, most=10)
    wrong = np.where(same, distances > values, distances <= values)
    margin = np.abs(distances - values)
    for kind in (True, False):
        mine = [row["pair"] for row in found if row["same"] is kind]
        rank = sorted(np.flatnonzero(wrong & (same == kind)), key=lambda index: -margin[index])
        assert mine == rank[:5]
    assert [margin[row["pair"]] for row in found] == sorted((margin[row["pair"]] for row in found), reverse=True)
    assert all(row["condition"] == NAMES[condition[row["pair"]]] for row in found)
    assert worst_pairs(measured_of([1.0, 2.0], [True, False], [0, 0]), np.array([1.0, 1.5])) == []


def test_every_threshold_meets_the_pairs_of_every_condition() -> None:
    rng = np.random.default_rng(1)
    distances, same, condition = rng.uniform(0, 4, 400), rng.uniform(size=400) < 0.5, rng.integers(0, 3, 400)
    thresholds = {"best": threshold(2.0), "far=0.1/bare": threshold(0.7, 0.1), "best/both_masked": threshold(3.1)}
    rows = transferred_rows(measured_of(distances, same, condition), thresholds)
    assert [(row["rule"], row["chosen_on"], row["condition"]) for row in rows[3:6]] == [
        ("far=0.1", "bare", name) for name in NAMES
    ]
    assert len(rows) == 9
    for row in rows:
        chosen = condition == NAMES.index(row["condition"])
        assert row["far"] == np.mean(distances[chosen & ~same] <= row["threshold"])
        assert row["frr"] == np.mean(distances[chosen & same] > row["threshold"])
        decided = np.where(same, distances <= row["threshold"], distances > row["threshold"])[chosen]
        assert row["accuracy"] == pytest.approx(decided.mean(), abs=1e-12)
        assert row["far_low"] <= row["far"] <= row["far_high"]


def test_masks_are_counted_by_what_a_pair_wears() -> None:
    """Images: bare, n95, kn95, and bare again; the last pairs are masked on the photo."""
    masks = (None, "n95", "kn95", None)
    left, condition = [0, 2, 1, 3, 3, 0], [1, 2, 2, 1, 2, 0]
    pairs = measured_of([0.5, 2.5, 0.5, 2.5, 0.5, 0.1], [True, True, False, False, True, True], condition, left, masks)
    rows = mask_type_rows(pairs, {"best": threshold(1.0), "best/both_masked": threshold(3.0)}, "best")
    found = {
        (row["condition"], row["mask"]): (row["same_pairs"], row["different_pairs"], row["frr"], row["far"])
        for row in rows
    }
    assert found == {
        ("one_masked", "n95"): (1, 1, 0.0, 0.0),  # left bare, right (image 1) n95
        ("both_masked", "kn95"): (1, 0, 0.0, None),
        ("both_masked", "n95"): (2, 1, 0.0, 1.0),
        ("both_masked", ON_THE_PHOTO): (1, 0, 0.0, None),
    }


def test_evaluators_keep_plain_json(plain_json: Callable[[Any], None]) -> None:
    for answer in answers():
        plain_json(dict(answer.details))
        plain_json({name: [dict(row) for row in rows] for name, rows in answer.tables.items()})
        assert {"transferred_thresholds", "decisions_by_mask", "confusion", "classes"} <= set(answer.tables)
        kept = answer.details["histograms"]["conditions"]
        assert sum(kept["all"]["same"]) == sum(kept["all"]["different"]) == 300
        assert len(answer.details["worst_pairs"]) <= 50


def test_a_photos_path_and_person_are_kept_beside_a_mistake() -> None:
    pairs, _ = gaussian_pairs("pairs", 0)
    distances = np.where(pairs.same, 3.0, 1.0)
    row = worst_pairs(Measured(pairs, distances), np.full(len(pairs), 2.0))[0]
    left = int(pairs.left[row["pair"]])
    assert row["left"] == {
        "image": left,
        "person": f"Ann {left // 8 % 40}",
        "photo": f"photo{left}",
        "mask": pairs.mask_types[left],
    }
