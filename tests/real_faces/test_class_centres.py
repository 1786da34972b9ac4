"""The accuracy by nearest class centre and the end of a run that is good enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import REAL_FACES, script_module

from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.events import Evaluated, Stepped

class_centres = script_module(REAL_FACES / "class_centres.py")


def by_loops(rows: np.ndarray[Any, Any], labels: list[int]) -> float:
    unit = [row / max(np.sqrt(sum(x * x for x in row)), 1e-300) for row in rows.astype(np.float64)]
    centres = [sum(row for row, own in zip(unit, labels, strict=True) if own == label) for label in sorted(set(labels))]
    right = 0
    for row, own in zip(unit, labels, strict=True):
        cosines = [float(row @ centre) / max(float(np.sqrt(centre @ centre)), 1e-300) for centre in centres]
        right += cosines.index(max(cosines)) == own
    return right / len(rows)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 6))
def test_the_accuracy_is_that_of_loops_and_of_no_scale(seed: int, classes: int, each: int) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(classes), each))
    rows = draw.normal(size=(len(labels), 4)).astype(np.float32)
    accuracy = class_centres.centre_accuracy(rows, labels)
    assert accuracy == by_loops(rows, labels.tolist())
    assert accuracy == class_centres.centre_accuracy(rows * draw.uniform(0.5, 2, (len(labels), 1)), labels)


def test_lengths_do_not_count_and_rows_of_zeros_are_not_an_error() -> None:
    rows = [[100.0, 1.0], [1.0, 0.0], [0.1, 1.0], [0.0, 0.0]]
    # The zeros are as near to one centre as to the other; the first is taken.
    assert class_centres.centre_accuracy(rows, [0, 0, 1, 1]) == 0.75


def evaluated(accuracy: float, step: int = 20) -> Evaluated:
    return Evaluated(3, step, "centres", "evaluate", Evaluation({"accuracy": accuracy}))


def stepped(share: float) -> Stepped:
    told = {"active_share": share}
    return Stepped(0, 1, 0.1, 0.1, None, told, torch.zeros(2, 2), torch.zeros(2), 1.0, "maskrec/triplet")


def test_a_run_ends_when_its_accuracy_is_exceeded_not_reached() -> None:
    enough = class_centres.Enough(accuracy=0.95)
    assert enough.on_evaluate(evaluated(0.95)) is None
    stop = enough.on_evaluate(evaluated(0.9563, 140))
    assert stop.reason == "training accuracy 0.9563 is above 0.95 after 140 steps"
    assert not stop.failed


def test_the_active_share_must_be_low_as_well_since_the_last_evaluation() -> None:
    enough = class_centres.Enough(accuracy=0.9, active_share=0.5)
    assert enough.on_evaluate(evaluated(1.0)) is None  # no triplet seen yet
    for share in (1.0, 0.2):
        enough.on_step(stepped(share))
    assert enough.on_evaluate(evaluated(1.0)) is None
    enough.on_step(stepped(0.2))
    other = class_centres.Enough(accuracy=0.9, active_share=0.5)
    other.load_state_dict(enough.state_dict())
    other.on_step(stepped(0.7))
    assert other.on_evaluate(evaluated(1.0)) is not None


def test_an_accuracy_that_cannot_be_exceeded_is_refused() -> None:
    with pytest.raises(ValueError, match=r"accuracy must be in \[0, 1\), not 1"):
        class_centres.Enough(accuracy=1.0)
