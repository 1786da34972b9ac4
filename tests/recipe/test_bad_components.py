"""Installed components that no recipe can use: one sentence with the plugin's name and version, and others work."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maskrec.contracts.pair_set import PairSet
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.components import Components
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.reading import read_text
from maskrec.recipe.values import EMPTY, INVALID, check_value

_numbers = itertools.count()

DECLARED = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("thing", "{target}", "a loss of this test")]
"""
WHO = "loss maskrec-bad/thing (version 1.5)"
TYPED = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from torch import Tensor
"""
CLASS = "class Thing:\n    def __init__(self, {parameters}): ..."

BROKEN = {
    "no module": (None, f"{WHO} cannot be loaded: its target '{{module}}:Thing' is in a module that does not exist"),
    "no name": (
        "class Thin: ...",
        f"{WHO} cannot be loaded: its target '{{module}}:Thing' does not exist, Thin does",
    ),
    "no class": ("Thing = 3", f"{WHO} cannot be loaded: its target '{{module}}:Thing' is not a class or function"),
    "raises": ("1 / 0", f"{WHO} cannot be loaded: importing {{module}} raised ZeroDivisionError: division by zero ("),
    "exits": ("raise SystemExit(0)", f"{WHO} cannot be loaded: importing {{module}} raised SystemExit: 0 ("),
    "leaves": (
        "import os\nos._exit(0)",
        f"{WHO} cannot be loaded: importing {{module}} raised SystemExit: os._exit(0)",
    ),
    "unresolvable": (
        TYPED + CLASS.format(parameters="margin: Tensor"),
        f"{WHO}: Thing: the annotation of parameter 'margin' names 'Tensor', which does not exist at run time; ",
    ),
    "unwritable": (
        "from threading import Thread\n" + CLASS.format(parameters="margin: Thread"),
        f"`margin` of {WHO} cannot be set by a recipe: Thread cannot be written in a recipe",
    ),
    "use": (CLASS.format(parameters="use: str"), f"{WHO}: Thing: a parameter must not be called 'use', which recipes"),
    "positional": (
        CLASS.format(parameters="margin: float, /"),
        f"{WHO}: Thing: parameter 'margin' is positional-only, so no recipe can fill it",
    ),
    "no signature": ("Thing = dict", f"{WHO}: dict has no signature that can be read ("),
}
Bad = Callable[[str | None], tuple[RecipeProblems, str]]


@pytest.fixture
def bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_distribution: Callable[..., Path], toys_file: Path
) -> Bad:
    """``bad(source)``: what is wrong with a loss that is ``Thing`` in a module of this source; the module's name."""
    monkeypatch.syspath_prepend(tmp_path)

    def check(source: str | None) -> tuple[RecipeProblems, str]:
        module = f"bad_component_{next(_numbers)}"
        target = DECLARED.format(target=f"{module}:Thing")
        make_distribution(tmp_path, "maskrec-bad", {"bad": f"{module}_declared"}, {f"{module}_declared": target}, "1.5")
        if source is not None:
            (tmp_path / f"{module}.py").write_text(source)
        catalog = discover([toys_file])
        assert not catalog.failures, "declaring it is right"
        assert component(catalog, "{use: toy_loss}").entries == []
        return component(catalog, "{use: thing, margin: 1}"), module

    return check


def component(catalog: Catalog, text: str) -> RecipeProblems:
    """What the checker has to say of a loss."""
    root, problems = read_text(text, "r").root, RecipeProblems()
    assert root is not None
    Components(catalog, None, problems, {}).component(root, "loss", "loss")
    return problems


@pytest.mark.parametrize(("source", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_component_is_one_sentence_with_its_plugin_s_version(
    bad: Bad, capsys: pytest.CaptureFixture[str], source: str | None, said: str
) -> None:
    problems, module = bad(source)
    (problem,) = problems.errors
    assert said.format(module=module) in problem.message
    assert "\n" not in problem.message
    assert problems.broken_plugin, "which is exit code 3"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("parameter", "typed"),
    [
        ("margin", "margin: int"),
        ("margin=0.5", "margin: float = 0.5"),
        ("margin=None", "margin: int | None = None"),
    ],
)
def test_a_parameter_without_a_type_is_taken_and_its_plugin_is_named(bad: Bad, parameter: str, typed: str) -> None:
    problems, _ = bad(CLASS.format(parameters=parameter))
    (note,) = problems.entries
    assert note.note
    assert note.message == f"`margin` could not be checked: this parameter of {WHO} has no type"
    assert note.hint == f"for its author: write the type in the signature, such as `{typed}`"


@pytest.mark.parametrize("annotation", [PairSet, PairSet | None])
def test_the_class_of_a_component_is_not_its_annotation(annotation: Any) -> None:
    root, problems = read_text("{use: synthetic_pairs}", "r").root, RecipeProblems()
    assert root is not None
    assert check_value(root, annotation, "evaluate.it.pairs", problems, owner="evaluator mine/it") is INVALID
    (problem,) = problems.errors
    assert problem.message == (
        "`pairs` of evaluator mine/it cannot be set by a recipe: PairSet cannot be written in a recipe; for its "
        "author: annotate it `Pairs` (from maskrec import Pairs)"
    )
    assert problems.broken_plugin


def test_pairs_without_a_type_are_noted_with_theirs() -> None:
    root, problems = read_text("{use: synthetic_pairs}", "r").root, RecipeProblems()
    assert root is not None
    check_value(root, EMPTY, "evaluate.it.test_pairs", problems, owner="evaluator mine/it")
    (note,) = problems.entries
    assert note.hint.endswith("in the signature, such as `test_pairs: Pairs` (from maskrec import Pairs)")


def test_a_default_in_the_place_of_a_given_is_noted(bad: Bad) -> None:
    problems, _ = bad(CLASS.format(parameters="margin: int, emb_dim: int = 128, label: str = 'a', seeds: int = 3"))
    (note,) = problems.entries
    assert note.note
    assert note.message == "`loss` leaves `emb_dim` at its default, 128"
    assert note.hint == "for the author of maskrec-bad/thing (version 1.5): did it mean the given `embedding_size`?"
