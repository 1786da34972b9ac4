"""Text in pictures: fonts that have its characters, and no characters that could mislead a viewer."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
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
        """The text; a longer one loses its middle to an ellipsis: a path's end has the photo's name and number."""
        return _shortened(escaped(text), lambda shorter: self.width(shorter) <= width)

    def wrap(self, text: str, width: float, most: int, middle: bool = True) -> list[str]:
        """The text on at most ``most`` lines, broken at spaces and underscores where possible, else anywhere.

        A longer text loses its middle, as in ``cut``; without ``middle`` its end.
        """
        shorter = _shortened(escaped(text), lambda some: len(self._lines(some, width)) <= most, middle)
        return self._lines(shorter, width)

    def _lines(self, text: str, width: float) -> list[str]:
        lines: list[str] = []
        while text and self.width(text) > width:
            end = self._line_end(text, width)
            lines.append(text[:end].rstrip())
            text = text[end:].lstrip()
        return [*lines, text] if text else lines

    def _line_end(self, text: str, width: float) -> int:
        """How many characters go onto the first line."""
        end = _most_that_fit(len(text), lambda count: self.width(text[:count]) <= width)
        breaks = [place for place in range(end // 4, end) if text[place] in " _/-"]
        return breaks[-1] + 1 if breaks else max(1, end)

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


def _shortened(text: str, fits: Callable[[str], bool], middle: bool = True) -> str:
    """The text, or as much of its start and end as fits around an ellipsis; of its start alone without ``middle``."""
    if fits(text):
        return text

    def kept(count: int) -> str:
        head = (count + 2) // 3 if middle else count
        return f"{text[:head].rstrip()}…{text[len(text) - (count - head) :].lstrip()}"

    return kept(_most_that_fit(len(text) - 1, lambda count: fits(kept(count))))


def _most_that_fit(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to ``most`` that fits, found by halving; 0 where none does."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if fits(middle) else (low, middle - 1)
    return low


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
