"""Measures once what a model decides with: error rates, galleries searched, and how a mask is recognized."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Embed
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.deciding.pooled_images import NamesDisagreeError, PooledImages, pool_images
from maskrec.metrics.measured_galleries import MeasuredGalleries, measure_galleries
from maskrec.metrics.risk import Risk, count_risk
from maskrec.metrics.two_names import people_under_two_names

if TYPE_CHECKING:
    from maskrec.inference.photos.mask_probe import MaskProbe

FEWEST_PHOTOS = 100
"""Bare images with landmarks below which no mask probe is fitted."""
_SHOWN = 5
_FEWEST_PEOPLE = 20  # below which nothing is said of their names
_FEW, _SHARE = 4, 0.02  # of the people: more that look alike say nothing of their names


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredOnce:
    """What was measured beside the evaluators' answers.

    Args:
        risk: error rates; None where nobody says who is on the images.
        probe: recognizes masks; None without landmarks.
        galleries: FPIR and FNIR; None as for ``risk``, or where too few people are there.
        notes: what is missing and why, and what should be looked at; whole sentences.
    """

    risk: Risk | None
    probe: MaskProbe | None
    galleries: MeasuredGalleries | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The images of the evaluation pairs, embedded; or why they cannot be compared.

    Args:
        pair_sets: evaluation pairs.
        pool: their images; None where nobody says who is on them, or where the sets disagree.
        problem: how they disagree, in a sentence.
    """

    pair_sets: Sequence[PairSet]
    pool: PooledImages | None
    problem: str = ""

    @property
    def measured_on(self) -> str:
        """The pairs in words: ``held_out.pairs (9,000 pairs): 4,000 images of 100 people``."""
        sets = [f"{each.label.removeprefix('evaluate.')} ({counted(len(each), 'pair')})" for each in self.pair_sets]
        shown = ", ".join(sets[:_SHOWN]) + (f" and {len(sets) - _SHOWN} more" if len(sets) > _SHOWN else "")
        pool = self.pool
        people = "" if pool is None else f": {counted(len(pool), 'image')} of {counted(len(pool.names), 'person')}"
        return f"{shown}{people}"[:1000]

    @property
    def caveats(self) -> tuple[str, ...]:
        """What must be said beside every figure on these pairs."""
        return tuple(dict.fromkeys(each.caveat for each in self.pair_sets if each.caveat))


def gather(pair_sets: Sequence[PairSet], embed: Embed) -> Gathered:
    """Embed the images of evaluation pairs; every process must call this.

    Raises:
        MaskrecError: an image that cannot be read, or embeddings that are not finite.
    """
    try:
        return Gathered(pair_sets, pool_images(pair_sets, embed))
    except NamesDisagreeError as error:
        return Gathered(pair_sets, None, str(error))


def measure_once(gathered: Gathered, seed: int, workers: int = 0) -> MeasuredOnce:
    """Count the error rates, search in drawn galleries and fit the mask probe; one process of several does this.

    Args:
        gathered: the images of evaluation pairs.
        seed: of the masks that the probe is fitted on, and of the galleries.
        workers: loader processes.

    Raises:
        MaskrecError: an image that cannot be read.
    """
    notes: list[str] = []
    risk = _risk(gathered, notes)
    if gathered.pool is not None and risk is not None:
        notes += _two_names(gathered.pool, risk)
    galleries = None if risk is None else _galleries(gathered, seed)
    return MeasuredOnce(risk, _probe(gathered.pair_sets, seed, workers, notes), galleries, tuple(notes))


def _risk(gathered: Gathered, notes: list[str]) -> Risk | None:
    pool = gathered.pool
    if pool is None:
        why = gathered.problem or "the evaluation pairs do not say who is on them"
        notes.append(f"no error rates for new people are stored: {why}")
        return None
    try:
        return count_risk(pool.embeddings, pool.people, pool.masked, pool.photos)
    except ValueError as error:
        notes.append(f"no error rates for new people are stored: {error}")
        return None


def _galleries(gathered: Gathered, seed: int) -> MeasuredGalleries | None:
    pool = gathered.pool
    assert pool is not None
    found = measure_galleries(pool.embeddings, pool.people, pool.masked, pool.photos, seed)
    return found if any(found.sizes(condition) for condition in CONDITIONS) else None


def _probe(pair_sets: Sequence[PairSet], seed: int, workers: int, notes: list[str]) -> MaskProbe | None:
    """A probe fitted on the set with landmarks that has the most bare images."""
    able = [(sum(kind is None for kind in pairs.mask_types), pairs) for pairs in pair_sets if pairs.has_landmarks]
    if not able:
        notes.append("no mask probe is stored: the evaluation pairs have no landmarks by which masks are put on")
        return None
    bare, largest = max(able, key=lambda each: each[0])
    if bare < FEWEST_PHOTOS:
        few = counted(bare, "bare image")
        notes.append(
            f"no mask probe is stored: it takes {FEWEST_PHOTOS} bare images, and the evaluation pairs have {few}"
        )
        return None
    from maskrec.inference.photos.mask_probe_fitting import probe_from_pairs  # imports sklearn, which takes a second

    fit = probe_from_pairs(largest, seed, workers)
    if fit.probe is None:
        notes.append(fit.said)
    return fit.probe


def _two_names(pool: PooledImages, risk: Risk) -> Iterator[str]:
    """People who seem to have two names; nothing where so many do that the network tells nobody apart."""
    found = people_under_two_names(pool.embeddings, pool.people, pool.masked, pool.photos, risk.counts)
    involved = {number for each in found for number in (each.first, each.second)}
    if len(pool.names) < _FEWEST_PEOPLE or len(involved) > max(_FEW, _SHARE * len(pool.names)):
        return
    for each in found[:_SHOWN]:
        one, other = pool.names[each.first], pool.names[each.second]
        yield (
            f"{one!r} and {other!r} of the evaluation pairs look like one person (distance {each.distance:.2f}); if "
            "they are, give them one name: each of their comparisons counts as a false accept"
        )
    if len(found) > _SHOWN:
        yield f"so do {len(found) - _SHOWN} more pairs of names"
