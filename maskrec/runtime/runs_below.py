"""Runs in the folders of a folder, for commands that take one of them and were given the folder around them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from maskrec.runtime.run_directory import RunDirectory

_DEEPEST = 4
_NAMED, _COUNTED = 3, 1000  # runs in a sentence: named, and counted at most


def folders_below(folder: Path, meant: Callable[[Path], bool], deepest: int = _DEEPEST) -> Iterator[Path]:
    """The folders that are meant, sorted, up to ``deepest`` folders deep; not within one that is meant."""
    try:
        with os.scandir(folder) as entries:  # a Path for every photo of a large folder is slow
            inside = sorted(folder / each.name for each in entries if each.is_dir(follow_symlinks=False))
    except OSError:
        return
    for each in inside:
        if meant(each):
            yield each
        elif deepest > 1 and not each.name.startswith("."):
            yield from folders_below(each, meant, deepest - 1)


def which_run(folder: Path) -> str:
    """``runs holds 4 runs (runs/a, runs/b, runs/c, ...): give one of them``; empty where no run is below the folder."""
    found = list(islice(folders_below(folder, lambda path: RunDirectory(path).is_run), _COUNTED))
    if not found:
        return ""
    listed = ", ".join(map(str, found[:_NAMED])) + (", ..." if len(found) > _NAMED else "")
    if len(found) == 1:
        return f"{folder} is not a run directory, but {listed} is one: give that"
    number = f"{len(found):,}" if len(found) < _COUNTED else f"{_COUNTED:,} or more"
    return f"{folder} holds {number} runs ({listed}): give one of them"
