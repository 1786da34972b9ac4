"""Annotations for nested components: ``teacher: Backbone`` takes ``{use: ...}`` in a recipe.

At run time each alias is ``Annotated[Any, Kind(...)]``, which the checker reads; for type checkers it is the real
protocol. A part is written out where it is used: ``Annotated[Miner, Part("miner")]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

KINDS = ("backbone", "loss", "sampler", "evaluator", "dataset", "pairs", "transform", "observer")


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks a parameter that takes a component of this kind."""

    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """Marks a parameter that takes a part of this sort, declared by ``maskrec_parts``."""

    name: str


if TYPE_CHECKING:
    from maskrec.contracts.pair_set import PairSet
    from maskrec.contracts.protocols import Backbone as Backbone
    from maskrec.contracts.protocols import Dataset as Dataset
    from maskrec.contracts.protocols import Evaluator as Evaluator
    from maskrec.contracts.protocols import Loss as Loss
    from maskrec.contracts.protocols import Observer as Observer
    from maskrec.contracts.protocols import Sampler as Sampler
    from maskrec.contracts.protocols import Transform as Transform

    Pairs: TypeAlias = PairSet
else:
    Backbone = Annotated[Any, Kind("backbone")]
    Loss = Annotated[Any, Kind("loss")]
    Sampler = Annotated[Any, Kind("sampler")]
    Evaluator = Annotated[Any, Kind("evaluator")]
    Dataset = Annotated[Any, Kind("dataset")]
    Pairs = Annotated[Any, Kind("pairs")]
    Transform = Annotated[Any, Kind("transform")]
    Observer = Annotated[Any, Kind("observer")]
