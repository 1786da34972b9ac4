"""The CSV and the contact sheet of faces grouped by person."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maskrec.base.words import counted
from maskrec.inference.galleries.face_groups import FaceGroups
from maskrec.inference.galleries.folder_faces import FolderFace
from maskrec.preparation.contact_sheets import Section, draw_sheet
from maskrec.preparation.contact_sheets.tiles import Tile, fit

COLUMNS = (
    "photo", "face", "left", "top", "right", "bottom", "score", "masked", "group", "faces_in_group", "nearest_photo",
    "nearest_face", "distance", "margin", "not_compared",
)  # fmt: skip
_GROUPS, _FACES, _OTHERS = 100, 24, 96  # most that are shown: groups, faces of each, faces of no group
_SIZE, _ROW = 104, 12  # pixels of a face, faces in a row


@dataclass(frozen=True, slots=True, eq=False)
class GroupedFolder:
    """What is written.

    Args:
        folder: of the photos, as it was named.
        names: of the photos, below the folder.
        faces: all faces that were found.
        compared: those that were compared, in the same order.
        groups: of those.
    """

    folder: str
    names: Sequence[str]
    faces: Sequence[FolderFace]
    compared: Sequence[FolderFace]
    groups: FaceGroups

    def members(self) -> list[list[int]]:
        """Places in ``compared`` of each group's faces, the largest group first."""
        labels = self.groups.labels
        return [np.flatnonzero(labels == number).tolist() for number in range(int(labels.max(initial=-1)) + 1)]

    def counts(self) -> str:
        """How many faces were found and compared, and what they were grouped into."""
        sizes = [len(each) for each in self.members()]
        several = [size for size in sizes if size > 1]
        poor = len(self.faces) - len(self.compared)
        return (
            f"{counted(len(self.faces), 'face')} of {counted(len(self.names), 'file')}"
            f"{f', {poor:,} of them not compared' if poor else ''}: {counted(len(several), 'group')} of "
            f"{counted(sum(several), 'face')}, {counted(len(sizes) - len(several), 'face')} like no other"
        )

    def table(self) -> str:
        """A CSV with a row a face, as they are in the photos; groups count from 1."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        places = {id(face): place for place, face in enumerate(self.compared)}
        sizes = [len(group) for group in self.members()]
        for face in self.faces:
            writer.writerow([*self._found(face), *self._grouped(places.get(id(face)), sizes), face.poor])
        return text.getvalue()

    def sheet(self) -> tuple[bytes, set[str]]:
        """A PNG of the groups, and the characters that no installed font has."""
        members = self.members()
        several = [group for group in members if len(group) > 1]
        alone = [group[0] for group in members if len(group) == 1]
        poor = [face for face in self.faces if face.poor]
        heading = f"{self.folder}: {self.counts()}"
        return draw_sheet(heading, [*self._sections(several), *self._others(alone, poor)], _SIZE, _ROW)

    def _found(self, face: FolderFace) -> list[object]:
        box = [f"{edge:.1f}" for edge in face.face.box]
        score = "" if face.face.score is None else f"{face.face.score:.4f}"
        worn = {True: "1", False: "0", None: ""}[face.face.masked]
        return [self.names[face.photo], face.number, *box, score, worn]

    def _grouped(self, place: int | None, sizes: Sequence[int]) -> list[object]:
        if place is None:
            return [""] * 6
        groups = self.groups
        number, near = int(groups.labels[place]), int(groups.nearest[place])
        if near < 0:
            return [number + 1, sizes[number], "", "", "", ""]
        other = self.compared[near]
        distance, margin = (f"{float(values[place]):.4f}" for values in (groups.distances, groups.margins))
        return [number + 1, sizes[number], self.names[other.photo], other.number, distance, margin]

    def _sections(self, several: Sequence[Sequence[int]]) -> Iterator[Section]:
        for number, group in enumerate(several[:_GROUPS], start=1):
            photos = len({self.compared[place].photo for place in group})
            shown = f", {_FACES} are shown" if len(group) > _FACES else ""
            title = f"group {number}: {counted(len(group), 'face')} in {counted(photos, 'photo')}{shown}"
            yield Section(title, [self._tile(place) for place in group[:_FACES]])
        if len(several) > _GROUPS:
            yield Section(f"{counted(len(several) - _GROUPS, 'group')} more in the table", [])

    def _others(self, alone: Sequence[int], poor: Sequence[FolderFace]) -> Iterator[Section]:
        if alone:
            shown = [self._tile(place) for place in alone[:_OTHERS]]
            yield Section(_of("faces like no other", len(shown), len(alone)), shown)
        if poor:
            tiles = [self._picture(face, (face.poor,)) for face in poor[:_OTHERS]]
            yield Section(_of("faces that were not compared", len(tiles), len(poor)), tiles)

    def _tile(self, place: int) -> Tile:
        near = int(self.groups.nearest[place])
        lines = () if near < 0 else (f"nearest {float(self.groups.distances[place]):.2f}",)
        return self._picture(self.compared[place], lines)

    def _picture(self, face: FolderFace, lines: tuple[str, ...]) -> Tile:
        picture, *_ = fit(face.face.image, _SIZE)
        name = self.names[face.photo].rpartition("/")[2]
        return Tile(picture, name if face.number == 1 else f"{name} face {face.number}", lines)


def _of(what: str, shown: int, every: int) -> str:
    return f"{what}: {every:,}" if shown == every else f"{what}: {shown:,} of {every:,}"
