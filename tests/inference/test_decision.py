"""Decisions about a pair: which threshold decides, what is said of its errors, what is refused."""

from __future__ import annotations

import re
from math import sqrt
from typing import Any

import numpy as np
import pytest
from compared_people import people_risk

from maskrec.base.errors import UsageError
from maskrec.contracts.evaluation import Threshold
from maskrec.inference.deciding.decision import decide, in_unit_l2, stored_threshold
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.verify_result import VerifyResult
from maskrec.metrics import Risk, count_risk, normalise


@pytest.fixture(scope="module")
def risk() -> Risk:
    return people_risk(200)


def test_the_false_reject_rate_is_the_share_of_one_persons_comparisons_beyond_the_threshold() -> None:
    rng = np.random.default_rng(7)
    people, photos = 60, 3
    centres = rng.normal(size=(people, 16))
    rows = np.repeat(centres, photos, axis=0) + 0.7 * rng.normal(size=(people * photos, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    owners, numbers = np.repeat(np.arange(people), photos), np.arange(people * photos)
    decisions = Decisions(risk=count_risk(rows, owners, np.zeros(len(rows), bool), numbers))
    genuine = [np.linalg.norm(rows[i] - rows[j]) for i in numbers for j in range(i) if owners[i] == owners[j]]
    found = decide(2.0, "bare", decisions, 0.1)
    assert found is not None
    beyond = sum(distance > found.threshold for distance in genuine)
    assert 0 < beyond < len(genuine)
    assert (found.frr, found.frr_comparisons) == (pytest.approx(beyond / len(genuine), abs=1e-12), people * photos)


def test_without_two_images_of_anybody_there_is_no_false_reject_rate() -> None:
    found = decide(2.0, "bare", Decisions(risk=people_risk(60, photos=1)), 0.1)
    assert found is not None
    assert (found.frr, found.frr_comparisons) == (None, None)
    assert found.far is not None


def test_a_stored_threshold_has_the_false_reject_rate_that_was_measured_at_it() -> None:
    few = people_risk(10)  # carries no rate, so the stored threshold decides
    found = decide(1.0, "bare", Decisions({"lfw.best": threshold(1.2, distance="l2")}, few))
    assert found is not None
    assert (found.threshold, found.far) == (1.2, None)
    assert found.frr == 1 - few.tar("bare", 1.2)
    assert found.frr_comparisons == 10 * 6


def threshold(
    value: float, far: float | None = None, distance: str = "squared_l2", normalize: bool = True
) -> Threshold:
    return Threshold(value, distance, normalize, f"pairs at {far}", far)  # type: ignore[arg-type]


STORED = {
    "lfw.best": threshold(1.5),
    "lfw.best/bare": threshold(1.44),
    "lfw.far=0.01/bare": threshold(1.21, 0.01),
    "lfw.far=0.001/bare": threshold(0.81, 0.001),
    "lfw.far=0.001": threshold(0.64, 0.001),
}


def test_a_measured_threshold_decides_and_says_what_it_risks(risk: Risk) -> None:
    decisions = Decisions(STORED, risk, measured_on="200 people")
    measured = risk.threshold("bare", 0.01)
    for distance in (measured.value, np.nextafter(measured.value, 2)):
        found = decide(distance, "bare", decisions, 0.01)
        assert found is not None
        assert found.same == (distance <= measured.value)
        assert (found.threshold, found.far, found.far_low, found.far_high) == (
            measured.value, measured.far, measured.low, measured.high,
        )  # fmt: skip
        assert (found.people, found.source) == (200, "200 people")
        assert found.probability == risk.probability("bare", distance)
    half, tenth = (decide(0.9, "bare", decisions, prior=prior) for prior in (0.5, 0.1))
    assert half is not None
    assert tenth is not None
    assert half.probability == risk.probability("bare", 0.9, 0.5)
    assert tenth.probability == risk.probability("bare", 0.9, 0.1)


def test_a_decision_against_the_probability_says_why_both_are_right(risk: Risk) -> None:
    """Just above the threshold of a low rate a pair is called different, and is likely of one person."""
    decisions, cut = Decisions(risk=risk), risk.threshold("bare", 0.001).value
    likely, unlikely = (decide(cut + 0.001, "bare", decisions, 0.001, prior) for prior in (0.9, 1e-6))
    accepted = decide(cut, "bare", decisions, 0.001, prior=1e-6)
    assert likely is not None
    assert unlikely is not None
    assert accepted is not None
    assert (likely.probability or 0) > 0.5 > (unlikely.probability or 1)
    assert (likely.prior, unlikely.prior) == (0.9, 1e-6)
    said = "both are right: the decision keeps to a false accept rate of {:.2g}, and the probability weighs"
    for found, expected in ((likely, True), (unlikely, False), (accepted, True)):
        text = str(VerifyResult(cut, (found,), "bare", (None, None)))  # type: ignore[arg-type]
        assert (said.format(found.far) in text) is expected
        assert expected is (f"against a prior of {found.prior:.2g}" in text)


def test_without_a_rate_the_lowest_that_the_data_carries_decides(risk: Risk) -> None:
    few = people_risk(60, photos=2)  # 7,080 comparisons: a FAR of 0.001 would be seven events
    for each, lowest in ((risk, 0.001), (few, 0.01)):
        found = decide(1.0, "bare", Decisions(risk=each))
        assert found is not None
        assert found.threshold == each.threshold("bare", lowest).value


def test_a_rate_that_the_data_cannot_carry_is_refused_with_what_it_takes(risk: Risk) -> None:
    with pytest.raises(UsageError) as caught:
        decide(1.0, "bare", Decisions(risk=risk, measured_on="held out"), far=1e-9)
    said = str(caught.value)
    assert said.startswith(
        "a FAR of 1e-09 needs ten expected false accepts, and 318,400 bare comparisons of 200 people "
    )
    assert said.endswith(" (measured on held out)")
    assert not re.search(r"(?<![.\d])\d{4,}", said)  # thousands are separated everywhere


@pytest.mark.parametrize(
    ("far", "condition", "expected"),
    [
        (None, "bare", 0.9),
        (0.01, "bare", 1.1),
        (0.001, "bare", 0.9),
        (None, "both_masked", 0.8),
        (0.001, "one_masked", 0.8),
    ],
)
def test_a_stored_threshold_of_the_condition_comes_before_that_of_all_pairs(
    far: float | None, condition: str, expected: float
) -> None:
    found = decide(1.0, condition, Decisions(STORED), far)
    assert found is not None
    assert found.threshold == pytest.approx(expected)
    assert found.same == (expected >= 1.0)
    assert (found.far_low, found.probability) == (None, None)


def test_a_threshold_without_a_rate_decides_where_no_other_was_stored() -> None:
    found = decide(1.0, "bare", Decisions({"eval.reference": threshold(1.2, distance="l2")}))
    assert found is not None
    assert (found.threshold, found.far, found.same) == (1.2, None, True)


def test_a_model_without_thresholds_decides_nothing() -> None:
    assert decide(1.0, "bare", Decisions()) is None
    assert stored_threshold({}, "bare", 0.01) is None


def test_a_rate_that_no_threshold_was_stored_for_lists_those_that_were() -> None:
    with pytest.raises(UsageError, match=r"rate of 0\.05; stored: 0\.001, 0\.01$"):
        decide(1.0, "bare", Decisions(STORED), 0.05)
    with pytest.raises(UsageError, match="stored: none with a rate"):
        decide(1.0, "bare", Decisions({"eval.reference": threshold(1.2)}), 0.05)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 2.0, float("nan"), "0.1", True])
