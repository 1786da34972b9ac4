"""A text with its name, in which positions become marks (file, line, column) for messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from maskrec.base.console import printable
from maskrec.base.words import nearest
from maskrec.contracts.problem import Mark

_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_LONGEST_LINE = 200


class NamedText:
    """A text and its name.

    Args:
        shown: the file's name as the user gave it.
        text: the whole text; lines break where YAML breaks them.
    """

    def __init__(self, shown: str, text: str) -> None:
        self.shown = printable(shown)
        self.text = text
        self.lines = _BREAKS.split(text)

    def mark(self, mark: Any) -> Mark:
        """From PyYAML's mark (line and column from 0)."""
        if mark is None:
            return self.at(0, 0)
        return self.at(mark.line, mark.column)

    def mark_at(self, position: int) -> Mark:
        """From a position in the text."""
        before = _BREAKS.split(self.text[:position])
        return self.at(len(before) - 1, len(before[-1]))

    def at(self, line: int, column: int) -> Mark:
        """Line and column from 0; a line too long to show is left out."""
        text = printable(self.lines[line]) if line < len(self.lines) else ""
        if len(text) > _LONGEST_LINE:
            text = text[:_LONGEST_LINE] if column < _LONGEST_LINE else ""
        return Mark(self.shown, line + 1, column + 1, text)


def misspelt(path: Path) -> str:
    """Which recipe beside a missing one may be meant; empty where none is near."""
    try:
        beside = [each.name for each in path.parent.iterdir() if each.suffix.lower() in (".yaml", ".yml")]
    except OSError:
        return ""
    near = nearest(path.name, beside)
    return f"; did you mean {path.with_name(near[0])}?" if near else ""
