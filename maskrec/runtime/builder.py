"""Build a component from its spec: givens filled in, nested components built first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.random import key_of
from maskrec.base.words import one_line, typed_line
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.givens import GIVENS
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem
from maskrec.plugin.signature import read_parameters
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.targets import placed

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from maskrec.plugin.catalog import Catalog


class BuildError(UsageError):
    """A component that cannot be built as the recipe asks; carries the problems with their places."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(problem.render() for problem in problems))


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
    """

    catalog: Catalog
    seed: int
    context: Context
    opener: Callable[[Opened], nn.Module]
    givens: dict[str, Any] = field(default_factory=dict)
    has_landmarks: bool | None = None
    pair_sets: list[tuple[Spec, PairSet]] = field(default_factory=list)

    def build(self, spec: Spec | Opened, kind: str | None = None) -> Any:
        """The component, nested ones inside it.

        Args:
            spec: what to build.
            kind: whose givens count; for parts, the kind of the component around them.

        Raises:
            BuildError: the component refuses its parameters.
            MaskrecError: it failed in a way that its author did not foresee.
        """
        if isinstance(spec, Opened):
            return self.opener(spec)
        kind = kind or spec.kind
        target = self.catalog.load(self.catalog.lookup(spec.kind, spec.name))
        values = {name: self._value(value, kind) for name, value in spec.parameters.items()}
        self._ask_check(target, spec, values, kind)
        values |= self._given_values(target, spec, kind, values)
        torch.manual_seed(key_of(self.seed, spec.path) & (2**63 - 1))
        built = self._call(target, spec, values)
        if isinstance(built, PairSet):
            self.pair_sets.append((spec, built))
        return built

    def _value(self, value: Any, kind: str) -> Any:
        if isinstance(value, Spec):
            builder = self._for_nested_backbones() if value.kind == "backbone" else self
            return builder.build(value, kind if value.kind == "part" else None)
        if isinstance(value, Opened):
            return self.opener(value)
        if isinstance(value, Path):
            return self.context.data_root / value
        if isinstance(value, Mapping):
            return {key: self._value(inner, kind) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._value(inner, kind) for inner in value)
        return value

    def _for_nested_backbones(self) -> Builder:
        """A teacher is not part of the checkpoint that is being opened, and the canvas is not of its own size."""
        context = replace(self.context, restoring=False)
        return replace(self, context=context, givens={**self.givens, "image_size": None})

    def _given_values(self, target: Any, spec: Spec, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: self.givens[name] for name in GIVENS[kind] if name in self.givens}
        known["context"] = replace(self.context, path=spec.path)
        wanted = [info.name for info in read_parameters(target, kind) if info.given and info.name not in values]
        return {name: known[name] for name in wanted if name in known}

    def _ask_check(self, target: Any, spec: Spec, values: Mapping[str, Any], kind: str) -> None:
        check = getattr(target, "check", None)
        if check is None:
            return
        known = {name: self.givens[name] for name in GIVENS[kind] if name in self.givens}
        answers: Iterable[Problem] = check(values, CheckContext(known, self.has_landmarks)) or ()
        problems = [placed(answer, spec) for answer in answers]
        if any(not problem.note for problem in problems):
            raise BuildError([problem for problem in problems if not problem.note])

    def _call(self, target: Any, spec: Spec, values: Mapping[str, Any]) -> Any:
        try:
            return target(**values)
        except BuildError:
            raise
        except (UsageError, ValueError) as error:
            raise BuildError([Problem(str(error) or one_line(error), spec.path, mark=spec.mark)]) from error
        except MaskrecError:
            raise
        except Exception as error:
            raise MaskrecError(f"{spec.path}: {spec.name} could not be built: {typed_line(error)}") from error
