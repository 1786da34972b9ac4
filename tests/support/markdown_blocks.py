"""Fenced blocks of the project's Markdown pages."""

from __future__ import annotations

from pathlib import Path

from maskrec.scaffold.page_blocks import blocks_of


def named_blocks(page: Path) -> dict[str, str]:
    """Text by file name of the blocks that name one: three backticks, a language, a file name."""
    return {block.file: block.text for block in blocks_of(page) if block.file}


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
    return [words for block in blocks_of(page) if block.language == "console" for words in block.commands()]
