"""How much trainings of one recipe differ by their seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from maskrec.contracts.rate_names import tar_name
from maskrec.inference.comparing.compared_systems import ComparedSystem
from maskrec.metrics.paired_figures import weighted_tar
from maskrec.metrics.people_resamples import measure_once


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """A figure over the trainings of one recipe.

    Args:
        system: its letter.
        label: of the evaluation.
        condition: of the pairs.
        measure: ``accuracy`` or ``tar@far=F``.
        values: of each training.
    """

    system: str
    label: str
    condition: str
    measure: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the trainings."""
        return fmean(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation over the trainings (divided by their number less 1)."""
        return stdev(self.values)

    def to_plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {**asdict(self), "mean": self.mean, "standard_deviation": self.deviation}


def seed_spreads(systems: Sequence[ComparedSystem], fars: Sequence[float] | None = None) -> Iterator[SeedSpread]:
    """Of each system of several trainings, every figure.

    Args:
        systems: any.
        fars: at which TAR is taken; None takes those of the evaluations.
    """
    for system in (each for each in systems if len(each.models) > 1):
        for label in system.models[0].answers:
            for models in system.answers(label):
                about = (system.letter, label, models[0].condition)
                yield SeedSpread(*about, "accuracy", tuple(float(each.right.mean()) for each in models))
                for far in models[0].fars if fars is None else fars:
                    rates = (weighted_tar(each.distances, each.same, far) for each in models)
                    values = tuple(measure_once(rate, len(models[0].same)) for rate in rates)
                    yield SeedSpread(*about, tar_name(far), values)
