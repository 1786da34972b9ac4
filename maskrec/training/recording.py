"""metrics.jsonl: one row per step, evaluation and epoch; truncated to the checkpoint at resume."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.collectives import rank

TIME_FIELDS = ("time", "images_per_second")


class Recorder:
    """Appends rows on rank 0; on other processes rows are dropped.

    Args:
        path: the file.
        keep: bytes of an existing file to keep; later rows belong to steps that will be repeated.

    Raises:
        UsageError: the file is shorter than that.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        self.stream = None
        if rank() == 0:
            self.stream = path.open("ab")
            if self.stream.tell() < keep:
                raise UsageError(f"{path} is shorter than its checkpoint says; the run directory is damaged")
            self.stream.truncate(keep)
            self.stream.seek(0, os.SEEK_END)

    def write(self, kind: str, **fields: Any) -> None:
        """Append one row.

        Raises:
            MaskrecError: the disk is full or not writable.
        """
        if self.stream is None:
            return
        row = {"kind": kind, **fields, "time": round(time.time(), 3)}
        try:
            self.stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            self.stream.flush()
        except OSError as error:
            raise MaskrecError(
                f"{self.path} could not be written: {error.strerror}; free some space and resume"
            ) from error

    def size(self) -> int:
        """Bytes written so far, flushed to disk."""
        if self.stream is None:
            return 0
        os.fsync(self.stream.fileno())
        return self.stream.tell()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.stream is not None:
            self.stream.close()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Every complete row of a metrics file."""
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]
