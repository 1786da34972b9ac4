"""Plain text for the terminal: control characters removed, tables aligned."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

_CONTROLS = {
    code: None
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}

_JOINERS = "\u200c\u200d"  # Persian, Indian scripts
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def clean(text: object) -> str:
    """The text without control characters (line feeds stay, tabs become spaces), safe for any terminal."""
    plain = str(text).translate(_CONTROLS).replace("\t", "    ")
    return plain.encode("utf-8", "replace").decode()


def say(text: object, *, error: bool = False, flush: bool = False) -> None:
    """Print text for the user, cleaned: the one way in which words reach the terminal.

    Args:
        text: one or more lines; names in it may come from anybody.
        error: whether it goes to standard error.
        flush: whether it is shown before whatever takes long.
    """
    print(clean(text), file=sys.stderr if error else sys.stdout, flush=flush)


def open_closed_streams() -> None:
    """Open the null device in place of standard streams that the parent closed.

    Otherwise the next files that are opened take their numbers, and what is printed goes into them.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def printable(text: str) -> str:
    """Text that a terminal can show above a caret: tabs as one space, control characters replaced."""
    if text.isprintable():  # nearly every line of a recipe: seventy times faster than a look at each character
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def escaped(text: str) -> str:
    """Control, direction and unassigned characters as ``\\xNN``, so that nothing hides or turns."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _HIDDEN and character not in _JOINERS
        else character
        for character in text
    )


def cells(text: str) -> int:
    """How many columns of a terminal the text occupies."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def terminal_width() -> int | None:
    """Width of the terminal that stdout is, or ``COLUMNS``; None for a file or pipe, which take whole lines."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size().columns
    return None


def table(rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """Rows of columns, aligned, two spaces apart; with a width, longer lines are cut and end in an ellipsis."""
    plain = [[clean(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*plain, strict=True)]
    lines = []
    for row in plain:
        padded = [cell + " " * (size - cells(cell)) for cell, size in zip(row, widths, strict=True)]
        lines.append(_cut("  ".join(padded).rstrip(), width))
    return "\n".join(lines)


def _cut(line: str, width: int | None) -> str:
    if width is None or cells(line) <= width:
        return line
    while line and cells(line) > width - 1:
        line = line[:-1]
    return line.rstrip() + "…"
