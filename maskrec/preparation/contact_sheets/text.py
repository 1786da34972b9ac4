"""Text in pictures: fonts that have its characters, and no characters that could mislead a viewer."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from PIL import ImageDraw, ImageFont

from maskrec.base.console import escaped


class Lettering:
    """Draws text in DejaVu Sans, which comes with matplotlib, or in an installed font for characters that it lacks.

    Args:
        size: of the characters in pixels.
        bold: whether the text is bold.
    """

    def __init__(self, size: int, bold: bool = False) -> None:
        import matplotlib

        folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.size = size
        self.main = str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
        self.missing: set[str] = set()

    def draw(
        self, draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, fill: tuple[int, int, int]
    ) -> None:
        """Draw text with its top left corner at a place, in runs of one font each."""
        x, y = place
        for font, run in self._runs(escaped(text)):
            draw.text((x, y + self.size), run, font=font, fill=fill, anchor="ls")
            x += font.getlength(run)

    def width(self, text: str) -> float:
        """The width of the text in pixels."""
        return float(sum(font.getlength(run) for font, run in self._runs(escaped(text))))

    def cut(self, text: str, width: float) -> str:
        """The text, cut to a width with an ellipsis where it is longer."""
        text = escaped(text)
        if self.width(text) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(text[:middle] + "…") <= width else (low, middle - 1)
        return text[:low].rstrip() + "…"

    def wrap(self, text: str, width: float, most: int) -> list[str]:
        """The text on at most ``most`` lines, broken at spaces and underscores where possible, else anywhere."""
        lines: list[str] = []
        rest = escaped(text)
        while rest and len(lines) < most - 1 and self.width(rest) > width:
            end = len(self.cut(rest, width)) - 1
            breaks = [place for place in range(end // 4, end) if rest[place] in " _/-"]
            end = breaks[-1] + 1 if breaks else max(1, end)
            lines.append(rest[:end].rstrip())
            rest = rest[end:].lstrip()
        return [*lines, self.cut(rest, width)] if rest else lines

    def _runs(self, text: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        runs: list[tuple[str, str]] = []
        for character in text:
            path = self._font_of(character)
            if path is None:
                self.missing.add(character)
                path, character = self.main, f"[{ord(character):X}]"
            if runs and runs[-1][0] == path:
                runs[-1] = (path, runs[-1][1] + character)
            else:
                runs.append((path, character))
        return [(_open(path, self.size), run) for path, run in runs]

    def _font_of(self, character: str) -> str | None:
        # Marks and joiners belong to the preceding character; the main font has them all.
        if ord(character) in _letters(self.main) or unicodedata.combining(character):
            return self.main
        return next((path for path in _other_fonts() if ord(character) in _letters(path)), None)


@lru_cache(maxsize=64)
def _open(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=1)
def _other_fonts() -> tuple[str, ...]:
    """The machine's fonts that can be opened, by name, so that the same machine draws the same."""
    from matplotlib import font_manager

    usable = []
    for path in sorted(font_manager.findSystemFonts()):
        try:
            ImageFont.truetype(path, 12).getlength("a")
        except (OSError, ValueError):
            continue  # bitmap and damaged fonts
        usable.append(path)
    return tuple(usable)


@lru_cache(maxsize=256)
def _letters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (RuntimeError, OSError):
        return frozenset()
