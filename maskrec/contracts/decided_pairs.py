"""How an evaluator decides pairs, one by one: what a comparison of models is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maskrec.contracts.component_calls import method_of
from maskrec.contracts.conditions import CONDITIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from maskrec.contracts.evaluation import Embed, Evaluation
    from maskrec.contracts.pair_set import PairSet


@dataclass(frozen=True, slots=True, eq=False)
class DecidedPairs:
    """The pairs of one condition, each decided.

    Args:
        pairs: the set that they are of.
        occasion: whether the set chose the thresholds (``evaluate``) or is measured with them (``test``).
        condition: a name of ``CONDITIONS``, or ``all``.
        chosen: bool ``(n,)``, which pairs of the set these are.
        distances: float64, of each chosen pair; finite.
        thresholds: float64, at or below which each chosen pair is classified as the same person.
        fars: false accept rates at which TAR is compared; none where none is.
    """

    pairs: PairSet
    occasion: Literal["evaluate", "test"]
    condition: str
    chosen: NDArray[np.bool_]
    distances: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    fars: tuple[float, ...] = ()

    @property
    def same(self) -> NDArray[np.bool_]:
        """Of each chosen pair, whether it shows one person."""
        found: NDArray[np.bool_] = self.pairs.same[self.chosen]
        return found

    @property
    def right(self) -> NDArray[np.bool_]:
        """Of each chosen pair, whether it is decided rightly."""
        found: NDArray[np.bool_] = (self.distances <= self.thresholds) == self.same
        return found


def decided_pairs_of(evaluator: object, embed: Embed, evaluation: Evaluation) -> list[DecidedPairs] | None:
    """How the evaluator decides its pairs, one by one; None where it does not say.

    From the optional method ``decided_pairs(embed, evaluation)``.

    Args:
        evaluator: the evaluator.
        embed: as for its ``evaluate``.
        evaluation: what its ``evaluate`` answered with this ``embed``.
    """
    asked = method_of(evaluator, "decided_pairs")
    return None if asked is None else list(asked(embed, evaluation))


def decided_problem(decided: DecidedPairs) -> str:
    """What is wrong with decided pairs, as the end of a sentence; empty where nothing is."""
    import numpy as np  # a plugin's declarations may import this module, and nothing heavy with it

    if decided.condition not in ("all", *CONDITIONS):
        return f"of the condition {decided.condition!r}; it must be all, {', '.join(CONDITIONS)}"
    count = int(np.count_nonzero(decided.chosen))
    for name in ("distances", "thresholds"):
        values = getattr(decided, name)
        if np.shape(values) != (count,) or not np.isfinite(values).all():
            return f"whose {name} are not one finite number for each of the {count} chosen pairs"
    return ""
