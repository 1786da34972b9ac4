"""``data align``: the faces of any photos, aligned to one canvas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.detection.cascade import Faces
from maskrec.detection.face_choice import Choice, choose, tell_apart
from maskrec.detection.find_faces import find_faces
from maskrec.faces.alignment import arcface_template, move_points, similarity_transform
from maskrec.faces.landmarks import landmark_fault
from maskrec.images.canvas import Fill, box_from_landmarks, cut_box, warp
from maskrec.images.decoding import decode_image
from maskrec.images.encoding import Format, encode_image
from maskrec.images.face_columns import columns_of, landmark_cells
from maskrec.images.photos import is_text
from maskrec.preparation.aligning.other_settings import differ, only_adds
from maskrec.preparation.resumable.job import Job
from maskrec.preparation.resumable.outcome import Outcome, Rejected
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Reader, Source

Pixels = NDArray[np.uint8]

COMMAND = "data align"
COLUMNS = columns_of("path", "target", "identity", "source", "landmarks", "score")
_MASK_COLUMNS = columns_of("masked", "mask_type")
_AT_ONCE = 50_000_000  # pixels of decoded photos held in memory


@dataclass(frozen=True, slots=True)
class AlignSettings:
    """Everything that determines what aligned faces look like, apart from the photos.

    Args:
        size: side of the canvas in pixels.
        alignment: ``arcface`` (landmarks to the template) or ``box`` (the detector's box with facenet's margin).
        margin: margin around the template, as a share of its side, on every side; for ``arcface``.
        fill: how pixels beyond the photo are filled, ``black`` or its ``edge`` repeated; for ``arcface``.
        choice: which face to use; see ``face_choice.choose``.
        min_face: side of the smallest face in pixels; None: a fifth of the photo's shorter side.
        detect: whether faces are detected even where the source gives landmarks.
        format: of the files.
        quality: of JPEG files, 1 to 100.
    """

    size: int = 112
    alignment: Literal["arcface", "box"] = "arcface"
    margin: float = 0.0
    fill: Fill = "black"
    choice: Choice = "only"
    min_face: float | None = None
    detect: bool = False
    format: Format = "jpg"
    quality: int = 95

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 2048:
            raise UsageError(f"--size {self.size}: must be 16 to 2048 pixels")
        if not 0.0 <= self.margin <= 2.0:
            raise UsageError(f"--margin {self.margin}: must be a share from 0 to 2")
        if self.margin and self.alignment == "box":
            raise UsageError("--margin applies to alignment by landmarks; --box uses facenet's own margin")
        if self.fill != "black" and self.alignment == "box":
            raise UsageError("--fill applies to alignment by landmarks; a box is cut where the photo ends")
        if self.min_face is not None and not self.min_face >= 12:
            raise UsageError(
                f"--min-face {self.min_face}: must be at least 12 pixels, because smaller faces are not found"
            )
        if not 1 <= self.quality <= 100:
            raise UsageError(f"--quality {self.quality}: must be 1 to 100")

    def as_dict(self) -> dict[str, Any]:
        """For ``work.json``."""
        values = {**asdict(self), "detector": "MTCNN of facenet-pytorch 2.5.3"}
        if self.format == "png":
            del values["quality"]
        return values


@dataclass(frozen=True)
class AlignFaces:
    """Aligns a group of photos.

    Args:
        reader: reads their files.
        settings: how they are aligned.
        device: where faces are detected; ``auto``: a GPU if there is one.
    """

    reader: Reader
    settings: AlignSettings
    device: str = "auto"

    def __call__(self, items: Sequence[Item], names: Sequence[str]) -> Outcome:
        """Each photo's face, or why it has none: not a photo, unreadable, no identity, no face, several, bad
        landmarks."""
        outcome = Outcome()
        named = dict(zip((item.key for item in items), names, strict=True))
        for batch in self._batches(items, outcome):
            found = self._found(batch)
            for item, photo in batch:
                faces = self._meant(item, photo, found[item.key])
                if isinstance(faces, Rejected):
                    outcome.rejected.append(faces)
                else:
                    self._write(item, photo, faces, named[item.key], outcome)
        return outcome

    def _batches(self, items: Sequence[Item], outcome: Outcome) -> Iterator[list[tuple[Item, Pixels]]]:
        """Decoded photos, as many at a time as fit in memory: where a group is cut depends on the group alone."""
        batch: list[tuple[Item, Pixels]] = []
        pixels = 0
        for item in items:
            photo = self._decoded(item)
            if isinstance(photo, Rejected):
                outcome.rejected.append(photo)
                continue
            batch.append((item, photo))
            pixels += photo.shape[0] * photo.shape[1]
            if pixels > _AT_ONCE:
                yield batch
                batch, pixels = [], 0
        if batch:
            yield batch

    def _decoded(self, item: Item) -> Pixels | Rejected:
        content = b""
        try:
            content = self.reader(item)
            if item.identity:
                return decode_image(content, item.key)
            said = "no identity: move the photo to a person's folder, or name it NAME_0001 (not as a camera: IMG_0001)"
            fault = "no_identity", f"{item.key}: {said}"
        except UsageError as error:
            fault = "unreadable", str(error)
        if is_text(item.key, content):
            fault = "not_a_photo", f"{item.key}: a text file, not a photo; it may stay there"
        return Rejected(item.key, *fault)

    def _found(self, batch: Sequence[tuple[Item, Pixels]]) -> Mapping[str, Faces]:
        """Faces by key: given by the source, or detected."""
        searched = [(item, photo) for item, photo in batch if self.settings.detect or item.landmarks is None]
        found = find_faces([photo for _, photo in searched], self.settings.min_face, self.device) if searched else []
        given = {item.key: _given(item) for item, _ in batch if item.landmarks is not None}
        return given | {item.key: faces for (item, _), faces in zip(searched, found, strict=True)}

    def _meant(self, item: Item, photo: Pixels, faces: Faces) -> Faces | Rejected:
        if not len(faces):
            return Rejected(item.key, "no_face", f"{item.key}: no face was found; try a smaller --min-face")
        if item.landmarks is not None and not self.settings.detect:
            fault = landmark_fault(faces.landmarks[0], photo.shape[1], photo.shape[0])
            if fault:
                return Rejected(item.key, "bad_landmarks", f"{item.key}: {fault}; --detect finds new ones")
        chosen = choose(faces, photo.shape[:2], self.settings.choice)
        if chosen is None:
            reason = f"{item.key}: {tell_apart(faces)}; choose with --largest, --central or --all"
            return Rejected(item.key, "several_faces", reason)
        return chosen

    def _write(self, item: Item, photo: Pixels, faces: Faces, name: str, outcome: Outcome) -> None:
        files, rows = [], []
        for number in range(len(faces)):
            suffix = f"_face{number + 1}" if self.settings.choice == "all" else ""
            path = f"{name}{suffix}.{self.settings.format}"
            try:
                pixels, matrix = self._canvas(photo, faces.landmarks[number], faces.boxes[number])
            except (ValueError, cv2.error) as error:
                outcome.rejected.append(Rejected(item.key, "bad_landmarks", f"{item.key}: {error}"))
                return
            files.append((path, encode_image(pixels, self.settings.format, self.settings.quality)))
            moved = np.round(move_points(faces.landmarks[number], matrix), 2).ravel().tolist()
            rows.append(_row(item, path, moved, float(faces.scores[number])))
        outcome.files.extend(files)
        outcome.rows.extend(rows)

    def _canvas(self, photo: Pixels, landmarks: NDArray[Any], box: NDArray[Any]) -> tuple[Pixels, NDArray[np.float64]]:
        size = self.settings.size
        if self.settings.alignment == "box":
            return cut_box(photo, np.asarray(box, np.float64), size)
        matrix = similarity_transform(landmarks, looser(arcface_template(size), size, self.settings.margin))
        return warp(photo, matrix, (size, size), self.settings.fill), matrix


def looser(template: NDArray[np.float64], size: int, margin: float) -> NDArray[np.float64]:
    """The template's points with ``margin`` of its side added around it: scaled down about the canvas's centre."""
    centre = (size - 1) / 2.0
    return (template - centre) / (1.0 + 2.0 * margin) + centre


def _given(item: Item) -> Faces:
    """A face that the source gives; it has no detector score."""
    points = np.array(item.landmarks, np.float64).reshape(1, 5, 2)
    box = box_from_landmarks(points[0]) if item.box is None else np.array(item.box, np.float64)
    return Faces(box[None], np.full(1, np.nan), np.round(points, 2))


def _row(item: Item, path: str, landmarks: Sequence[float], score: float) -> dict[str, str]:
    columns = {"path": path, "identity": item.identity, "source": item.key, **landmark_cells(landmarks)}
    score_cell = "" if np.isnan(score) else f"{score:.4f}"
    return {**columns, "score": score_cell, "masked": str(int(item.masked)), "mask_type": item.mask_type}


def aligning(
    source: Source, destination: Path, settings: AlignSettings, tars: bool = False, device: str = "auto"
) -> Job:
    """The job of aligning a source; the source's mask columns are passed on.

    Raises:
        UsageError: a GPU is requested and the machine has none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine has no usable CUDA device; remove --device, or use cpu")
    process = AlignFaces(source.reader, settings, device)
    columns = COLUMNS if source.items.masked is None else (*COLUMNS, *_MASK_COLUMNS)
    return Job(destination, COMMAND, settings.as_dict(), columns, source, process, tars, only_adds, differ)
