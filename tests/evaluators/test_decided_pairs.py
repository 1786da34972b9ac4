"""Pairs decided one by one: as many are right as the evaluators' own figures say, on the pairs that count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from recorded_runs import gaussian_pairs

from maskrec.contracts.decided_pairs import decided_pairs_of, decided_problem
from maskrec.contracts.evaluation import Evaluation
from maskrec.evaluators.pair_histogram import PairHistogram
from maskrec.evaluators.verification import Verification

CHOOSING, CHOOSING_ROWS = gaussian_pairs("choosing", 0)
TESTED, TESTED_ROWS = gaussian_pairs("tested", 1)


def embed(pairs: Any, view: Any = None) -> np.ndarray:
    return {"choosing": CHOOSING_ROWS, "tested": TESTED_ROWS}[pairs.label]


@pytest.mark.parametrize("kind", [Verification, PairHistogram])
@pytest.mark.parametrize("tested", [False, True], ids=["evaluation pairs", "test pairs"])
def test_as_many_are_right_as_the_evaluators_figures_say(kind: type, tested: bool) -> None:
    evaluator = kind(CHOOSING, TESTED if tested else None)
    evaluation = evaluator.evaluate(embed)
    answer: Evaluation = evaluator.test(embed, evaluation) if tested else evaluation
    found = decided_pairs_of(evaluator, embed, evaluation)
    assert found is not None
    assert [each.condition for each in found] == ["all", "bare", "one_masked", "both_masked"]
    for each in found:
        key = "accuracy" if each.condition == "all" else f"accuracy/{each.condition}"
        assert each.right.mean() == pytest.approx(answer.metrics[key], abs=1e-12), key
        assert each.pairs is (TESTED if tested else CHOOSING)
        assert each.occasion == ("test" if tested else "evaluate")
        assert each.fars == ((0.1, 0.01, 0.001) if kind is Verification else ())
        assert not decided_problem(each)
    whole = found[0]
    for wrong, said in [
        (replace(whole, condition="dark"), "of the condition 'dark'; it must be all, bare"),
        (replace(whole, distances=whole.distances[1:]), "whose distances are not one finite number for each of the"),
        (replace(whole, thresholds=np.full(len(whole.distances), np.nan)), "whose thresholds are not one finite"),
    ]:
        assert said in decided_problem(wrong)


def test_an_evaluator_that_does_not_say_is_known() -> None:
    assert decided_pairs_of(object(), embed, Evaluation({})) is None
