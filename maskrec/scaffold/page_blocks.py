"""Fenced blocks of a Markdown page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```(\w+)(?: ([\w./-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class FencedBlock(NamedTuple):
    """What stands between two fences.

    Args:
        language: after the first fence.
        file: the file name after the language; empty without one.
        text: with its final line feed.
    """

    language: str
    file: str
    text: str

    def commands(self) -> list[list[str]]:
        """What stands after ``$`` in it, as words; lines that end in a backslash are joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


def blocks_of(page: Path) -> list[FencedBlock]:
    """The page's blocks in their order."""
    return [FencedBlock(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]
