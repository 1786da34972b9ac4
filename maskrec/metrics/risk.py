"""What a decision risks: thresholds by false accept rate with an interval for new people, and the chance of "same"."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from maskrec.base.unit_interval import require_inside_unit_interval
from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices, Progress
from maskrec.metrics.distance_counts import (
    BIN_WIDTH,
    BINS,
    DistanceCounts,
    count_distances,
    cumulative,
)
from maskrec.metrics.enough_people import (
    require_both_kinds,
    require_events,
    require_people,
    worded,
)
from maskrec.metrics.likelihood_ratio import log_likelihood_ratio
from maskrec.metrics.new_people import effective_people, spread_for_new_people
from maskrec.metrics.risk_answers import FalseRejects, RiskThreshold


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Risk:
    """What the people of an evaluation say about error rates on others; numbers only.

    Distances are L2 between unit embeddings, 0 to 2. Conditions are those of ``contracts.pair_set.CONDITIONS``.

    Args:
        counts: of the comparisons of all images.
    """

    counts: DistanceCounts
    _ratios: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, init=False)
    _spreads: dict[tuple[int, int], float] = field(default_factory=dict, init=False)

    def __repr__(self) -> str:
        measured = ", ".join(worded(each) for each in CONDITIONS if self.has(each)) or "nothing"
        return f"Risk({counted(self.people, 'person')}; {measured})"

    @property
    def people(self) -> int:
        """How many people were compared."""
        return int(self.counts.comparisons.shape[1])

    def has(self, condition: str) -> bool:
        """Whether images of two people were compared in this condition.

        Raises:
            ValueError: an unknown condition.
        """
        return bool(self.counts.impostor[_number(condition)].any())

    def comparisons(self, condition: str) -> int:
        """How many times two images of two people were compared in this condition; 0 where it was not measured.

        Raises:
            ValueError: an unknown condition.
        """
        return int(self.counts.impostor[_number(condition)].sum())

    def far(self, condition: str, threshold: float) -> float:
        """The false accept rate measured at a threshold, in [0, 1]; between two edges of bins, that of the lower one.

        Raises:
            ValueError: the condition was not measured, or the threshold is not a number.
        """
        return _share(self.counts.impostor[self._measured(condition)], threshold)

    def tar(self, condition: str, threshold: float) -> float:
        """The true accept rate measured at a threshold, in [0, 1]; like ``far``.

        Raises:
            ValueError: no two images of one person were compared, or the threshold is not a number.
        """
        genuine = self.counts.genuine[_number(condition)]
        if not genuine.any():
            raise ValueError(f"no two {worded(condition)} images of one person were compared; evaluate some")
        return _share(genuine, threshold)

    def rejects(self, condition: str, threshold: float) -> FalseRejects | None:
        """How many comparisons of one person's images lie beyond a threshold; like ``far`` at edges of bins.

        Without an interval: which person each of these comparisons is of is not kept, and pairs of one person are too
        much alike to count as independent.

        Returns:
            None where no two images of one person were compared in this condition.

        Raises:
            ValueError: an unknown condition, or the threshold is not a number.
        """
        comparisons = int(self.counts.genuine[_number(condition)].sum())
        return FalseRejects(1.0 - self.tar(condition, threshold), comparisons) if comparisons else None

    def threshold(self, condition: str, far: float) -> RiskThreshold:
        """The largest threshold whose measured FAR is not above ``far``, with its interval for new people.

        It lies at an edge of a bin of the histogram, or in the middle of empty bins, where no distance is near.

        Raises:
            NotEnoughPeopleError: under ten expected false accepts; fewer than ``FEWEST_PEOPLE`` people; or false
                accepts of so few people that others say nothing about the next.
            ValueError: the condition was not measured, or ``far`` is outside (0, 1).
        """
        number = self._measured(condition)
        require_inside_unit_interval(far, "a false accept rate")
        below = cumulative(self.counts.impostor[number])
        comparisons, people = int(below[-1]), int(np.count_nonzero(self.counts.comparisons[number]))
        require_events(condition, far, people, comparisons)
        edge = int(np.searchsorted(below / comparisons, far, "right")) - 1
        if below[edge] == 0:
            least = below[edge + 1] / comparisons
            raise ValueError(
                f"the nearest {worded(condition)} images of two people lie so closely together that the FAR rises "
                f"from 0 to {least:.2g} at once; choose a FAR of at least that"
            )
        rate = float(below[edge] / comparisons)
        spread = self._spread(condition, rate, people)
        return RiskThreshold(
            self._midway(number, edge), rate, rate / spread, min(1.0, rate * spread), people, comparisons
        )

    def threshold_for_gallery(self, condition: str, fpir: float, gallery_size: int) -> RiskThreshold:
        """The threshold for a search: strangers find somebody among ``gallery_size`` rows with a rate of ``fpir``.

        Comparisons with the rows are taken as independent: 1 - (1 - FAR)^N; an upper bound where a person has several
        rows. The FAR is that of one comparison.

        Raises:
            ValueError: as in ``threshold``; an ``fpir`` outside (0, 1) or a gallery without rows.
        """
        require_inside_unit_interval(fpir, "a false positive identification rate")
        if gallery_size < 1:
            raise ValueError(f"gallery_size must be at least 1, not {gallery_size}")
        return self.threshold(condition, -math.expm1(math.log1p(-fpir) / gallery_size))

    def probability(self, condition: str, distance: float, prior: float = 0.5) -> float:
        """The calibrated probability that two images at this distance show the same person; falls with the distance.

        Args:
            condition: of the pair.
            distance: at least 0.
            prior: the probability before the images are seen, inside (0, 1).

        Raises:
            NotEnoughPeopleError: under ten comparisons of one person's images, or of two people's.
            ValueError: the condition was not measured; a distance or prior out of range.
        """
        require_inside_unit_interval(prior, "prior")
        logit = float(self.log_likelihood_ratio(condition, distance)) + math.log(prior) - math.log1p(-prior)
        return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))

    def log_likelihood_ratio(self, condition: str, distances: ArrayLike) -> Floats:
        """The natural logarithm of P(distance | same) / P(distance | different), of any shape; falls with the distance.

        Raises:
            NotEnoughPeopleError: under ten comparisons of one person's images, or of two people's.
            ValueError: the condition was not measured, or a distance is below 0 or not a number.
        """
        number = self._measured(condition)
        values = np.asarray(distances, dtype=np.float64)
        if not (values >= 0).all():
            raise ValueError("distances must be at least 0")
        if number not in self._ratios:
            genuine, impostor = self.counts.genuine[number], self.counts.impostor[number]
            require_both_kinds(condition, int(genuine.sum()), int(impostor.sum()), self.people)
            centres: Floats = (np.arange(BINS, dtype=np.float64) + 0.5) * BIN_WIDTH
            self._ratios[number] = log_likelihood_ratio(genuine, impostor, centres)
        return np.interp(values, *self._ratios[number])

    def _measured(self, condition: str) -> int:
        if not self.has(condition):
            raise ValueError(
                f"no {worded(condition)} images of two people were compared, so nothing is known of their error rates; "
                "evaluate some"
            )
        return CONDITIONS.index(condition)

    def _midway(self, number: int, edge: int) -> float:
        """The distance of an edge, or the middle of the empty bins below it."""
        met = self.counts.genuine[number, :edge] + self.counts.impostor[number, :edge]
        return (int(np.flatnonzero(met)[-1]) + 1 + edge) / 2 * BIN_WIDTH

    def _spread(self, condition: str, rate: float, people: int) -> float:
        """The interval's factor, at the threshold of the grid whose FAR is nearest to the rate."""
        number = CONDITIONS.index(condition)
        below = cumulative(self.counts.impostor[number])
        rates = np.maximum(below[self.counts.grid[number]], 0.5) / below[-1]
        at = int(np.argmin(np.abs(np.log(rates / rate))))
        if (number, at) not in self._spreads:
            false, comparisons = self.counts.false[number, :, at], self.counts.comparisons[number]
            require_people(condition, rate, people, effective_people(false))
            self._spreads[number, at] = spread_for_new_people(false, comparisons)
        return self._spreads[number, at]


def count_risk(
    embeddings: ArrayLike,
    people: ArrayLike,
    masked: ArrayLike,
    photos: ArrayLike,
    progress: Progress | None = None,
) -> Risk:
    """Compare all images of an evaluation with each other; parameters and errors as in ``count_distances``."""
    return Risk(count_distances(embeddings, people, masked, photos, progress))


def _number(condition: str) -> int:
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}; use {', '.join(CONDITIONS)}")
    return CONDITIONS.index(condition)


def _share(histogram: Indices, threshold: float) -> float:
    if math.isnan(threshold):
        raise ValueError("the threshold is not a number")
    below = cumulative(histogram)
    return float(below[int(min(max(threshold / BIN_WIDTH, 0), BINS))] / below[-1])
