"""Galleries of LFW people by MobileFaceNet: who is found, who is missed, and whether strangers are found as stated.

    python benchmarks/real_faces/gallery_search.py --weights mobilefacenet.safetensors --lfw lfw \\
        --landmarks lfw_landmarks.csv [--cache embeddings.npz] [--fpir 0.01 0.1] [--splits 5] [--seed 17]

LFW's people with two or more photos are split into halves at random, and the first ten photos of each count, bare and
with one simulated mask of any type. The first half is the evaluation: its error rates give the thresholds and the
stated FPIR with its 95 % interval (``maskrec.metrics.count_risk``), and galleries drawn from it the FPIR that
``maskrec evaluate`` measures (``measure_galleries``). The other half is searched; nobody is in both. MobileFaceNet was
trained on other photos (MS-Celeb-1M), though perhaps of some of these people. 20 galleries are drawn, as many from each
split. Each has 50 people with three or more photos, each enrolled with one or two bare photos; up to five of their
other photos are searched, bare and masked, and so is one photo of each of 500 people who are not enrolled.

All rows are bare, so a search compares under one condition, in which odds fall with the distance: the likeliest person
is the nearest one. That ``LoadedGallery``, by which ``maskrec gallery search`` answers, says the same is checked on
some searches of each gallery.

Rank 1: the own person is the likeliest. FNIR: they are not found, or somebody else is likelier. FPIR: a stranger finds
somebody. ``stated``, ``by evaluate`` and ``here`` are means over the galleries; ``inside`` says whether ``here`` lies
in the stated interval, and in how many of the galleries (of 500 searches each) the own FPIR does. ``--cache`` is the
file that ``risk_on_new_people.py`` keeps embeddings in.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from risk_on_new_people import Faces, read_faces

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.loaded_gallery import LoadedGallery, SearchSettings
from maskrec.inference.galleries.pair_scoring import pair_conditions
from maskrec.inference.galleries.search_risk import risk_of_search
from maskrec.inference.photos.found_face import Face
from maskrec.metrics import measure_galleries, normalise

GALLERIES, PEOPLE, STRANGERS, PHOTOS, PROBES = 20, 50, 500, 10, 5
CHECKED = 20  # searches of each gallery
NO_IMAGE = np.zeros((1, 1, 3), np.uint8)
HEADER = (
    "photos | probes | FPIR asked | stated [95 %]           | by evaluate [95 %]      | here   | inside (galleries) "
    "| rank 1 | FNIR   | searches"
)

Rows = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class People:
    """Half of LFW's people.

    Args:
        bare: unit rows ``(n, d)``, float32.
        masked: the same photos with masks.
        photos: which rows each person has.
    """

    bare: Rows
    masked: Rows
    photos: list[Indices]


@dataclass(frozen=True)
class Enrolment:
    """A gallery that was drawn.

    Args:
        rows: enrolled bare photos.
        owners: whose each is, from 0.
        probes: photos of the enrolled people that are searched.
        names: whose each is.
        strangers: photos of others.
    """

    rows: Indices
    owners: Indices
    probes: Indices
    names: Indices
    strangers: Indices


@dataclass(frozen=True)
class Outcome:
    """What searches in one gallery gave: shares, and what was stated."""

    rank_1: float
    fnir: float
    fpir: float
    searches: int
    stated: tuple[float, float, float]
    evaluated: tuple[float, float, float]


def main() -> None:
    """Measure on one half, search in the other, print a row for each kind of search."""
    arguments = read_arguments()
    faces = read_faces(arguments).first(PHOTOS)
    draw = np.random.default_rng(arguments.seed)
    print(f"{faces.count} people, {arguments.splits} splits into evaluation and searched people")
    print(f"{GALLERIES} galleries of {PEOPLE} people, {STRANGERS} strangers each; rates are means over the galleries")
    found: dict[tuple[int, bool, float], list[Outcome]] = {}
    for _ in range(arguments.splits):
        first, second = np.array_split(draw.permutation(faces.count), 2)
        decisions, others = measured_on(faces, first, arguments.seed), half(faces, second)
        for photos in (1, 2):
            for _ in range(GALLERIES // arguments.splits):
                drawn = enrolment(others, photos, draw)
                for fpir in arguments.fpir:
                    for masked in (False, True):
                        outcome = searched(others, drawn, decisions, masked, fpir)
                        found.setdefault((photos, masked, fpir), []).append(outcome)
    print(HEADER)
    for (photos, masked, fpir), outcomes in sorted(found.items(), key=lambda each: (each[0][0], each[0][2])):
        print(line(photos, masked, fpir, outcomes))
    print(f"{time.process_time():.0f} s of processor time")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="MobileFaceNet's state_dict as safetensors")
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--cache", type=Path, help="an .npz file to keep the embeddings in, or to take them from")
    parser.add_argument("--fpir", type=float, nargs="+", default=[0.01, 0.1], help="asked for")
    parser.add_argument("--splits", type=int, default=5, choices=(1, 2, 4, 5, 10, 20), help="of the people")
    parser.add_argument("--seed", type=int, default=17, help="of the masks, the split and the galleries")
    return parser.parse_args()


def measured_on(faces: Faces, people: Indices, seed: int) -> Decisions:
    """What ``maskrec evaluate`` measures on some people."""
    photos = np.flatnonzero(np.isin(faces.people, people))
    chosen = np.concatenate([photos, photos + len(faces.people)])
    masked = np.repeat([False, True], len(photos))
    galleries = measure_galleries(
        faces.rows[chosen], np.tile(faces.people[photos], 2), masked, np.tile(photos, 2), seed
    )
    words = f"{len(people)} people of LFW"
    return Decisions(risk=faces.risk(people), measured_on=words, galleries=galleries)


def half(faces: Faces, people: Indices) -> People:
    """Some of the people with their rows."""
    rows, count = normalise(faces.rows).astype(np.float32), len(faces.people)
    return People(rows[:count], rows[count:], [np.flatnonzero(faces.people == person) for person in people])


def enrolment(people: People, photos: int, draw: np.random.Generator) -> Enrolment:
    """Draw who is enrolled and by which photos, and who is a stranger."""
    able = [person for person, own in enumerate(people.photos) if len(own) >= 3]
    chosen = draw.choice(able, PEOPLE, replace=False)
    shuffled = [draw.permutation(people.photos[person]) for person in chosen]
    rest = np.setdiff1d(np.arange(len(people.photos)), chosen)
    strangers = draw.choice(rest, STRANGERS, replace=False)
    probes = [each[photos : photos + PROBES] for each in shuffled]
    return Enrolment(
        np.concatenate([each[:photos] for each in shuffled]),
        np.repeat(np.arange(PEOPLE), photos),
        np.concatenate(probes),
        np.repeat(np.arange(PEOPLE), [len(each) for each in probes]),
        np.array([draw.choice(people.photos[person]) for person in strangers]),
    )


def searched(people: People, drawn: Enrolment, decisions: Decisions, masked: bool, fpir: float) -> Outcome:
    """Search a gallery with its people's other photos and with strangers'."""
    risk = risk_of_search(decisions, "MobileFaceNet", {int(pair_conditions(0, int(masked))): len(drawn.rows)}, fpir)
    (threshold,) = risk.thresholds.values()
    rows, probes = people.bare[drawn.rows], people.masked if masked else people.bare
    mates, mated = nearest(rows, probes[drawn.probes])
    _, strangers = nearest(rows, probes[drawn.strangers])
    likeliest = drawn.owners[mates] == drawn.names
    check(people, drawn, decisions, masked, fpir, drawn.owners[mates], mated <= threshold.value)
    evaluated = risk.measured_fpir
    return Outcome(
        float(np.mean(likeliest)),
        1 - float(np.mean(likeliest & (mated <= threshold.value))),
        float(np.mean(strangers <= threshold.value)),
        len(mated) + len(strangers),
        risk.stated_fpir,
        (np.nan,) * 3 if evaluated is None else (evaluated.rate, evaluated.low, evaluated.high),
    )


def nearest(rows: Rows, probes: Rows) -> tuple[Indices, NDArray[np.float64]]:
    """The nearest row of each probe, and its distance."""
    cosines = probes.astype(np.float64) @ rows.astype(np.float64).T
    return cosines.argmax(axis=1), np.sqrt(np.maximum(2 - 2 * cosines.max(axis=1), 0))


def check(
    people: People,
    drawn: Enrolment,
    decisions: Decisions,
    masked: bool,
    fpir: float,
    likeliest: Indices,
    found: NDArray[np.bool_],
) -> None:
    """Compare some answers with those of ``maskrec gallery search``.

    Raises:
        MaskrecError: one differs.
    """
    rows = len(drawn.rows)
    faces = EnrolledFaces(
        np.arange(1, rows + 1), drawn.owners, tuple(map(str, range(PEOPLE))), people.bare[drawn.rows],
        np.zeros(rows, np.int8), np.full((rows, 3), np.nan, np.float32), ("",) * rows, ("",) * rows,
    )  # fmt: skip
    places = np.linspace(0, len(drawn.probes) - 1, CHECKED).astype(np.int64)
    probes = (people.masked if masked else people.bare)[drawn.probes[places]]
    shown = [Face((0, 0, 1, 1), None, None, NO_IMAGE, masked=masked)] * len(places)
    answers = LoadedGallery(faces, decisions, "MobileFaceNet").search(shown, probes, SearchSettings(fpir, top=1))
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, UsageError):
            raise answer
        first = answer.candidates[0]
        if (first.name, first.found) != (str(likeliest[place]), bool(found[place])):
            raise MaskrecError(f"maskrec gallery search answers {first!r} where the nearest is {likeliest[place]}")


def line(photos: int, masked: bool, fpir: float, found: list[Outcome]) -> str:
    """A row of the printed table: means over the galleries."""
    rate, low, high = np.mean([each.stated for each in found], axis=0)
    evaluated = np.mean([each.evaluated for each in found], axis=0)
    here = float(np.mean([each.fpir for each in found]))
    inside = sum(each.stated[1] <= each.fpir <= each.stated[2] for each in found)
    verdict = "yes" if low <= here <= high else "NO"
    return (
        f"{photos:6} | {'masked' if masked else 'bare':6} | {fpir:10} | {rate:.4f} [{low:.4f}, {high:.4f}] | "
        f"{'{:.4f} [{:.4f}, {:.4f}]'.format(*evaluated)} | {here:.4f} | "
        f"{verdict:3} ({inside:2} of {len(found):2})     | {np.mean([each.rank_1 for each in found]):.4f} | "
        f"{np.mean([each.fnir for each in found]):.4f} | {sum(each.searches for each in found):,}"
    )


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"gallery_search.py: {error}") from None
