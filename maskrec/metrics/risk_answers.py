"""What ``Risk`` answers: thresholds with their false accepts, and the false rejects at one."""

from __future__ import annotations

from dataclasses import dataclass

from maskrec.base.words import counted


@dataclass(frozen=True, slots=True, repr=False)
class RiskThreshold:
    """A decision threshold and what is known of its false accepts.

    Args:
        value: pairs at or below this L2 distance between unit embeddings are classified as the same person.
        far: the false accept rate measured at it, at most the one asked for.
        low: lower end of the 95 % interval of the FAR of as many new people.
        high: upper end.
        people: how many people were compared.
        comparisons: how many times two images of two people were compared.
    """

    value: float
    far: float
    low: float
    high: float
    people: int
    comparisons: int

    def __repr__(self) -> str:
        rates = f"FAR {self.far:.2g}, for new people {self.low:.2g} to {self.high:.2g}"
        counts = f"{counted(self.people, 'person')}, {counted(self.comparisons, 'comparison')}"
        return f"RiskThreshold({self.value:.4f}: {rates}; {counts})"


@dataclass(frozen=True, slots=True, repr=False)
class FalseRejects:
    """Comparisons of one person's images that a threshold rejects.

    Args:
        rate: their share, in [0, 1].
        comparisons: of how many.
    """

    rate: float
    comparisons: int

    def __repr__(self) -> str:
        return f"FalseRejects({self.rate:.2g} of {counted(self.comparisons, 'comparison')})"
