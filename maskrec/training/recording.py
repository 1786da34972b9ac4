"""metrics.jsonl: one row a step, an evaluation, an epoch; cut back to the checkpoint at resume."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.collectives import rank


class Recorder:
    """Appends rows on rank 0; other processes' rows go nowhere.

    Args:
        path: the file.
        keep: bytes to keep of what is there; later rows belong to steps that are done again.

    Raises:
        UsageError: there is less than that.
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
            MaskrecError: the disk takes no more.
        """
        if self.stream is None:
            return
        row = {"kind": kind, **fields, "time": round(time.time(), 3)}
        try:
            self.stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            self.stream.flush()
        except OSError as error:
            raise MaskrecError(f"{self.path} could not be written: {error.strerror}; make room and resume") from error

    def size(self) -> int:
        """Bytes written so far, brought to the disk."""
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
