"""metrics.jsonl: one row a step, an evaluation, an epoch; cut back to the checkpoint at resume."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from maskrec.base.console import say
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.plain_json import parse_json
from maskrec.base.regular_files import LARGEST_TABLE, read_regular
from maskrec.base.words import os_reason
from maskrec.contracts.collectives import rank


class Recorder:
    """Appends rows on rank 0; other processes' rows go nowhere.

    Args:
        path: the file.
        keep: bytes to keep of what is there; later rows belong to steps that are done again.
        allow_drift: keep what is there although it is damaged, and say so.

    Raises:
        UsageError: there is less than that, or what is kept holds a line that is not a row.
    """

    def __init__(self, path: Path, keep: int, allow_drift: bool = False) -> None:
        self.path = path
        self.stream = None
        if rank() == 0:
            rows = _rows(path)[:keep]
            problem = _damage(rows, keep)
            if problem and not allow_drift:
                raise UsageError(f"{path} {problem}; restore it, or continue anyway with --allow-drift")
            if problem:
                say(f"note: {path} {problem}")
            self.stream = path.open("ab")
            self.stream.truncate(rows.rfind(b"\n") + 1)
            self.stream.seek(0, os.SEEK_END)

    def write(self, kind: str, **fields: Any) -> None:
        """Append one row; a number that JSON cannot hold (NaN, infinity) is written as null.

        Raises:
            MaskrecError: the disk is full or not writable.
        """
        if self.stream is None:
            return
        row = {"kind": kind, **fields, "time": round(time.time(), 3)}
        try:
            self.stream.write(json.dumps(_finite(row), ensure_ascii=False, allow_nan=False).encode() + b"\n")
            self.stream.flush()
        except OSError as error:
            raise MaskrecError(f"{self.path} could not be written: {os_reason(error)}; make room and resume") from error

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


def _rows(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_TABLE)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({os_reason(error)}); the run directory is damaged") from error


def _damage(rows: bytes, keep: int) -> str | None:
    """What is wrong with the rows to keep; None where each is a JSON object on a line of its own."""
    if len(rows) < keep:
        return "is shorter than its checkpoint says"
    lines = rows.split(b"\n")
    torn = lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            row = parse_json(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or "kind" not in row:
            return f"is damaged: line {number} is not a row"
    return f"has a torn line {len(lines) + 1}" if torn else None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