def test_rates_and_priors_outside_of_0_and_1_are_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="false accept rate must be inside"):
        decide(1.0, "bare", Decisions(STORED), value)
    with pytest.raises(UsageError, match="prior probability must be inside"):
        decide(1.0, "bare", Decisions(STORED), prior=value)


def test_an_unknown_condition_is_refused() -> None:
    with pytest.raises(UsageError, match="condition 'masked' is not known; use bare, one_masked, both_masked"):
        decide(1.0, "masked", Decisions(STORED))


def test_thresholds_of_other_distances_become_l2_of_unit_embeddings() -> None:
    rng = np.random.default_rng(1)
    a, b = normalise(rng.normal(size=(2, 8)))
    l2 = float(np.linalg.norm(a - b))
    assert in_unit_l2(threshold(l2, distance="l2")) == l2
    assert in_unit_l2(threshold(l2**2)) == pytest.approx(l2, rel=1e-12)
    assert in_unit_l2(threshold(1 - float(a @ b), distance="cosine", normalize=False)) == pytest.approx(l2, rel=1e-12)
    assert in_unit_l2(threshold(-1.0)) < 0  # accepts nothing
    assert in_unit_l2(threshold(2.0)) == sqrt(2)


def test_a_threshold_of_embeddings_that_are_not_unit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"for embeddings as the network returns them.*normalize: true"):
        decide(1.0, "bare", Decisions({"eval.reference": threshold(30.0, distance="l2", normalize=False)}))
