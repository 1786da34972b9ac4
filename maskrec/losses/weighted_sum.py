"""A loss made of losses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from torch import Tensor, nn

from maskrec.contracts.call_loss import call_loss
from maskrec.contracts.component_calls import diagnostics, frozen_modules
from maskrec.contracts.context import CheckContext
from maskrec.contracts.kinds import Loss
from maskrec.contracts.problem import Problem, refuse

if TYPE_CHECKING:
    from maskrec.contracts.sample import Batch


class WeightedSum(nn.Module):
    """``sum(weights[name] * parts[name](embeddings, labels))``.

    Each part is called by its own scope, so that several processes together compute what one would.

    Args:
        parts: losses by a name of your choice: ``{arc: {use: arcface}, tri: {use: triplet}}``.
        weights: for every part its factor, a finite number of at least 0.

    Raises:
        ValueError: no parts, a part without a weight, a weight without a part, a name or weight out of range.
    """

    scope: ClassVar[Literal["parts"]] = "parts"

    def __init__(self, parts: dict[str, Loss], weights: dict[str, float]) -> None:
        super().__init__()
        refuse(_problems({"parts": parts, "weights": weights}))
        self.parts = nn.ModuleDict(parts)
        self.weights = dict(weights)
        self._seen: dict[str, Tensor] = {}

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Parts and weights that do not match."""
        yield from _problems(values)

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch | None = None) -> Tensor:
        """The weighted sum, a scalar.

        Args:
            embeddings: ``(b, d)`` of this process, before normalisation.
            labels: int64 ``(b,)``.
            batch: passed on to the parts that name it.
        """
        values = {name: call_loss(part, embeddings, labels, batch) for name, part in self._losses()}
        self._seen = {name: value.detach() for name, value in values.items()}
        first, *others = (self.weights[name] * value for name, value in values.items())
        return sum(others, start=first)

    def diagnostics(self) -> dict[str, float | Tensor]:
        """Each part's value before its weight as ``NAME/loss``, and its own diagnostics as ``NAME/...``."""
        found: dict[str, float | Tensor] = {f"{name}/loss": value for name, value in self._seen.items()}
        for name, part in self._losses():
            found |= {f"{name}/{key}": value for key, value in diagnostics(part).items()}
        return found

    def frozen(self) -> Iterable[nn.Module]:
        """The modules that parts declare as frozen: neither optimised nor saved."""
        for _, part in self._losses():
            yield from frozen_modules(part)

    def _losses(self) -> Iterator[tuple[str, Any]]:
        yield from self.parts.items()


def _problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    parts, weights = values["parts"], values["weights"]
    if not parts:
        yield Problem("a weighted sum needs at least one part", "parts")
    for name in parts:
        if not name.isidentifier() or hasattr(nn.ModuleDict(), name):
            yield Problem(f"{name!r} cannot be a part's name", f"parts.{name}", "use a word such as arc or part_1")
        if name not in weights:
            yield Problem(f"part {name!r} has no weight", "weights", f"add `{name}: 1.0` to weights")
    for name, weight in weights.items():
        if name not in parts:
            known = ", ".join(parts) or "none"
            yield Problem(f"unknown part {name!r}", f"weights.{name}", f"the parts are: {known}")
        elif not (math.isfinite(weight) and weight >= 0):
            yield Problem(f"weight {name!r} must be a finite number of at least 0, not {weight}", f"weights.{name}")
