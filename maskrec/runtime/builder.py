"""Build a component from its spec: givens filled in, nested components built first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from maskrec.base.errors import UsageError
from maskrec.base.random import seed_of
from maskrec.base.words import one_line
from maskrec.contracts.call_into import call_into, source_of
from maskrec.contracts.component_calls import scope_of
from maskrec.contracts.component_names import set_name
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.givens import GIVENS
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.contracts.required_members import member_problems, misspelt_events
from maskrec.plugin.signature import read_parameters
from maskrec.recipe.component_answers import check_values
from maskrec.recipe.plan import Opened, Spec, map_leaves
from maskrec.recipe.problems import RecipeProblems

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from maskrec.plugin.catalog import Catalog


@dataclass
class Builder:
    """Builds components of one plan.

    Args:
        catalog: where names are looked up.
        seed: the run's; each component's weights are drawn from (seed, its path), so adding one changes no other.
        context: passed on as the ``context`` given, its ``path`` set to the component's.
        opener: opens ``{run: DIR}`` and ``{file: model.onnx}``.
        givens: by name, as far as known; grows while the run is assembled.
        has_landmarks: of the training data, once opened.
        pair_sets: every pair set that was built, in order.
        notes: what components' own checks want the user to know.
    """

    catalog: Catalog
    seed: int
    context: Context
    opener: Callable[[Opened], nn.Module]
    givens: dict[str, Any] = field(default_factory=dict)
    has_landmarks: bool | None = None
    pair_sets: list[tuple[Spec, PairSet]] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def build(self, spec: Spec | Opened, kind: str | None = None) -> Any:
        """The component, nested ones inside it.

        Args:
            spec: what to build.
            kind: whose givens count; for parts, the kind of the component around them.

        Raises:
            RecipeError: the component refuses its parameters, or is not what its kind must be.
            PluginError: it failed in a way that its author did not foresee.
        """
        if isinstance(spec, Opened):
            return self.opener(spec)
        kind = kind or spec.kind
        target = self.target(spec)
        values = {name: map_leaves(value, partial(self._leaf, kind=kind)) for name, value in spec.parameters.items()}
        self._ask_check(target, spec, values, kind)
        values |= self._given_values(target, spec, kind, values)
        torch.manual_seed(seed_of(self.seed, spec.path))
        built = self._call(target, spec, values)
        self._check_members(built, spec)
        if spec.kind in ("loss", "part"):  # those that a component around them calls
            set_name(built, spec.who)
        if isinstance(built, PairSet):
            self.pair_sets.append((spec, built))
        if spec.kind == "loss":
            _refuse_scope(built, spec)
        return built

    def target(self, spec: Spec) -> Any:
        """The class or function that the component is built with."""
        return self.catalog.load(self.catalog.lookup(spec.kind, spec.name))

    def _part(self, spec: Spec) -> str:
        return self.catalog.lookup(spec.kind, spec.name).component.part

    def _leaf(self, value: Any, kind: str) -> Any:
        if isinstance(value, Spec):
            builder = self._for_nested_backbones() if value.kind == "backbone" else self
            return builder.build(value, kind if value.kind == "part" else None)
        if isinstance(value, Opened):
            return self.opener(value)
        if isinstance(value, Path):
            return self.context.data_root / value
        return value

    def _for_nested_backbones(self) -> Builder:
        """A teacher is not part of the checkpoint that is being opened, and the canvas is not of its own size."""
        context = replace(self.context, restoring=False)
        return replace(self, context=context, givens={**self.givens, "image_size": None})

    def _given_values(self, target: Any, spec: Spec, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        known = self._known(kind)
        known["context"] = replace(self.context, path=spec.path)
        wanted = [info.name for info in read_parameters(target, kind) if info.given and info.name not in values]
        return {name: known[name] for name in wanted if name in known}

    def _known(self, kind: str) -> dict[str, Any]:
        return {name: self.givens[name] for name in GIVENS[kind] if name in self.givens}

    def _ask_check(self, target: Any, spec: Spec, values: Mapping[str, Any], kind: str) -> None:
        problems = RecipeProblems()
        context = CheckContext(self._known(kind), self.has_landmarks, self.context.input_spec)
        check_values(target, spec, values, context, problems, last=True)
        problems.refuse()
        self.notes += problems.entries

    def _call(self, target: Any, spec: Spec, values: Mapping[str, Any]) -> Any:
        with call_into(spec.who, "could not be built", target):
            try:
                return target(**values)
            except RecipeError:
                raise
            except (UsageError, ValueError) as error:
                raise RecipeError([Problem(str(error) or one_line(error), spec.path, mark=spec.mark)]) from error

    def _check_members(self, built: Any, spec: Spec) -> None:
        """Refuse a component that lacks what its kind needs; note an observer's methods that nothing calls."""
        with call_into(spec.who, "could not be asked for its attributes", built):
            said = list(member_problems(spec.kind, built, self._part(spec)))
            unused = list(misspelt_events(built)) if spec.kind == "observer" else []
        if said:
            place = source_of(built)
            at = f" ({place})" if place else ""
            found = [Problem(f"{spec.versioned}{at} {each}", spec.path, mark=spec.mark) for each in said]
            raise RecipeError(found, broken_plugin=True)
        self.notes += [Problem(f"{spec.versioned} {each}", spec.path, mark=spec.mark, note=True) for each in unused]


def _refuse_scope(loss: Any, spec: Spec) -> None:
    try:
        scope_of(loss)
    except ValueError as error:
        raise RecipeError(
            [Problem(f"{spec.versioned}: {error}", spec.path, mark=spec.mark)], broken_plugin=True
        ) from error
