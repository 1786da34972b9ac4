"""Finds the faces of photos, aligned as a network expects them, and chooses the intended one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from maskrec.base.errors import NoFaceError, SettingError, UsageError
from maskrec.base.words import counted, did_you_mean
from maskrec.contracts.input_spec import InputSpec
from maskrec.detection.face_choice import SURE, choose
from maskrec.images.canvas import pixels_on_canvas
from maskrec.inference.photos.face_notes import notes_on
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.mask_probe import MaskProbe, mask_state
from maskrec.inference.photos.photo_input import NamedPhoto

if TYPE_CHECKING:
    from maskrec.detection.cascade import Faces

WhichFace = Literal["only", "largest", "central"] | int
"""Which of a photo's faces is meant; a number counts from 1, from left to right."""

WHOLE_PHOTO = (
    "whole photo: the network's alignment is none, so no face was searched; give it faces as it was trained on"
)
_WAYS = ("only", "largest", "central")
_AT_ONCE = 50_000_000  # pixels of photos whose copies are in memory at once
_LISTED = 10


def find_in(
    photos: Sequence[NamedPhoto],
    spec: InputSpec,
    probe: MaskProbe | None,
    device: str = "cpu",
    min_face: float | None = None,
) -> list[list[Face]]:
    """The faces of each photo, from left to right, as MTCNN finds them; see ``detection.find_faces``.

    Weak faces are among them, with their scores and a note. For a network whose alignment is ``none`` nothing is
    searched: the photo's middle square is the face.

    Args:
        photos: in memory.
        spec: of the network: size and alignment of the canvas.
        probe: recognizes masks; None leaves mask states unknown.
        device: where faces are searched: ``cpu``, ``cuda`` or ``auto``.
        min_face: side of the smallest face in pixels; None: a share of the photo's shorter side.
    """
    if spec.alignment == "none":
        return [[aligned_face(photo, spec, probe, WHOLE_PHOTO)] for photo in photos]
    from maskrec.detection.find_faces import find_faces  # torch, which programs without photos do without

    found: list[list[Face]] = []
    for group in _groups(photos):
        faces = find_faces([photo.pixels for photo in group], min_face, device)
        found += [_placed(photo, each, spec, probe) for photo, each in zip(group, faces, strict=True)]
    return found


def aligned_face(photo: NamedPhoto, spec: InputSpec, probe: MaskProbe | None, note: str = "") -> Face:
    """A photo that is a face already, brought to the canvas's size: the middle square, for ``box`` all of it.

    Args:
        photo: in memory.
        spec: of the network.
        probe: recognizes masks.
        note: what the face's ``notes`` say; nothing where it is empty.
    """
    height, width = photo.pixels.shape[:2]
    image, _ = pixels_on_canvas(photo.pixels, None, spec.size, spec.alignment)
    chance = None if probe is None else float(probe.probability(image[None])[0])
    state = None if chance is None else mask_state(chance)
    return Face((0.0, 0.0, width, height), None, None, image, chance, state, (note,) if note else ())


def choose_face(faces: Sequence[Face], shape: tuple[int, int], which: WhichFace, name: str) -> Face:
    """The intended face of a photo, chosen as ``data align`` chooses (``detection.face_choice.choose``).

    Args:
        faces: from ``find_in``.
        shape: height and width of the photo.
        which: ``only`` (several sure faces are an error), ``largest``, ``central``, or a number from 1, from left to
            right.
        name: of the photo, for messages.

    Raises:
        UsageError: no face, several where one is expected (they are listed), a number that no face has, or another
            word.
    """
    if (not isinstance(which, int) and which not in _WAYS) or isinstance(which, bool):
        hint = did_you_mean(which, _WAYS, "expected only, largest, central or a number from 1")
        raise UsageError(f"face={which!r}: {hint}")
    if not faces:
        raise without_face(name)
    if isinstance(which, int):
        if not 1 <= which <= len(faces):
            raise UsageError(f"{name}: face {which} was asked for; it has {_listed(faces)}")
        return faces[which - 1]
    if len(faces) == 1:
        return faces[0]
    return _chosen(faces, shape, which, name)


def without_face(name: str) -> NoFaceError:
    """What is said of a photo in which no face was found."""
    return NoFaceError(
        f"{name}: no face was found; use a photo where the face is upright and lit and has at least a tenth of the "
        "photo's shorter side, or crop it"
    )


def _chosen(
    faces: Sequence[Face], shape: tuple[int, int], which: Literal["only", "largest", "central"], name: str
) -> Face:
    from maskrec.detection.cascade import Faces

    boxes = np.array([face.box for face in faces])
    scores = np.array([face.score for face in faces], np.float64)
    chosen = choose(Faces(boxes, scores, np.array([face.landmarks for face in faces])), shape, which)
    if chosen is None:
        raise SettingError(
            f"{name}: one face is expected and there are {_listed(faces)}; choose with ", "face",
            ("largest", "central"), " or a number",
        )  # fmt: skip
    (box,) = chosen.boxes.tolist()
    return next(face for face in faces if list(face.box) == box)


def _listed(faces: Sequence[Face]) -> str:
    """The sure faces with their numbers, or all where none is sure."""
    numbered = list(enumerate(faces, start=1))
    sure = [(number, face) for number, face in numbered if face.score is None or face.score >= SURE] or numbered
    shown = [f"{number} ({', '.join(f'{edge:.0f}' for edge in face.box)})" for number, face in sure[:_LISTED]]
    more = f" and {len(sure) - _LISTED} more" if len(sure) > _LISTED else ""
    boxes = "its box" if len(sure) == 1 else "their boxes"
    return f"{counted(len(sure), 'face')}, numbered with {boxes} left, top, right, bottom: {', '.join(shown)}{more}"


def _groups(photos: Sequence[NamedPhoto]) -> Iterator[list[NamedPhoto]]:
    group: list[NamedPhoto] = []
    pixels = 0
    for photo in photos:
        group.append(photo)
        pixels += photo.pixels.shape[0] * photo.pixels.shape[1]
        if pixels > _AT_ONCE:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def _placed(photo: NamedPhoto, faces: Faces, spec: InputSpec, probe: MaskProbe | None) -> list[Face]:
    """The detector's faces on the canvas, with mask state and notes."""
    shape = (photo.pixels.shape[0], photo.pixels.shape[1])
    found = []
    for number in np.argsort(faces.boxes[:, 0], kind="stable").tolist():
        box, landmarks = (np.asarray(part[number], np.float64) for part in (faces.boxes, faces.landmarks))
        try:
            image, _ = pixels_on_canvas(photo.pixels, landmarks, spec.size, spec.alignment, box)
        except (ValueError, cv2.error):  # in the border that the detector adds, or of points that coincide: not a face
            continue
        score = float(faces.scores[number])
        left, top, right, bottom = box.tolist()
        notes = notes_on(landmarks, box, score, shape, image, spec.alignment)
        found.append(Face((left, top, right, bottom), landmarks, score, image, notes=notes))
    return found if probe is None or not found else _with_mask_states(found, probe)


def _with_mask_states(faces: Sequence[Face], probe: MaskProbe) -> list[Face]:
    chances = probe.probability(np.stack([face.image for face in faces])).tolist()
    return [
        replace(face, mask_probability=chance, masked=mask_state(chance))
        for face, chance in zip(faces, chances, strict=True)
    ]
