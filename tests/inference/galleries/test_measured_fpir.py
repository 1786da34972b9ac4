"""The FPIR measured on drawn galleries, beside the formula's."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from compared_people import some_people

from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.galleries import measured_searches as module
from maskrec.inference.galleries.measured_searches import measured_searches
from maskrec.inference.galleries.search_risk import risk_of_search
from maskrec.metrics import count_risk, measure_galleries

BARE, ONE_MASKED, BARE_OR_ONE = 0, 1, 3
GIVEN = some_people(120, 2, seed=5, spread=1.2)
RISK = count_risk(*GIVEN)
GALLERIES = measure_galleries(*GIVEN, draws=10)


def test_it_is_that_of_the_threshold_and_the_number_of_rows() -> None:
    found = risk_of_search(Decisions(risk=RISK, galleries=GALLERIES), "net", {BARE: 30}, 0.2)
    threshold = found.thresholds[BARE].value
    assert found.measured_fpir == GALLERIES.fpir("bare", threshold, 30)
    assert found.measured_fpir is not None
    assert 0 < found.measured_fpir.low < found.measured_fpir.rate < found.measured_fpir.high
    assert found.to_plain()["measured_fpir"] == asdict(found.measured_fpir)
    assert any(line.startswith("  in galleries drawn from 120 people (10 times): ") for line in found.lines())


@pytest.mark.parametrize("rows_of", [{BARE: 15, ONE_MASKED: 15}, {BARE_OR_ONE: 30}, {BARE: 61}])
def test_what_was_not_measured_is_not_stated(rows_of: dict[int, int]) -> None:
    found = risk_of_search(Decisions(risk=RISK, galleries=GALLERIES), "net", rows_of, 0.3)
    assert found.measured_fpir is None
    assert found.to_plain()["measured_fpir"] is None


def test_a_model_without_searched_galleries_states_the_formulas_only() -> None:
    assert risk_of_search(Decisions(risk=RISK), "net", {BARE: 30}, 0.2).measured_fpir is None


def test_an_evaluation_says_what_searches_in_its_largest_galleries_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = Decisions(risk=RISK, galleries=GALLERIES)
    (refused,) = [line for line in measured_searches(decisions) if line.startswith("searches of bare")]
    assert refused.endswith("people do not carry a false positive identification rate of 0.01")
    monkeypatch.setattr(module, "FPIR", 0.2)
    (said,) = [line for line in measured_searches(decisions) if line.startswith("searches of bare")]
    rows = GALLERIES.sizes("bare")[-1]
    measured = risk_of_search(decisions, "net", {BARE: rows}, 0.2).measured_fpir
    assert measured is not None
    assert said.startswith(f"searches of bare faces in galleries of {rows}: with the threshold for a false positive id")
    rates = f"{measured.rate:.2g} [{measured.low:.2g}, {measured.high:.2g}]"
    assert f" rate of 0.2, {rates} of the strangers were named, with a 95 % interval (10 draws from" in said
    assert list(measured_searches(Decisions(risk=RISK))) == []
