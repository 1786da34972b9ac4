"""What poisons a gallery: wrong photos, one person twice, people who are alike, faces that are blurred or tiny.

With one photo a person a wrong face cannot be seen, which the report says. Faces that are blurred or tiny are not
compared: their distances say little, and they would be named twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from maskrec.base.words import counted
from maskrec.inference.galleries.alarm_thresholds import alarm_thresholds
from maskrec.inference.galleries.compared_faces import FacePairs, GalleryComparisons
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.finding_sentences import FindingSentences
from maskrec.inference.galleries.gallery_findings import KINDS, CheckedPerson, GalleryReport
from maskrec.inference.galleries.pair_scoring import UNKNOWN, worded_conditions
from maskrec.inference.galleries.quality_bounds import QualityBounds
from maskrec.inference.galleries.repeated_photos import COPIED
from maskrec.inference.galleries.wrong_names import WrongNames
from maskrec.metrics import Risk
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices

_SAME_PHOTO = 1e-3  # distance of two embeddings of one face
_COPIES_NAMED = 5


def check_gallery(
    faces: EnrolledFaces, risk: Risk, alarms: float | None = None, bounds: QualityBounds | None = None
) -> GalleryReport:
    """Find what poisons a gallery.

    Args:
        faces: all of it.
        risk: of the model that the faces were embedded with.
        alarms: of each kind, that a gallery without faults raises on average; see ``alarm_thresholds``.
        bounds: of quality.

    Raises:
        UsageError: as in ``alarm_thresholds``.
    """
    bounds = bounds or QualityBounds()
    poor = poor_faces(faces, bounds)
    repeated = repeated_photos(faces)
    used = np.setdiff1d(np.arange(len(faces.people)), [*poor, *repeated])
    compared = GalleryComparisons(faces, used, risk)
    own, shown = compared.own(), np.bincount(compared.people, minlength=len(faces.names))
    strangers = (len(used) * (len(used) - 1) - int((shown * (shown - 1)).sum())) // 2
    thresholds = alarm_thresholds(risk, compared.conditions(), strangers, len(own.left), alarms)
    names = WrongNames(compared, thresholds)
    say = FindingSentences(faces, used)
    findings = [say.poor(face, kind, bounds) for face, kind in poor.items()]
    findings += [say.wrong(each) for each in names.wrong]
    findings += [say.unlike(each) for each in names.unlike(own)]
    findings += [say.alike(each, [int(shown[one]) for one in each.people]) for each in names.alike]
    order = list(KINDS)
    notes = (*_notes(faces, len(poor), len(repeated), shown), *_copies(faces, compared, own), *thresholds.notes)
    return GalleryReport(
        tuple(sorted(findings, key=lambda each: order.index(each.kind))),
        tuple(_people(faces, compared, thresholds.nearest_limits(), shown)),
        thresholds,
        notes,
    )


def poor_faces(faces: EnrolledFaces, bounds: QualityBounds) -> dict[int, str]:
    """Faces that are ``tiny`` or else ``blurred``, by their place; what was not measured is neither."""
    eyes, sharp = (faces.quality[:, column].astype(np.float64) for column in (0, 1))
    kinds = np.where(eyes < bounds.eyes_apart, "tiny", np.where(sharp < bounds.sharpness, "blurred", ""))
    return {place: str(kinds[place]) for place in np.flatnonzero(kinds != "").tolist()}


def repeated_photos(faces: EnrolledFaces) -> list[int]:
    """Places of faces that are one face of one photo again, under the same name; the first of them is not among them.

    Two copies would vouch for each other.
    """
    first: dict[tuple[int, str], list[int]] = {}
    found = []
    for place, key in enumerate(zip(faces.people.tolist(), faces.photo_sha256, strict=True)):
        mine = first.setdefault(key, [])
        rows = faces.embeddings[mine].astype(np.float64) - faces.embeddings[place]
        if key[1] and len(mine) and float(np.linalg.norm(rows, axis=1).min()) < _SAME_PHOTO:
            found.append(place)
        else:
            mine.append(place)
    return found


def _people(
    faces: EnrolledFaces,
    compared: GalleryComparisons,
    limits: Floats,
    shown: Indices,
) -> Iterator[CheckedPerson]:
    enrolled = np.bincount(faces.people, minlength=len(faces.names))
    nearest = {one.person: one for one in compared.nearest_strangers()}
    for person, name in enumerate(faces.names):
        counts = int(enrolled[person]), int(shown[person])
        if (one := nearest.get(person)) is None:
            yield CheckedPerson(name, *counts)
            continue
        mine, theirs = (int(compared.used[place]) for place in (one.photo, one.other))
        yield CheckedPerson(
            name, *counts, faces.names[int(faces.people[theirs])], (faces.photo_names[mine], faces.photo_names[theirs]),
            one.distance, worded_conditions(one.condition), float(limits[one.condition]),
        )  # fmt: skip


def _copies(faces: EnrolledFaces, compared: GalleryComparisons, own: FacePairs) -> Iterator[str]:
    """A note on pairs of one person's photos that are nearer than two photos are."""
    near = np.flatnonzero(own.distances <= COPIED)
    if not len(near):
        return
    named = []
    for pair in near[:_COPIES_NAMED]:
        one, other = (int(compared.used[end[pair]]) for end in (own.left, own.right))
        person = faces.names[int(faces.people[one])]
        named.append(f"{faces.photo_names[one]} and {faces.photo_names[other]} of {person}")
    more = f" and {len(near) - len(named):,} more" if len(near) > len(named) else ""
    yield (
        f"{counted(len(near), 'pair')} of one person's photos may be one picture in two files, at most {COPIED} apart "
        f"({'; '.join(named)}{more}): copies vouch for each other; keep one, and add another photo"
    )


def _notes(faces: EnrolledFaces, poor: int, repeated: int, shown: Indices) -> Iterator[str]:
    enrolled = np.bincount(faces.people, minlength=len(faces.names))
    single = int(np.count_nonzero((shown == 1) & (enrolled > 0)))
    if single:
        yield (
            f"{counted(single, 'person')} of {len(faces.names):,} {'has' if single == 1 else 'have'} one photo that "
            "can be compared: a wrong face under their name cannot be seen; add a second photo"
        )
    if nobody := int(np.count_nonzero((shown == 0) & (enrolled > 0))):
        yield f"{counted(nobody, 'person')} of {len(faces.names):,} cannot be compared with anybody: only poor photos"
    if poor:
        yield f"{counted(poor, 'face')} that {'is' if poor == 1 else 'are'} blurred or tiny took no part in comparisons"
    if repeated:
        yield (
            f"{counted(repeated, 'face')} {'is' if repeated == 1 else 'are'} in the gallery again under the same name, "
            "from the same photo; copies do not vouch for each other and are left out"
        )
    if unmeasured := int(np.count_nonzero(np.isnan(faces.quality[:, 1]))):
        yield f"the sharpness of {counted(unmeasured, 'face')} was not measured, so blur in them is not seen"
    if unknown := int(np.count_nonzero(faces.masked == UNKNOWN)):
        yield (
            f"whether {counted(unknown, 'face')} {'wears' if unknown == 1 else 'wear'} a mask is not known; of the "
            "thresholds that are possible the most cautious one counts"
        )
