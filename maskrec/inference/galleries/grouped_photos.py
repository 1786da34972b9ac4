"""``maskrec.group_photos``: the unknown faces of photos, grouped by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskrec.base.console import escaped
from maskrec.base.csv_writing import csv_text
from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.inference.galleries.face_groups import FaceGroups, group_folder_faces, require_rate
from maskrec.inference.galleries.folder_faces import FolderFace, FolderFaces, faces_of_photos
from maskrec.inference.galleries.photo_folder import photos_in
from maskrec.inference.photos.photo_input import Photo, photos_of

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel
    from maskrec.metrics import Risk

COLUMNS = (
    "photo", "face", "left", "top", "right", "bottom", "score", "masked", "group", "faces_in_group", "nearest_photo",
    "nearest_face", "distance", "margin", "not_compared",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupedPhotos:
    """The faces of photos, grouped by person.

    Args:
        where: the photos are from, in words.
        names: of the photos; a face's ``photo`` is a place in them.
        found: all faces, and what could not be read.
        compared: the faces that were compared, in the same order.
        linked: groups of those.
        far: the false accept rate of a comparison that was asked for.
    """

    where: str
    names: Sequence[str]
    found: FolderFaces
    compared: Sequence[FolderFace]
    linked: FaceGroups
    far: float

    def __repr__(self) -> str:
        return f"GroupedPhotos({self.counts()})"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def groups(self) -> list[list[FolderFace]]:
        """Faces of one person each, the largest group first; who is on one photo only is a group of one."""
        return [[self.compared[place] for place in group] for group in self.members()]

    @property
    def poor(self) -> list[FolderFace]:
        """Faces that were not compared; their ``poor`` says why."""
        return [face for face in self.found.faces if face.poor]

    def members(self) -> list[list[int]]:
        """Places in ``compared`` of each group's faces, the largest group first."""
        labels = self.linked.labels
        return [np.flatnonzero(labels == number).tolist() for number in range(int(labels.max(initial=-1)) + 1)]

    def counts(self) -> str:
        """How many faces were found and compared, and what they were grouped into."""
        sizes = [len(each) for each in self.members()]
        several = [size for size in sizes if size > 1]
        poor = len(self.found.faces) - len(self.compared)
        return (
            f"{counted(len(self.found.faces), 'face')} of {counted(len(self.names), 'file')}"
            f"{f', {poor:,} of them not compared' if poor else ''}: {counted(len(several), 'group')} of "
            f"{counted(sum(several), 'face')}, {counted(len(sizes) - len(several), 'face')} like no other"
        )

    def lines(self) -> Iterator[str]:
        """What was found, and what the rate means for all faces; a line a thing."""
        linked, found = self.linked, self.found
        yield self.counts()
        for name, one in linked.thresholds.items():
            yield (
                f"{name.replace('_', ' ')}: threshold {one.value:.4f}, false accept rate {one.far:.2g}, for other "
                f"people {one.low:.2g} to {one.high:.2g} (95 %)"
            )
        if linked.pairs:
            yield (
                f"{counted(linked.pairs, 'pair')} of faces were compared: at a rate of {self.far:g} at most "
                f"{linked.wrong_merges:.2g} merges of two people are to be expected, if no two are related or twins"
            )
        if reasons := Counter(face.poor for face in self.poor):
            words = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
            yield f"note: {counted(sum(reasons.values()), 'face')} that cannot be compared reliably: {words}"
        if found.empty:
            yield f"note: no face was found in {counted(found.empty, 'photo')}"
        if found.rejected:
            yield f"note: {counted(len(found.rejected), 'file')} cannot be read, first: {escaped(found.rejected[0])}"

    def table(self) -> str:
        """A CSV with a row a face, as they are in the photos; groups count from 1."""
        places = {id(face): place for place, face in enumerate(self.compared)}
        sizes = [len(group) for group in self.members()]
        rows = (
            [*self._found(face), *self._grouped(places.get(id(face)), sizes), face.poor] for face in self.found.faces
        )
        return csv_text(COLUMNS, rows)

    def _found(self, face: FolderFace) -> list[object]:
        box = [f"{edge:.1f}" for edge in face.face.box]
        score = "" if face.face.score is None else f"{face.face.score:.4f}"
        worn = {True: "1", False: "0", None: ""}[face.face.masked]
        return [self.names[face.photo], face.number, *box, score, worn]

    def _grouped(self, place: int | None, sizes: Sequence[int]) -> list[object]:
        if place is None:
            return [""] * 6
        linked = self.linked
        number, near = int(linked.labels[place]), int(linked.nearest[place])
        if near < 0:
            return [number + 1, sizes[number], "", "", "", ""]
        other = self.compared[near]
        distance, margin = (f"{float(values[place]):.4f}" for values in (linked.distances, linked.margins))
        return [number + 1, sizes[number], self.names[other.photo], other.number, distance, margin]


def group_photos(
    photos: Photo | Iterable[Photo],
    model: FaceModel | str | Path | Mapping[str, Any],
    *,
    far: float = 1e-4,
    masked: bool | None = None,
    progress: Callable[[int], None] | None = None,
) -> GroupedPhotos:
    """Find the faces of photos and group them by person.

    Args:
        photos: a folder, whose files are read, also those in folders below it, but not hidden ones; or several photos,
            each as for ``FaceModel.find``.
        model: from ``maskrec.open``, or what that takes.
        far: false accept rate of a comparison of two faces, inside (0, 1).
        masked: whether masks are worn; None: what is seen.
        progress: is called with the number of photos that are done.

    Raises:
        UsageError: not a folder, or one without files; a model without measured error rates, or a rate that their
            people cannot carry; no face that can be compared; a condition that was not measured.
    """
    from maskrec.inference.open_face_model import open_face_model

    if isinstance(photos, (str, Path)):
        folder = Path(photos)
        paths = photos_in(folder)
        given: Sequence[Photo] = paths
        names, where = [path.relative_to(folder).as_posix() for path in paths], str(photos)
    else:
        given, where = list(photos_of(photos).items), "the photos"
        names = [str(each) if isinstance(each, (str, Path)) else f"photos[{i}]" for i, each in enumerate(given)]
    opened = open_face_model(model) if isinstance(model, (str, Path, Mapping)) else model
    risk = risk_of_groups(opened, far)
    found = faces_of_photos(opened, given, progress)
    compared = [face for face in found.faces if not face.poor]
    if not compared:
        first = f"; {found.rejected[0]}" if found.rejected else ""
        raise UsageError(f"{where}: no face that can be compared was found in {counted(len(given), 'file')}{first}")
    return GroupedPhotos(where, names, found, compared, group_folder_faces(compared, risk, far, masked), far)


def risk_of_groups(model: FaceModel, far: float) -> Risk:
    """The error rates that faces are grouped by, before faces are looked for.

    Raises:
        UsageError: none were measured, or the rate is outside (0, 1), or their people cannot carry it.
    """
    if model.decisions.risk is None:
        raise UsageError(
            f"{model.origin} has no measured error rates, so that no distance has a false accept rate; measure them "
            "with `maskrec evaluate MODEL --out FOLDER` and name the folder as the model"
        )
    require_rate(model.decisions.risk, far)
    return model.decisions.risk
