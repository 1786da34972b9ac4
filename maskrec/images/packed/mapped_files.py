"""Data files of a set, mapped into memory when first read, by each process separately."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.system_limits import may_keep_open
from maskrec.base.words import os_reason
from maskrec.images.packed.face_index import DataFile


class DataFiles(Protocol):
    """Files read by number, offset and size; can be pickled for loader workers."""

    def read(self, file: int, offset: int, size: int) -> bytes:
        """The bytes; UsageError where they are missing."""


class MappedFiles:
    """Files in a folder, whose sizes are checked when opened.

    Args:
        folder: the files' folder.
        files: their names and sizes.

    Raises:
        UsageError: one is missing or of another size.
    """

    def __init__(self, folder: Path, files: Sequence[DataFile]) -> None:
        self.folder, self.files = folder, list(files)
        for file in self.files:
            path = folder / file.name
            try:
                size = path.stat().st_size
            except OSError as error:
                raise UsageError(f"{path}: cannot be read ({os_reason(error)}); is the folder complete?") from error
            if size != file.size:
                what = "truncated" if size < file.size else "changed"
                raise UsageError(
                    f"{path}: {what}: {size} bytes, but {file.size} were written; copy the whole file again"
                )
        self._maps: list[mmap.mmap | None] = [None] * len(self.files)

    def map(self, file: int) -> mmap.mmap:
        """A file's bytes; writing to them changes this process's copy alone."""
        mapped = self._maps[file]
        if mapped is None:
            path = self.folder / self.files[file].name
            try:
                with open_regular(path) as stream:
                    mapped = mmap.mmap(stream.fileno(), self.files[file].size, access=mmap.ACCESS_COPY)
            except (OSError, ValueError) as error:  # a shorter file is a ValueError
                raise UsageError(f"{path}: cannot be mapped into memory ({error}); is it still complete?") from error
            self._maps[file] = mapped
        return mapped

    def read(self, file: int, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` of a file."""
        mapped = self._maps[file]
        if mapped is None and not may_keep_open(self):  # a mapping keeps a descriptor as well
            return self._read_once(file, offset, size)
        return (mapped or self.map(file))[offset : offset + size]

    def _read_once(self, file: int, offset: int, size: int) -> bytes:
        path = self.folder / self.files[file].name
        try:
            with open_regular(path) as stream:
                stream.seek(offset)
                return stream.read(size)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({os_reason(error)}); is it still there?") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "files": self.files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.folder, self.files = state["folder"], state["files"]
        self._maps = [None] * len(self.files)
