"""Copies of the files given with ``--plugin`` in the run directory, for reading: nothing runs them from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskrec.base.files import write_text
from maskrec.runtime.run_directory import RunDirectory

_FOLDER = "plugins"


def keep_plugin_files(run: RunDirectory, files: Sequence[Path]) -> None:
    """Copy the files into the run directory."""
    for file in files:
        folder = run.path / _FOLDER
        folder.mkdir(exist_ok=True)
        write_text(folder / file.name, file.read_text(encoding="utf-8"))


def it_and_its_copy(run: RunDirectory) -> str:
    """``it``, with where the files are as they were at the run's last start, for the end of a sentence."""
    folder = run.path / _FOLDER
    return f"it ({folder} has the plugin files as they were)" if folder.is_dir() else "it"
