"""Searches in a gallery of enrolled people: rank, and strangers who are taken for somebody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maskrec.base.errors import MaskrecError
from maskrec.contracts.evaluation import Evaluation, Threshold
from maskrec.contracts.kinds import Pairs
from maskrec.contracts.problem import Problem, refuse
from maskrec.evaluators.condition_tables import Row
from maskrec.evaluators.identified_images import IdentifiedImages, embedded, identified_images, require_identities
from maskrec.evaluators.measuring import Floats
from maskrec.evaluators.rate_curves_plot import rate_curves_png
from maskrec.evaluators.rate_parameters import required_rate_problems
from maskrec.metrics.enough_people import FEWEST_EVENTS
from maskrec.metrics.enrolment import Enrolment, Wearing, enrol
from maskrec.metrics.errors_of_people import ErrorsOfPeople, search_errors
from maskrec.metrics.people_intervals import people_interval
from maskrec.metrics.searches import Searches, others_within, search_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.evaluation import Embed

_RANKS = (1, 5, 10)
_FPIRS = (0.1, 0.01)
_FIGURE_RANKS = 20
_POINTS = 200  # of the DET curve
_PROBES = ("bare", "masked")
_FEW = "fewer than ten expected false positives: no threshold is stored"


class Identification:
    """Searches in a gallery of enrolled people (ISO/IEC 19795-1; terms of NIST's FRTE 1:N).

    The pair set's distinct images are used, whichever pairs it lists. Of each person the first photos (by path) are
    enrolled, the others are searched with; two images of one photo are never compared. Closed set: how often a person
    is among the nearest 1, 5 and 10 (CMC). Open set: each probe is also searched for in the gallery without its own
    person, as a stranger. FPIR is the share of strangers for whom anybody is found at or below a threshold, FNIR the
    share of enrolled people's probes whose own person is not the nearest, or is beyond it (DET). Who has one photo is
    enrolled and not searched for. Distances are squared L2 between unit embeddings; a person is as near as their
    nearest enrolled image.

    Args:
        pairs: whose images are used; it must say who is on them.
        enrolled: photos of each person in the gallery, at least 1; of who has fewer than one more, all but one.
        gallery: which images of the enrolled photos are enrolled: bare ones, those with a mask, or both.
        probes: which images of the other photos are searched with; each kind has its own figures.
        ranks: each at least 1.
        fpirs: false positive identification rates, each inside (0, 1). With fewer than ten expected false positives no
            threshold is stored.
        flip: whether an image's embedding is the mean of its own and its mirror image's, taken before normalisation.
        upper_face: whether the network is shown the upper face only (a square from the canvas's upper edge).

    Raises:
        ValueError: ``enrolled``, ``ranks`` or ``fpirs`` out of range.
        UsageError: the pair set does not say who is on its images.
    """

    def __init__(
        self,
        pairs: Pairs,
        enrolled: int = 1,
        gallery: Wearing = "bare",
        probes: Wearing = "both",
        ranks: tuple[int, ...] = _RANKS,
        fpirs: tuple[float, ...] = _FPIRS,
        flip: bool = False,
        upper_face: bool = False,
    ) -> None:
        refuse(self.check({"enrolled": enrolled, "ranks": ranks, "fpirs": fpirs}))
        require_identities(pairs)
        self.pairs, self.enrolled, self.gallery, self.probes = pairs, enrolled, gallery, probes
        self.ranks, self.fpirs = tuple(ranks), tuple(fpirs)
        self.flip, self.upper_face = flip, upper_face

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext | None = None) -> Iterable[Problem]:
        """Problems of the parameters."""
        if values.get("enrolled", 1) < 1:
            yield Problem(f"enrolled must be at least 1, not {values['enrolled']}", "enrolled")
        ranks = list(values.get("ranks", _RANKS))
        if not ranks or min(ranks) < 1 or len(set(ranks)) < len(ranks):
            yield Problem(f"ranks must be a list of distinct whole numbers from 1, at least one, not {ranks}", "ranks")
        yield from required_rate_problems(values.get("fpirs", _FPIRS), "fpirs", "false positive identification rate")

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """``rankR/PROBES`` and ``fnir@fpir=F/PROBES``, where PROBES is ``bare_probes`` or ``masked_probes``.

        A kind of probes that the images do not have is not returned.
        """
        kinds = _PROBES if values.get("probes", "both") == "both" else (values["probes"],)
        found: dict[str, Literal["min", "max"]] = {}
        for kind in kinds:
            found |= {f"rank{rank}/{kind}_probes": "max" for rank in values.get("ranks", _RANKS)}
            found |= {f"fnir@fpir={fpir:g}/{kind}_probes": "min" for fpir in values.get("fpirs", _FPIRS)}
        return found

    def evaluate(self, embed: Embed) -> Evaluation:
        """CMC and FNIR at each FPIR, by what the probes wear."""
        images = identified_images(self.pairs)
        parts = {name: searches for name, (searches, _) in self._searches(embed, images).items()}
        metrics: dict[str, float] = {}
        thresholds: dict[str, Threshold] = {}
        cmc: list[Row] = []
        det: list[Row] = []
        for name, searches in parts.items():
            if not searches.mated.any():
                continue
            cmc += [_rank_row(name, searches, rank, len(images.names)) for rank in self.ranks]
            metrics |= {f"rank{row['rank']}/{name}": row["rate"] for row in cmc if row["probes"] == name}
            for fpir in self.fpirs:
                row = _open_row(name, searches, fpir, len(images.names))
                det.append(row)
                metrics[f"fnir@fpir={fpir:g}/{name}"] = row["fnir"]
                if row["threshold"] is not None:
                    thresholds[f"fpir={fpir:g}/{name}"] = self._threshold(name, fpir, row["threshold"])
        if not metrics:
            raise MaskrecError(
                f"pair set {self.pairs.label!r}: nobody can be searched for: no person has an enrolled photo "
                f"(gallery: {self.gallery}) and another one to search with (probes: {self.probes}); use pairs with "
                "several photos of a person, put masks on, or choose other images"
            )
        shown = {name.replace("_", " "): each for name, each in parts.items() if each.mated.any()}
        return Evaluation(metrics, thresholds, {"cmc": cmc, "open_set": det}, _figures(self.pairs.label, shown))

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation | None:
        """None: nothing is chosen on these images that others would be measured with."""
        return None

    def errors_of_people(self, embed: Embed) -> list[ErrorsOfPeople]:
        """What ``by_group`` splits: whom searches falsely find at the threshold of each kind of probes and FPIR."""
        images = identified_images(self.pairs)
        rows = embedded(embed, self.pairs, self.flip, self.upper_face)
        found = []
        for name, (searches, chosen) in self._searches(embed, images).items():
            people = images.people[chosen.enrolled]
            for fpir in self.fpirs:
                threshold = searches.threshold_at(fpir)
                if threshold is None:
                    continue
                false = others_within(rows[chosen.enrolled], people, rows[chosen.probes], searches.people, threshold)
                words = f"{name.replace('_', ' ')} at FPIR {fpir:g}"
                found.append(search_errors(words, images.names, searches, people, false, threshold))
        return found

    def _searches(self, embed: Embed, images: IdentifiedImages) -> dict[str, tuple[Searches, Enrolment]]:
        """The searches of each kind of probes, and of which images they are."""
        rows = embedded(embed, self.pairs, self.flip, self.upper_face)
        chosen = enrol(images.people, images.photos, images.masked, self.gallery, self.probes, self.enrolled)
        people = images.people[chosen.enrolled]
        found = {}
        for name, masked in zip(_PROBES, (False, True), strict=True):
            probes = chosen.probes[images.masked[chosen.probes] == masked]
            if len(probes) and len(np.unique(people)) > 1:
                searches = search_all(rows[chosen.enrolled], people, rows[probes], images.people[probes])
                found[f"{name}_probes"] = searches, Enrolment(chosen.enrolled, probes)
        return found

    def _threshold(self, probes: str, fpir: float, value: float) -> Threshold:
        of = f"{self.pairs.label}, {probes.replace('_', ' ')} searched for in its {self.gallery} images"
        source = f"{of}: midway above the largest distance with an FPIR of at most {fpir:g}"
        return Threshold(value, "squared_l2", True, source, far=fpir)


def _interval(searches: Searches, hits: NDArray[np.bool_], people: int) -> tuple[float, float]:
    """The interval over people of a share of the searches for enrolled ones."""
    counts = [np.bincount(searches.people[each], minlength=people) for each in (hits, searches.mated)]
    return people_interval(counts[0], counts[1])


def _rank_row(name: str, searches: Searches, rank: int, people: int) -> Row:
    hits = searches.hits_within(rank)
    low, high = _interval(searches, hits, people)
    mated = int(np.count_nonzero(searches.mated))
    return {
        "probes": name,
        "rank": rank,
        "rate": int(np.count_nonzero(hits)) / mated,
        "low": low,
        "high": high,
        "searches": mated,
        "enrolled_people": searches.enrolled,
    }


def _open_row(name: str, searches: Searches, fpir: float, people: int) -> Row:
    threshold = searches.threshold_at(fpir)
    value = -1.0 if threshold is None else threshold
    missed = searches.mated & ~searches.identified(value)
    low, high = _interval(searches, missed, people)
    enough = fpir * len(searches.other) >= FEWEST_EVENTS
    return {
        "probes": name,
        "fpir": fpir,
        "fnir": int(np.count_nonzero(missed)) / int(np.count_nonzero(searches.mated)),
        "low": low,
        "high": high,
        "measured_fpir": int(np.count_nonzero(searches.other <= value)) / len(searches.other),
        "searches": len(searches.other),
        "threshold": threshold if enough else None,
        "note": "" if enough else _FEW,
    }


def _figures(label: str, parts: Mapping[str, Searches]) -> dict[str, bytes]:
    ranks = np.arange(1, _FIGURE_RANKS + 1, dtype=np.float64)
    cmc = {name: (ranks, _found_within(each, ranks)) for name, each in parts.items()}
    det = {name: _det(each) for name, each in parts.items()}
    return {
        "cmc": rate_curves_png(cmc, f"{label}: CMC", "rank", "share found at or before the rank", log_x=False),
        "det": rate_curves_png(det, f"{label}: DET", "FPIR", "FNIR", log_y=True),
    }


def _found_within(searches: Searches, ranks: Floats) -> Floats:
    """The share of the searches for enrolled people that find them at or before each rank."""
    found: Floats = np.searchsorted(np.sort(searches.rank[searches.mated]), ranks, "right") / np.sum(searches.mated)
    return found


def _det(searches: Searches) -> tuple[Floats, Floats]:
    """FPIR and FNIR at distances of strangers."""
    rising = np.sort(searches.other)
    shown = rising[np.unique(np.geomspace(1, len(rising), _POINTS).astype(np.int64)) - 1]
    found = np.sort(searches.mate[searches.hits_within(1)])
    mated = int(np.count_nonzero(searches.mated))
    fpir = np.searchsorted(rising, shown, "right") / len(rising)
    return fpir, 1 - np.searchsorted(found, shown, "right") / mated
