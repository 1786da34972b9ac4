"""A complete check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Protocol

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.landmarks_file import read_landmarks
from maskrec.inference.embedder import Embedder
from maskrec.preparation.checking.duplicates import find_duplicates
from maskrec.preparation.checking.examining import DistinctPhotos, Examined, distinct_photos, examine
from maskrec.preparation.checking.landmark_faults import find_broken_landmarks
from maskrec.preparation.checking.people_embeddings import embed_people, photos_of_people
from maskrec.preparation.checking.shared_faces import find_shared_faces
from maskrec.preparation.checking.shared_people import find_odd_people, find_shared_names
from maskrec.preparation.face_sets import FaceSet, SetProblem

NEAR_BITS = 12
COSINE = 0.6
PHOTOS_EACH = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """What to check for.

    Args:
        near_bits: bits of 256 that near duplicates' hashes may differ in; None looks for equal pixels only.
        cosine: cosine of mean embeddings from which two people count as one.
        photos_each: largest number of photos of a person to embed.
        workers: threads that decode.
    """

    near_bits: int | None = NEAR_BITS
    cosine: float = COSINE
    photos_each: int = PHOTOS_EACH
    workers: int = 1


@dataclass(slots=True)
class Report:
    """The result of a check.

    Args:
        sets: the sets that were checked.
        problems: errors first, then by kind, in the order found.
        notes: what the user should know that is not a problem.
    """

    sets: Sequence[FaceSet]
    problems: list[SetProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many problems are errors."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many are warnings."""
        return len(self.problems) - self.errors


class CheckProgress(Protocol):
    """Shows the progress of a check."""

    def begin(self, what: str, total: int) -> Callable[[int], None]:
        """Begin a stage of ``total`` photos; the returned function is called with how many more are finished."""


def check_sets(
    sets: Sequence[FaceSet],
    settings: Settings,
    progress: CheckProgress,
    landmarks: Sequence[Path] = (),
    embed: Embedder | None = None,
) -> Report:
    """Find everything that is wrong.

    Args:
        sets: opened; their own problems come first.
        settings: what to check for.
        progress: shows the progress.
        landmarks: CSVs of landmarks for photos of sets that have none.
        embed: finds people by their faces; None looks at names only.

    Raises:
        UsageError: a landmarks file cannot be read, or lists none of the photos.
        MaskrecError: a network that fails, or a photo that cannot be brought to its canvas.
    """
    report = Report(sets, notes=[note for faces in sets for note in faces.notes])
    for path in landmarks:
        _attach(path, sets)
    found = [problem for faces in sets for problem in faces.problems]
    photos = distinct_photos(sets)
    examined = examine(photos, settings.workers, progress.begin("reading", len(photos)))
    found += [SetProblem.of("error", "unreadable", reason, (photos.place(number),))
              for number, reason in sorted(examined.unusable.items())]  # fmt: skip
    for faces, numbers in zip(sets, photos.numbers, strict=True):
        if faces.landmarks is not None:
            found += find_broken_landmarks(faces, examined.sizes[numbers])
    found += find_duplicates(photos, examined, settings.near_bits)
    found += [problem for faces in sets for problem in find_odd_people(faces)]
    pairs = _should_share_nobody(photos, report)
    found += find_shared_names(sets, pairs)
    if embed is not None:
        found += _by_face(photos, examined, pairs, settings, progress, embed)
    kinds = {kind: place for place, kind in enumerate(dict.fromkeys(problem.kind for problem in found))}
    report.problems = sorted(found, key=lambda problem: (problem.severity != "error", kinds[problem.kind]))
    return report


def _attach(path: Path, sets: Sequence[FaceSet]) -> None:
    """Add a file's landmarks to sets without landmarks."""
    known, others = 0, list[str]()
    for faces in sets:
        if faces.landmarks is not None or faces.base is None or not len(faces):
            continue
        broken = Problems()
        table = read_landmarks(path, faces.base, broken)
        rows = table.rows_of([faces.real(index) for index in range(len(faces))], broken)
        if (rows < 0).all():
            others += [problem.message for problem in broken.errors if problem.mark and problem.mark.file == str(path)]
            continue
        known += 1
        faces.take("landmarks", broken)
        faces.landmarks = np.where(rows[:, None, None] < 0, np.nan, table.points[rows]).astype(np.float32)
        for index in np.flatnonzero(rows < 0).tolist():
            faces.error("landmarks", f"{path} has no landmarks for this photo", faces.place(index))
    if others:
        raise UsageError(f"--landmarks {path}: {others[0]}")
    if not known:
        raise UsageError(f"--landmarks {path}: it names no photo of a set that lacks landmarks; check its paths")


def _should_share_nobody(photos: DistinctPhotos, report: Report) -> list[tuple[int, int]]:
    """Pairs of sets to compare: of two roles, or both without one. A set of photos of another set is a part of it."""
    pairs = []
    for one, other in combinations(range(len(photos.sets)), 2):
        left, right = photos.sets[one], photos.sets[other]
        if left.group == right.group:
            continue
        both_have_roles = bool(left.role and right.role)
        if not both_have_roles and len(np.intersect1d(photos.numbers[one], photos.numbers[other])):
            report.notes.append(
                f"{left.path} and {right.path} name the same photos, so their people are not compared; "
                "use --train and --test where they must not share people"
            )
            continue
        pairs.append((one, other))
    return pairs


def _by_face(
    photos: DistinctPhotos,
    examined: Examined,
    pairs: Sequence[tuple[int, int]],
    settings: Settings,
    progress: CheckProgress,
    embed: Embedder,
) -> list[SetProblem]:
    usable = examined.usable
    found: list[SetProblem] = []
    chosen = []
    for faces, numbers in zip(photos.sets, photos.numbers, strict=True):
        good = usable[numbers] if len(faces) else np.zeros(0, np.bool_)
        if faces.landmarks is not None:
            good = good & np.isfinite(faces.landmarks).all((1, 2))
        elif len(faces) and embed.model.spec.alignment != "none":
            faces.warn(
                "not_aligned",
                "no landmarks, so its photos are embedded as if they were aligned; if not, `maskrec data align` "
                "them first, or name a file with --landmarks",
                str(faces.path),
            )
            found.append(faces.problems[-1])
        chosen.append(photos_of_people(faces, good, settings.photos_each))
    total = sum(len(mine) for people in chosen for mine in people.values())
    advance = progress.begin("embedding", total)
    people = [embed_people(faces, mine, embed, advance) for faces, mine in zip(photos.sets, chosen, strict=True)]
    return [*found, *find_shared_faces(people, pairs, settings.cosine)]
