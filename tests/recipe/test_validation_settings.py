"""``train.validation`` says in one way how much is held out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from maskrec.recipe.checking import Checked
from maskrec.recipe.validation_settings import Validation

Check = Callable[..., Checked]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{fraction: 0.1}", Validation(fraction=0.1)),
        ("{images_per_identity: 2}", Validation(images_per_identity=2)),
        ("{fraction: 0.1, every: 3}", Validation(fraction=0.1, every=3)),
        ("{images_per_identity: 2, fraction: null, every: 3}", Validation(images_per_identity=2, every=3)),
        ("null", None),
    ],
)
def test_one_amount_and_when(check: Check, whole: str, written: str, meant: Validation | None) -> None:
    checked = check(whole.replace("epochs: 2", f"epochs: 2, validation: {written}"))
    assert checked.plan is not None, checked.problems
    assert checked.plan.train.validation == meant


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{every: 3}", "has neither"),
        ("{}", "has neither"),
        ("{fraction: 0.1, images_per_identity: 2}", "has both `fraction` and `images_per_identity`"),
        ("{fraction: 0.1, evry: 3}", "has no `evry`"),
        ("0.1", "must be a map, not 0.1"),
    ],
)
def test_other_amounts_are_refused(check: Check, whole: str, written: str, said: str) -> None:
    checked = check(whole.replace("epochs: 2", f"epochs: 2, validation: {written}"))
    assert checked.plan is None
    assert said in " ".join(problem.message for problem in checked.problems)
