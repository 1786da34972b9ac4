"""Parameters of targets of every shape, and declarations that no recipe can fill."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from maskrec.contracts.givens import GIVENS
from maskrec.contracts.kinds import KINDS, Kind, Loss
from maskrec.plugin.host import discover
from maskrec.plugin.signature import (
    EMPTY,
    DeclarationError,
    parameter_help,
    read_parameters,
    without_parameters,
)


class Colour(Enum):
    RED = "red"


class Everything:
    """A class with a parameter of every sort."""

    def __init__(
        self,
        path: Path,
        colour: Colour = Colour.RED,
        mode: Literal["a", "b"] | None = None,
        parts: dict[str, Loss] | None = None,
        unannotated=3,
        *rest: int,
        num_classes: int,
        seed: int | None = None,
        **others: Any,
    ) -> None: ...


def shape(parameters):
    return {p.name: (p.annotation, p.default, p.given) for p in parameters}


def test_every_parameter_is_read_with_its_type_default_and_whether_it_is_given():
    found = shape(read_parameters(Everything, "sampler"))
    assert list(found) == ["path", "colour", "mode", "parts", "unannotated", "num_classes", "seed"]
    assert found["path"] == (Path, EMPTY, False)
    assert found["colour"] == (Colour, Colour.RED, False)
    assert found["mode"] == (Literal["a", "b"] | None, None, False)
    assert found["parts"][0] == dict[str, Annotated[Any, Kind("loss")]] | None
    assert found["unannotated"] == (EMPTY, 3, False)
    assert found["num_classes"] == (int, EMPTY, True)
    assert found["seed"] == (int | None, None, True)


def test_required_means_that_the_recipe_must_set_it():
    required = [p.name for p in read_parameters(Everything, "sampler") if p.required]
    assert required == ["path"]


@pytest.mark.parametrize("kind", KINDS)
def test_givens_are_those_of_the_kind(kind):
    def target(seed: int, labels: int, embedding_size: int, run_dir: Path, margin: float): ...

    given = {p.name for p in read_parameters(target, kind) if p.given}
    assert given == {"seed", "labels", "embedding_size", "run_dir"} & set(GIVENS[kind])


class Base:
    def __init__(self, margin: float = 0.5) -> None: ...


class Inherits(Base):
    pass


@dataclass
class Data:
    margin: float = 0.5


class Callable_:  # noqa: N801
    @classmethod
    def make(cls, margin: float = 0.5): ...


def plain(margin: float = 0.5): ...


@functools.wraps(plain)
def wrapper(*arguments, **named): ...


class New:
    def __new__(cls, margin: float = 0.5): ...


@pytest.mark.parametrize(
    "target",
    [Inherits, Data, Callable_.make, plain, wrapper, functools.partial(plain), New],
    ids=["inherits", "data", "class method", "function", "wrapped", "partial", "new"],
)
def test_targets_of_every_shape(target):
    assert shape(read_parameters(target, "loss")) == {"margin": (float, 0.5, False)}


def test_a_builtin_without_a_signature_is_a_declaration_error():
    with pytest.raises(DeclarationError, match="no signature"):
        read_parameters(dict, "loss")


def test_a_wrapper_may_state_its_own_table():
    table = inspect.Signature([inspect.Parameter("p", inspect.Parameter.KEYWORD_ONLY, annotation=int, default=2)])

    class Wrapper:
        def __init__(self, **anything: Any) -> None: ...

        @staticmethod
        def parameters() -> inspect.Signature:
            return table

    def function(**anything: Any): ...

    function.parameters = lambda: table
    for target in (Wrapper, function):
        assert shape(read_parameters(target, "loss")) == {"p": (int, 2, False)}
    function.parameters = lambda: ["p"]
    with pytest.raises(DeclarationError, match=r"must return an inspect\.Signature, not list"):
        read_parameters(function, "loss")


def test_the_parameters_method_of_a_module_is_not_a_table():
    from torch import nn

    class Module(nn.Module):
        def __init__(self, margin: float = 0.5) -> None: ...

    assert shape(read_parameters(Module, "loss")) == {"margin": (float, 0.5, False)}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def target(use: str): ...", "must not be called 'use'"),
        ("def target(margin: float, /): ...", "'margin' is positional-only"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import Tensor\n"
            "def target(fine: int, weights: Tensor): ...",
            "the annotation of parameter 'weights' names 'Tensor', which does not exist at run time",
        ),
        ("def target(margin: 'floot'): ...", "names 'floot'"),
        ("import pathlib\ndef target(p: pathlib.Pth): ...", "'p' cannot be resolved (AttributeError"),
        ("class target:\n    def __init__(self, p: Nowhere = 1): ...", "target: the annotation of parameter 'p' names"),
    ],
)
def test_a_declaration_that_no_recipe_could_fill_is_one_sentence(tmp_path, monkeypatch, source, said):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "signature_test_target.py").write_text(f"from __future__ import annotations\n{source}\n")
    sys.modules.pop("signature_test_target", None)
    target = importlib.import_module("signature_test_target").target
    with pytest.raises(DeclarationError) as raised:
        read_parameters(target, "loss")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_positional_only_with_a_default_and_star_arguments_are_left_out():
    def target(a: int = 1, /, *rest: int, b: int = 2, **more: int): ...

    assert list(shape(read_parameters(target, "loss"))) == ["b"]


def test_help_comes_from_the_docstring():
    class Target:
        """One line.

        Args:
            margin: in radians,
                in [0, pi). Note: half a turn.
            scale (float): of the sphere.

        Raises:
            ValueError: out of range.
        """

        def __init__(self, margin: float, scale: float, seed: int) -> None:
            """Make one.

            Args:
                seed: of everything.
            """

    assert parameter_help(Target) == {
        "margin": "in radians, in [0, pi). Note: half a turn.",
        "scale": "of the sphere.",
        "seed": "of everything.",
    }
    rest = without_parameters(inspect.getdoc(Target) or "")
    assert rest == "One line.\n\nRaises:\n    ValueError: out of range."
    assert parameter_help(plain) == {}


def test_every_built_in_component_can_be_read_and_says_what_its_parameters_are():
    catalog = discover(plugins=False)
    for entry in catalog.entries:
        if entry.component.needs:
            continue
        target = catalog.load(entry)
        parameters = read_parameters(target, entry.kind)
        helps = parameter_help(target)
        assert not [p.name for p in parameters if p.annotation is EMPTY], entry.qualified
        assert not [p.name for p in parameters if not p.given and not helps.get(p.name)], entry.qualified
