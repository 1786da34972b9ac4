"""Every masked face against every bare one: TAR at FARs that lists of pairs are too short for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maskrec.base.errors import MaskrecError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.rate_names import far_name, tar_name
from maskrec.evaluators.condition_tables import Row
from maskrec.evaluators.identified_images import (
    TYPES,
    IdentifiedImages,
    embedded,
    identified_images,
    require_identities,
)
from maskrec.evaluators.rate_curves_plot import rate_curves_png
from maskrec.evaluators.rate_parameters import required_rate_problems
from maskrec.metrics.all_comparisons import AllComparisons, compare_all, rates_by_kind
from maskrec.metrics.comparison_tiles import sorted_images
from maskrec.metrics.errors_of_people import ErrorsOfPeople, comparison_errors
from maskrec.metrics.tar import TarAtFar

if TYPE_CHECKING:
    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.evaluation import Embed

Condition = Literal["bare", "one_masked", "both_masked"]

_FARS = (1e-4, 1e-5, 1e-6)
_CONDITIONS: tuple[Condition, ...] = ("one_masked", "both_masked")
_POINTS = 500  # of a curve
_FEW = "fewer than ten expected false accepts: no threshold is stored"


class MaskedGallery:
    """Every masked probe against every bare gallery image, as in the Masked Face Recognition challenge (Deng 2021).

    The pair set's distinct images are compared, whichever pairs it lists: bare images are the gallery, images that wear
    a mask (their own, or one that is put on) the probes. Two images of one photo are not compared. TAR at each FAR is
    given for masked against bare images (``one_masked``), masked against masked ones (``both_masked``), and by mask
    type at the threshold of all. Distances are squared L2 between unit embeddings.

    Args:
        pairs: whose images are compared; it must say who is on them.
        fars: false accept rates, each inside (0, 1). With fewer than ten expected false accepts no threshold is stored.
        conditions: which comparisons are made.
        flip: whether an image's embedding is the mean of its own and its mirror image's, taken before normalisation.
        upper_face: whether the network is shown the upper face only (a square from the canvas's upper edge).

    Raises:
        ValueError: ``fars`` or ``conditions`` out of range.
        UsageError: the pair set does not say who is on its images.
    """

    def __init__(
        self,
        pairs: Pairs,
        fars: tuple[float, ...] = _FARS,
        conditions: tuple[Condition, ...] = _CONDITIONS,
        flip: bool = False,
        upper_face: bool = False,
    ) -> None:
        refuse(self.check({"fars": fars, "conditions": conditions}))
        require_identities(pairs)
        self.pairs, self.fars, self.conditions = pairs, tuple(fars), tuple(conditions)
        self.flip, self.upper_face = flip, upper_face

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext | None = None) -> Iterable[Problem]:
        """Problems of the parameters."""
        yield from required_rate_problems(values.get("fars", _FARS), "fars", "false accept rate")
        conditions = values.get("conditions", _CONDITIONS)
        if not conditions or len(set(conditions)) < len(conditions):
            yield Problem("conditions must have at least one name and none twice", "conditions", "one_masked is one")

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """``tar@far=F/CONDITION``; a condition that the images do not have is not returned."""
        fars, conditions = values.get("fars", _FARS), values.get("conditions", _CONDITIONS)
        return {f"{tar_name(far)}/{condition}": "max" for condition in conditions for far in fars}

    def evaluate(self, embed: Embed) -> Evaluation:
        """TAR at each FAR by condition, and by mask type."""
        images = identified_images(self.pairs)
        compared = self._compare(embed, images)
        rows: list[Row] = []
        metrics: dict[str, float] = {}
        thresholds: dict[str, Threshold] = {}
        kinds: list[Row] = []
        for condition, each in compared.items():
            for rate in (found for far in self.fars if (found := each.at(far)) is not None):
                rows.append(_rate_row(condition, each, rate))
                metrics[f"{tar_name(rate.target)}/{condition}"] = rate.tar
                if rate.enough and rate.threshold is not None:
                    thresholds[f"{far_name(rate.target)}/{condition}"] = self._threshold(condition, rate)
                if condition == "one_masked" and rate.threshold is not None:
                    kinds += _kind_rows(each, images, rate)
        if not metrics:
            raise MaskrecError(
                f"pair set {self.pairs.label!r}: nothing to measure: its images give no comparisons of one person and "
                f"of two that are {' or '.join(each.replace('_', ' ') for each in self.conditions)}; put masks on "
                "(masks: one), or choose other conditions"
            )
        curves = {name.replace("_", " "): _curve(each) for name, each in compared.items() if each.at(self.fars[0])}
        title = f"{self.pairs.label}: every comparison"
        picture = rate_curves_png(curves, title, "false accept rate", "true accept rate")
        return Evaluation(metrics, thresholds, {"tar_at_far": rows, "mask_types": kinds}, {"tar": picture})

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation | None:
        """None: nothing is chosen on these images that others would be measured with."""
        return None

    def errors_of_people(self, embed: Embed) -> list[ErrorsOfPeople]:
        """What ``by_group`` splits: false accepts of everybody at the threshold of each condition and FAR."""
        images = identified_images(self.pairs)
        return [
            comparison_errors(f"{condition.replace('_', ' ')} at FAR {far:g}", images.names, each, threshold)
            for condition, each in self._compare(embed, images).items()
            if each.nearest.comparisons
            for far in self.fars
            if (threshold := each.decided(far)[1]) is not None
        ]

    def _compare(self, embed: Embed, images: IdentifiedImages) -> dict[str, AllComparisons]:
        rows = embedded(embed, self.pairs, self.flip, self.upper_face)
        ready = sorted_images(rows, images.people, images.masked, images.photos)
        return {name: compare_all(ready, CONDITIONS.index(name), max(self.fars)) for name in self.conditions}

    def _threshold(self, condition: str, rate: TarAtFar) -> Threshold:
        assert rate.threshold is not None
        of = f"{self.pairs.label}, every {condition.replace('_', ' ')} comparison of its images"
        source = f"{of}: midway above the largest distance with a FAR of at most {rate.target:g}"
        return Threshold(rate.threshold, "squared_l2", True, source, far=rate.target)


def _rate_row(condition: str, compared: AllComparisons, rate: TarAtFar) -> Row:
    return {
        "condition": condition,
        "same_pairs": len(compared.squared),
        "different_pairs": compared.nearest.comparisons,
        "far": rate.target,
        "tar": rate.tar,
        "low": rate.low,
        "high": rate.high,
        "measured_far": rate.far,
        "expected_false_accepts": rate.expected,
        "threshold": rate.threshold if rate.enough else None,
        "note": "" if rate.enough else _FEW,
    }


def _kind_rows(compared: AllComparisons, images: IdentifiedImages, rate: TarAtFar) -> list[Row]:
    assert rate.threshold is not None
    return [
        {
            "mask": TYPES[each.kind],
            "far": rate.target,
            "tar": each.tar,
            "low": each.tar_low,
            "high": each.tar_high,
            "measured_far": each.false / each.different if each.different else None,
            "same_pairs": each.same,
            "different_pairs": each.different,
        }
        for each in rates_by_kind(compared, images.kinds, rate.threshold)
    ]


def _curve(compared: AllComparisons) -> tuple[Any, Any]:
    """FAR and TAR at the distances of the nearest comparisons of two people."""
    near = compared.nearest.squared
    shown = near[np.unique(np.geomspace(1, len(near), _POINTS).astype(np.int64)) - 1]
    accepted = np.searchsorted(near, shown, "right")
    hits = np.searchsorted(np.sort(compared.squared), shown, "right")
    return accepted / compared.nearest.comparisons, hits / len(compared.squared)
