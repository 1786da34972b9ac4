"""A contact sheet as one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from maskrec.base.errors import UsageError
from maskrec.preparation.contact_sheets.text import Lettering
from maskrec.preparation.contact_sheets.tiles import BACKGROUND, Section, Tile

MARGIN = 16
GAP = 8
LINES = 3  # at most: of the heading, and below a picture beside its title
MOST_PIXELS = 120_000_000
_INK, _FAINT, _PAPER = (24, 24, 24), (96, 96, 96), (255, 255, 255)


def draw_sheet(heading: str, sections: Sequence[Section], size: int, columns: int) -> tuple[bytes, set[str]]:
    """The sheet as a PNG file.

    Args:
        heading: at the top.
        sections: with their tiles.
        size: side of a tile's picture in pixels.
        columns: tiles in a row.

    Returns:
        The file's bytes, and the characters that no installed font has (they appear as ``[HEX]``).

    Raises:
        UsageError: the sheet has more than ``MOST_PIXELS``.
    """
    text = max(11, min(14, size // 9))
    columns = min(columns, max(4, *(len(section.tiles) for section in sections)))
    pen = _Pen(size, columns, Lettering(text), Lettering(text, bold=True), Lettering(text + 6, bold=True))
    width = 2 * MARGIN + columns * size + (columns - 1) * GAP
    words = pen.large.wrap(heading, width - 2 * MARGIN, LINES)
    edges = MARGIN + pen.heading_height + (len(words) - 1) * pen.heading_line + MARGIN
    # Wrapping the words takes long; the pictures alone may be too many.
    _refuse_large(width, edges + sum(pen.least_height(section) for section in sections), "at least ")
    layouts = [pen.layout(section) for section in sections]
    height = edges + sum(sum(rows) + pen.title_height for rows in layouts)
    _refuse_large(width, height)
    image = Image.new("RGB", (width, height), _PAPER)
    pen.paint(ImageDraw.Draw(image), image, words, sections, layouts)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue(), pen.small.missing | pen.bold.missing | pen.large.missing


def _refuse_large(width: int, height: int, at_least: str = "") -> None:
    if width * height > MOST_PIXELS:
        message = f"the sheet would have {at_least}{width} x {height} pixels; use a smaller --number or --size"
        raise UsageError(message)


class _Pen:
    def __init__(self, size: int, columns: int, small: Lettering, bold: Lettering, large: Lettering) -> None:
        self.size, self.columns = size, columns
        self.small, self.bold, self.large = small, bold, large
        self.line = small.size + 4
        self.heading_height, self.heading_line = large.size + 18, large.size + 6
        self.title_height = large.size + 22

    def least_height(self, section: Section) -> int:
        """The height of a section without any words below its pictures."""
        rows = -(-len(section.tiles) // self.columns)
        return self.title_height + rows * (self.size + 4 + GAP)

    def layout(self, section: Section) -> list[int]:
        """The height of each row of tiles."""
        rows = [section.tiles[i : i + self.columns] for i in range(0, len(section.tiles), self.columns)]
        return [self.size + 4 + max(len(self._words(tile)) for tile in row) * self.line + GAP for row in rows]

    def _words(self, tile: Tile) -> list[tuple[Lettering, str]]:
        words = [(self.bold, line) for line in self.bold.wrap(tile.title, self.size, 2)]
        for number, line in enumerate(tile.lines):
            middle = tile.named and number == 0
            words += [(self.small, part) for part in self.small.wrap(line, self.size, LINES, middle)]
        return words

    def paint(
        self,
        draw: ImageDraw.ImageDraw,
        image: Image.Image,
        heading: Sequence[str],
        sections: Sequence[Section],
        layouts: Sequence[Sequence[int]],
    ) -> None:
        width = image.width - 2 * MARGIN
        for number, line in enumerate(heading):
            self.large.draw(draw, (MARGIN, MARGIN + number * self.heading_line), line, _INK)
        y = MARGIN + self.heading_height + (len(heading) - 1) * self.heading_line
        for section, rows in zip(sections, layouts, strict=True):
            draw.line((MARGIN, y, MARGIN + width, y), fill=(BACKGROUND - 30,) * 3)
            self.large.draw(draw, (MARGIN, y + 8), self.large.cut(section.title, width), _INK)
            y += self.title_height
            for number, height in enumerate(rows):
                row = section.tiles[number * self.columns : (number + 1) * self.columns]
                for column, tile in enumerate(row):
                    self._tile(draw, image, tile, MARGIN + column * (self.size + GAP), y)
                y += height

    def _tile(self, draw: ImageDraw.ImageDraw, image: Image.Image, tile: Tile, x: int, y: int) -> None:
        if tile.picture is None:
            draw.rectangle((x, y, x + self.size - 1, y + self.size - 1), fill=(BACKGROUND,) * 3)
            draw.line((x, y, x + self.size - 1, y + self.size - 1), fill=(200, 200, 200), width=2)
            draw.line((x, y + self.size - 1, x + self.size - 1, y), fill=(200, 200, 200), width=2)
        else:
            image.paste(Image.fromarray(tile.picture), (x, y))
        y += self.size + 4
        for lettering, words in self._words(tile):
            lettering.draw(draw, (x, y), words, _INK if lettering is self.bold else _FAINT)
            y += self.line
