"""Fenced blocks of the project's Markdown pages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: ([\w./-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def named_blocks(page: Path) -> dict[str, str]:
    """Text by file name of the blocks that name one: three backticks, a language, a file name."""
    return {name: text for _, name, text in _BLOCK.findall(page.read_text(encoding="utf-8")) if name}


def write_blocks(page: Path, folder: Path) -> dict[str, Path]:
    """Save those blocks below the folder, as a reader of the page would."""
    written = {}
    for name, text in named_blocks(page).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written[name] = file
    return written


def commands(page: Path) -> list[list[str]]:
    """What stands after ``$`` in the page's console blocks, as words; lines that end in a backslash are joined."""
    found = []
    for language, _, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            lines = text.replace("\\\n", " ").splitlines()
            found += [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]
    return found
