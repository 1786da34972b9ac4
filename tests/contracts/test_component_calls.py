from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from torch import Tensor, nn, tensor

from maskrec.base.errors import PluginError
from maskrec.contracts import component_calls as calls
from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem


class Target:
    """``check`` of every sort."""

    words = "not a function"

    @staticmethod
    def static(values: Any) -> str:
        return "static"

    @classmethod
    def of_class(cls, values: Any) -> str:
        return cls.__name__

    def ordinary(self, values: Any) -> str:
        return "ordinary"


class Heir(Target):
    """Inherits them all."""


def function(values: Any) -> None: ...


function.static = lambda values: "carried"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("target", "name", "answer"),
    [
        (Target, "static", "static"),
        (Heir, "static", "static"),
        (Heir, "of_class", "Heir"),
        (function, "static", "carried"),
    ],
)
def test_static_functions_are_found(target: Any, name: str, answer: str) -> None:
    found = calls.static_function(target, name)
    assert found is not None
    assert found({}) == answer


@pytest.mark.parametrize(
    ("target", "name"), [(Target, "ordinary"), (Target, "words"), (Target, "no"), (function, "no")]
)
def test_anything_else_is_not_asked(target: Any, name: str) -> None:
    assert calls.static_function(target, name) is None


def target_with(check: Any = None, metrics: Any = None) -> Any:
    class Made:
        pass

    for name, own in (("check", check), ("metrics", metrics)):
        if own is not None:
            setattr(Made, name, staticmethod(own))
    return Made


def asked(check: Any, later: tuple[str, ...] = (), **givens: Any) -> tuple[list[str], str]:
    """The messages of the problems, and the error with which the check was refused."""
    found: list[str] = []
    try:
        for problem in calls.ask_check(target_with(check), "mine/net", {"x": 1}, CheckContext(givens), later):
            found.append(problem.message)
    except PluginError as error:
        return found, str(error)
    return found, ""


def test_a_check_may_say_nothing() -> None:
    assert asked(None) == ([], "")
    assert asked(lambda values, context: None) == ([], "")
    assert asked(lambda values, context: [Problem(str(values))]) == (["{'x': 1}"], "")


def test_what_a_check_says_before_it_fails_counts() -> None:
    def check(values: Any, context: CheckContext) -> Iterator[Problem]:
        yield Problem("first")
        raise ValueError("out of\nwords")

    said, raised = asked(check)
    assert said == ["first"]
    place = r"tests/contracts/test_component_calls\.py:\d+"
    assert re.fullmatch(rf"the check of mine/net failed: ValueError: out of words \({place}\)", raised)


def test_what_is_not_a_problem_is_refused_after_the_rest() -> None:
    said = asked(lambda values, context: ["text", Problem("real")])
    assert said == (["real"], "the check of mine/net yielded str, not Problem")


def test_a_given_that_comes_later_is_nothing_to_say() -> None:
    def check(values: Any, context: CheckContext) -> Iterator[Problem]:
        yield Problem(str(context.givens["labels"]))

    assert asked(check, later=("labels",)) == ([], "")
    assert asked(check, labels=3) == (["3"], "")
    said, raised = asked(check)
    assert (said, raised.rpartition(" (")[0]) == ([], "the check of mine/net failed: KeyError: 'labels'")
    assert (
        asked(lambda values, context: values["labels "], later=("labels",))[1].partition(" (")[0].endswith("'labels '")
    )


def test_what_a_check_changes_in_its_values_changes_nothing() -> None:
    values = {"x": 1}
    list(calls.ask_check(target_with(lambda mine, context: mine.clear()), "n", values, CheckContext()))
    assert values == {"x": 1}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (None, "mine/eval has no static `metrics`"),
        (lambda values: {}["x"], "the metrics of mine/eval failed: KeyError: 'x'"),
        (lambda values: 3, "the metrics of mine/eval must be a map of names to min or max, not an int"),
        (lambda values: ["iou"], "the metrics of mine/eval must be a map of names to min or max, not a list"),
        (lambda values: {"iou": "low"}, "mine/eval declares 'low' for 'iou'; a metric is a name with min or max"),
        (lambda values: {1: "min"}, "mine/eval declares 'min' for 1; a metric is a name with min or max"),
    ],
)
def test_metrics_that_are_not_declared_well(metrics: Any, said: str) -> None:
    with pytest.raises(PluginError) as raised:
        calls.declared_metrics(target_with(metrics=metrics), "mine/eval", {})
    assert str(raised.value).startswith(said)


def test_metrics_see_the_values() -> None:
    target = target_with(metrics=lambda values: {f"at_{values['rate']}": "max"})
    assert calls.declared_metrics(target, "mine/eval", {"rate": 3}) == {"at_3": "max"}


class Bare(nn.Module):
    """A loss that offers nothing."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return embeddings.sum()


class Rich(Bare):
    """A loss that offers everything."""

    scope = "sample"

    def __init__(self) -> None:
        super().__init__()
        self.teacher = nn.Linear(2, 2)

    def frozen(self) -> Iterator[nn.Module]:
        yield self.teacher

    def diagnostics(self) -> dict[str, Any]:
        return {"mined": tensor(3), "share": 0.5}


def test_what_a_loss_may_offer() -> None:
    rich, bare = Rich(), Bare()
    assert calls.frozen_modules(rich) == (rich.teacher,)
    assert calls.frozen_modules(bare) == ()
    assert calls.diagnostics(rich) == {"mined": 3.0, "share": 0.5}
    assert calls.diagnostics(bare) == {}
    assert (calls.scope_of(rich), calls.scope_of(bare)) == ("sample", "global")


class Keeping:
    """Keeps a number."""

    def __init__(self) -> None:
        self.number = 0

    def state_dict(self) -> int:
        return self.number

    def load_state_dict(self, state: int) -> None:
        self.number = state


def test_state_goes_there_and_back_where_it_is_kept() -> None:
    keeping = Keeping()
    calls.restore_state(keeping, 7)
    assert calls.state_of(keeping) == keeping.number == 7
    calls.restore_state(keeping, None)
    assert keeping.number == 7
    assert not calls.keeps_state(object())
    assert calls.state_of(object()) is None
    calls.restore_state(object(), 7)


def test_what_data_may_offer() -> None:
    class Data:
        caveat, shards, needs_landmarks = "drawn", [0, 1], True

        def read_into(self, indices: Any, images: Any) -> str:
            return "columns"

    reader = calls.batch_reader(Data())
    assert reader is not None
    assert reader([], None) == "columns"  # type: ignore[arg-type,comparison-overlap]
    assert (calls.caveat_of(Data()), calls.shards_of(Data()), calls.needs_landmarks(Data())) == ("drawn", [0, 1], True)
    nothing = object()
    assert calls.batch_reader(nothing) is None
    assert (calls.caveat_of(nothing), calls.shards_of(nothing), calls.needs_landmarks(nothing)) == ("", None, False)


def test_diagnostics_that_carry_gradients_are_numbers_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    class Loss:
        def diagnostics(self) -> dict[str, Any]:
            return {"kept": (tensor([2.0], requires_grad=True) * 3).sum(), "plain": 1}

    assert calls.diagnostics(Loss()) == {"kept": 6.0, "plain": 1.0}
    assert [str(warning.message) for warning in recwarn] == []
