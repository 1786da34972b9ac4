"""The tiles of a contact sheet: a picture, and its identity or reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.images.decoding import decode_image
from maskrec.preparation.contact_sheets.selection import Choice, choose, choose_rejected, find_items
from maskrec.preparation.face_sets import FaceSet
from maskrec.preparation.resumable.outcome import Rejected
from maskrec.preparation.sources.photo_source import Source

BACKGROUND = 236
_COLOURS = ((255, 64, 64), (64, 160, 255), (64, 220, 96), (255, 200, 0), (230, 90, 230))


@dataclass(frozen=True, slots=True)
class Tile:
    """One face or photo.

    Args:
        picture: uint8 RGB ``(size, size, 3)``; None where it cannot be shown.
        title: the identity, or the reason for the rejection.
        lines: further text.
        named: whether the first of these lines is a photo's name, of which the end matters too; the others are
            sentences, which begin with what matters.
    """

    picture: NDArray[np.uint8] | None
    title: str
    lines: tuple[str, ...]
    named: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Tiles of one kind.

    Args:
        title: of the section, with numbers.
        tiles: in order.
    """

    title: str
    tiles: Sequence[Tile]


def make_sections(
    faces: FaceSet, rejected: Sequence[Rejected], source: Source | None, choice: Choice, size: int, points: bool
) -> list[Section]:
    """The sections that have something to show.

    Args:
        faces: the set.
        rejected: photos that gave no face.
        source: their source; None omits them.
        choice: what to show.
        size: side of a tile's picture in pixels.
        points: whether landmarks are drawn.

    Raises:
        UsageError: there is nothing to show, or there are no landmarks to draw.
    """
    if points and faces.landmarks is None:
        raise UsageError(f"--landmarks: {faces.path} has none; `maskrec data align` finds them")
    sections = []
    for name, chosen in choose(faces, choice).items():
        tiles = [_face(faces, index, size, points) for index in chosen]
        if tiles:
            sections.append(Section(f"{_TITLES[name]}: {len(tiles):,} of {_count(faces, name):,}", tiles))
    if source is not None and "rejected" in choice.sections and rejected:
        some = choose_rejected(rejected, choice)
        items = find_items(some, source)
        tiles = [_rejected(one, item, source, size) for one, item in zip(some, items, strict=True)]
        sections.append(Section(f"{_TITLES['rejected']}: {len(tiles):,} of {len(rejected):,}", tiles))
    if not any(section.tiles for section in sections):
        raise UsageError(f"{faces.path}: there is nothing to show for these options")
    return sections


_TITLES = {"bare": "Bare faces", "masked": "Masked faces", "rejected": "Rejected photos"}


def _count(faces: FaceSet, section: str) -> int:
    masked = int(faces.masked.sum()) if faces.masked is not None else 0
    return masked if section == "masked" else len(faces) - masked


def _face(faces: FaceSet, index: int, size: int, points: bool) -> Tile:
    lines = []
    if faces.masked is not None and faces.masked[index]:
        kind = faces.mask_types[index] if faces.mask_types is not None else ""
        lines.append(kind or "masked")
    tile = Tile(None, faces.people[index] or "(nobody)", tuple(lines))
    name = faces.photo(index)
    try:
        pixels = decode_image(faces.read(index), name)
    except UsageError as error:
        return replace(tile, lines=(*lines, _reason(error, name)))
    picture, scale, corner = fit(pixels, size)
    if points and faces.landmarks is not None and np.isfinite(faces.landmarks[index]).all():
        draw_points(picture, (faces.landmarks[index].astype(np.float64) + 0.5) * scale - 0.5 + corner)
    return replace(tile, picture=picture)


def _rejected(one: Rejected, item: object, source: Source, size: int) -> Tile:
    tile = Tile(None, one.reason, (one.source, one.detail.removeprefix(f"{one.source}: ")), named=True)
    if item is None:
        return replace(tile, lines=(*tile.lines, f"no longer in {source.path}"))
    try:
        pixels = decode_image(source.read(item), one.source)  # type: ignore[arg-type]
    except UsageError:
        return tile
    return replace(tile, picture=fit(pixels, size)[0])


def _reason(error: UsageError, name: str) -> str:
    return str(error).removeprefix(f"{name}: ").split("; ")[0]


def fit(pixels: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], float, NDArray[np.float64]]:
    """The whole photo in the middle of a gray square.

    Returns:
        uint8 RGB ``(size, size, 3)``; the scale; and the photo's corner in the square, x and y in pixels.
    """
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(pixels, (wide, high), interpolation=method)
    left, top = (size - wide) // 2, (size - high) // 2
    square = np.full((size, size, 3), BACKGROUND, np.uint8)
    square[top : top + high, left : left + wide] = small
    return square, scale, np.array([left, top], np.float64)


def draw_points(picture: NDArray[np.uint8], points: NDArray[np.float64]) -> None:
    """Five dots in place: left eye red, right eye blue, nose green, mouth corners yellow and violet."""
    radius = max(1.5, picture.shape[0] / 56)
    for (x, y), colour in zip(points, _COLOURS, strict=True):
        centre = (round(float(np.clip(x, -99, 9999)) * 16), round(float(np.clip(y, -99, 9999)) * 16))
        cv2.circle(picture, centre, round((radius + 1) * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.circle(picture, centre, round(radius * 16), colour, -1, cv2.LINE_AA, 4)
