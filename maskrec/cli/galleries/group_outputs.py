"""The contact sheet of faces grouped by person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maskrec.base.words import counted
from maskrec.inference.galleries.folder_faces import FolderFace
from maskrec.inference.galleries.grouped_photos import GroupedPhotos
from maskrec.preparation.contact_sheets import Section, draw_sheet
from maskrec.preparation.contact_sheets.tiles import Tile, fit

_GROUPS, _FACES, _OTHERS = 100, 24, 96  # most that are shown: groups, faces of each, faces of no group
_SIZE, _ROW = 104, 12  # pixels of a face, faces in a row


class GroupSheet:
    """Draws the groups.

    Args:
        grouped: the faces.
    """

    def __init__(self, grouped: GroupedPhotos) -> None:
        self.grouped = grouped

    def draw(self) -> tuple[bytes, set[str]]:
        """A PNG of the groups, and the characters that no installed font has."""
        grouped = self.grouped
        members = grouped.members()
        several = [group for group in members if len(group) > 1]
        alone = [group[0] for group in members if len(group) == 1]
        heading = f"{grouped.where}: {grouped.counts()}"
        return draw_sheet(heading, [*self._sections(several), *self._others(alone, grouped.poor)], _SIZE, _ROW)

    def _sections(self, several: Sequence[Sequence[int]]) -> Iterator[Section]:
        for number, group in enumerate(several[:_GROUPS], start=1):
            photos = len({self.grouped.compared[place].photo for place in group})
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
        linked = self.grouped.linked
        near = int(linked.nearest[place])
        lines = () if near < 0 else (f"nearest {float(linked.distances[place]):.2f}",)
        return self._picture(self.grouped.compared[place], lines)

    def _picture(self, face: FolderFace, lines: tuple[str, ...]) -> Tile:
        picture, *_ = fit(face.face.image, _SIZE)
        name = self.grouped.names[face.photo].rpartition("/")[2]
        return Tile(picture, name if face.number == 1 else f"{name} face {face.number}", lines)


def _of(what: str, shown: int, every: int) -> str:
    return f"{what}: {every:,}" if shown == every else f"{what}: {shown:,} of {every:,}"
