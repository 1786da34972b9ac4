"""A group of photos to embeddings, in any process."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import NoFaceError, SettingError, UsageError, said_on_command_line
from maskrec.faces.landmarks import landmark_fault
from maskrec.images.canvas import box_from_landmarks, pixels_on_canvas
from maskrec.images.decoding import decode_image
from maskrec.images.photos import is_text
from maskrec.inference.face_model import FaceModel
from maskrec.inference.open_face_model import open_face_model
from maskrec.inference.photos.face_finding import WhichFace
from maskrec.inference.photos.found_face import Face
from maskrec.inference.photos.intended_faces import FaceSource
from maskrec.inference.photos.photo_input import NamedPhoto
from maskrec.preparation.resumable.finishing import pack_record
from maskrec.preparation.resumable.job_folder import PARTS, JobFolder
from maskrec.preparation.resumable.outcome import Rejected
from maskrec.preparation.resumable.worker_pool import Count, Task
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Reader

_AT_ONCE = 50_000_000  # pixels of decoded photos held in memory


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model as each process opens it.

    Args:
        where: as ``maskrec.open`` takes it; a map as its sorted items.
        checkpoint: of a run.
        device: where it computes.
        plugins: files that declare components.
        data_root: what a backbone's paths are relative to.
        installed: whether installed plugins are loaded.
    """

    where: str | tuple[tuple[str, Any], ...]
    checkpoint: Literal["best", "last"] = "best"
    device: str = "auto"
    plugins: tuple[Path, ...] = ()
    data_root: Path = Path()
    installed: bool = True


@lru_cache(maxsize=1)
def opened_model(settings: ModelSettings) -> FaceModel:
    """This process's model."""
    from maskrec.plugin.host import discover

    where = settings.where if isinstance(settings.where, str) else dict(settings.where)
    return open_face_model(
        where,
        checkpoint=settings.checkpoint,
        device=settings.device,
        data_root=settings.data_root,
        catalog=discover(settings.plugins, plugins=settings.installed),
    )


@dataclass(frozen=True)
class EmbedGroup:
    """Embeds a group and records it.

    Args:
        folder: of the unfinished work.
        reader: reads the photos' files.
        model: opened by each process.
        aligned: whether the photos are aligned faces already.
        face: which face of a photo with several.
        detect: whether faces are detected even where the source has landmarks.
    """

    folder: Path
    reader: Reader
    model: ModelSettings
    aligned: bool = False
    face: WhichFace = "only"
    detect: bool = False

    def __call__(self, task: Task) -> Count:
        """Write the group's rows, then its record: a group without a record is done again."""
        model = opened_model(self.model)
        parts = JobFolder(self.folder)
        rows: list[NDArray[np.float32]] = []
        described: list[dict[str, str]] = []
        rejected: list[Rejected] = []
        for batch in self._batches(task.items, rejected):
            kept = []
            for (item, _), face in zip(batch, self._faces(model, batch), strict=True):
                if isinstance(face, Face):
                    kept.append(face.image)
                    described.append(_row(item, face))
                else:
                    rejected.append(face)
            if kept:
                rows.append(model.unit_rows(np.stack(kept)))
        content = np.concatenate(rows).astype("<f4").tobytes() if rows else b""
        parts.place(parts.data_path(task.group), content)
        file = [f"{PARTS}/{parts.data_path(task.group).name}", len(content), zlib.crc32(content)]
        refused = [[one.source, one.reason, one.detail] for one in rejected]
        record = {"files": [file], "rows": described, "rejected": refused}
        parts.place(parts.record_path(task.group), pack_record(record))
        return Count(len(task.items), len(described), len(rejected))

    def _batches(self, items: Sequence[Item], rejected: list[Rejected]) -> Iterator[Sequence[tuple[Item, NamedPhoto]]]:
        """Decoded photos, as many at a time as fit in memory: where a group is cut depends on the group alone."""
        batch: list[tuple[Item, NamedPhoto]] = []
        pixels = 0
        for item in items:
            content = b""
            try:
                content = self.reader(item)
                photo = NamedPhoto(decode_image(content, item.key), item.key)
            except UsageError as error:
                reason = "not_a_photo" if is_text(item.key, content) else "unreadable"
                rejected.append(Rejected(item.key, reason, str(error)))
                continue
            batch.append((item, photo))
            pixels += photo.pixels.shape[0] * photo.pixels.shape[1]
            if pixels > _AT_ONCE:
                yield batch
                batch, pixels = [], 0
        yield batch

    def _faces(self, model: FaceModel, batch: Sequence[tuple[Item, NamedPhoto]]) -> list[Face | Rejected]:
        """Each photo's intended face: by its landmarks where the source has them, else found."""
        source = FaceSource(model.spec, model.decisions.probe, model.device)
        given = [not self.aligned and not self.detect and item.landmarks is not None for item, _ in batch]
        searched = [photo for (_, photo), by_source in zip(batch, given, strict=True) if not by_source]
        found = iter(source.intended(searched, self.aligned, self.face))
        return [
            _by_landmarks(source, item, photo) if by_source else _face_or_reason(item, next(found))
            for (item, photo), by_source in zip(batch, given, strict=True)
        ]


def _face_or_reason(item: Item, found: Face | UsageError) -> Face | Rejected:
    if isinstance(found, Face):
        return found
    reason = "no_face" if isinstance(found, NoFaceError) else "no_embedding"
    if isinstance(found, SettingError):
        reason = {"face": "several_faces", "aligned": "not_aligned"}.get(found.name, reason)
    return Rejected(item.key, reason, said_on_command_line(found))


def _by_landmarks(source: FaceSource, item: Item, photo: NamedPhoto) -> Face | Rejected:
    points = np.array(item.landmarks, np.float64).reshape(5, 2)
    box = box_from_landmarks(points) if item.box is None else np.array(item.box, np.float64)
    if fault := landmark_fault(points, photo.pixels.shape[1], photo.pixels.shape[0]):
        return Rejected(item.key, "bad_landmarks", f"{item.key}: {fault}; --detect finds new ones")
    try:
        pixels, _ = pixels_on_canvas(photo.pixels, points, source.spec.size, source.spec.alignment, box)
    except (ValueError, cv2.error) as error:
        return Rejected(item.key, "bad_landmarks", f"{item.key}: cannot be placed on the canvas: {error}")
    chance = None if source.probe is None else float(source.probe.probability(pixels[None])[0])
    left, top, right, bottom = box.tolist()
    return Face((left, top, right, bottom), points, None, pixels, chance)


def _row(item: Item, face: Face) -> dict[str, str]:
    """What the CSV says of a row."""
    left, top, right, bottom = (f"{side:.2f}" for side in face.box)
    score = "" if face.score is None else f"{face.score:.4f}"
    mask = "" if face.mask_probability is None else f"{face.mask_probability:.4f}"
    place = {"left": left, "top": top, "right": right, "bottom": bottom}
    return {"path": item.key, "identity": item.identity, "source": item.key, **place, "score": score, "mask": mask}
