"""CSV files read with their line numbers, and everything wrong with them reported at once."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import LARGEST_TABLE, read_regular
from maskrec.base.words import did_you_mean, os_reason
from maskrec.contracts.problem import Mark, Problems
from maskrec.images.insightface.binfile import is_bin, not_a_text


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file's rows.

    Args:
        path: of the file.
        columns: each column's values, by name, those of the known columns only.
        lines: the line in which each row starts, from 1.
    """

    path: Path
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def mark(self, row: int) -> Mark:
        """A row's place."""
        return Mark(str(self.path), self.lines[row])


def read_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    ignored: Sequence[str] | None,
    problems: Problems,
) -> Table:
    """A UTF-8 CSV file with a header (RFC 4180: quotes, commas and line breaks within quotes).

    Rows of a wrong length are problems and are skipped; blank lines are ignored.

    Args:
        path: of the file.
        required: columns that must be there.
        optional: columns that may be.
        ignored: columns that may be there and are ignored; any other is an error. None ignores every other column, of
            a table that is the user's own.
        problems: collects rows that cannot be read.

    Raises:
        UsageError: the file cannot be read, its header does not fit, or it has no rows.
    """
    rows = _rows(path)
    if not rows:
        raise UsageError(f"{path}: the file is empty; it needs a header {','.join(required)} and rows")
    header = [name.strip() for name in rows[0][1]]
    _check_header(path, header, required, None if ignored is None else [*required, *optional, *ignored])
    kept = [name for name in header if name in required or name in optional]
    places = [header.index(name) for name in kept]
    good: list[tuple[int, list[str]]] = []
    for line, row in rows[1:]:
        if len(row) == len(header):
            good.append((line, row))
        else:
            problems.add(Mark(str(path), line), f"{len(row)} values where the header has {len(header)} columns")
    if not good:
        problems.add(path, "no rows that can be read below the header")
    columns = {name: [row[place] for _, row in good] for name, place in zip(kept, places, strict=True)}
    return Table(path, columns, [line for line, _ in good])


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    content = b""
    try:
        content = read_regular(path, LARGEST_TABLE)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({os_reason(error)})") from error
    except UnicodeDecodeError as error:
        if is_bin(path, content):
            raise UsageError(not_a_text(path)) from error
        raise UsageError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    if (nul := text.find("\0")) >= 0:
        line = text.count("\n", 0, nul) + 1
        raise UsageError(f"{path}:{line}: it contains a NUL character, which no name has; remove it")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, start = [], 1
    try:
        for row in reader:
            if row:
                rows.append((start, row))
            start = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"{path}:{start}: not CSV: {error}") from error
    return rows


def _check_header(path: Path, header: list[str], required: Sequence[str], known: Sequence[str] | None) -> None:
    if missing := [name for name in required if name not in header]:
        raise UsageError(f"{path}:1: no column {', '.join(missing)}; the header is {','.join(header)}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UsageError(f"{path}:1: column {', '.join(map(repr, twice))} is listed twice")
    for name in header:
        if known is None or name in known:
            continue
        if not name:
            raise UsageError(f"{path}:1: a column has no name (an index that pandas wrote? save with index=False)")
        hint = did_you_mean(name, known, "remove it.", quote="'")
        raise UsageError(f"{path}:1: unknown column {name!r}; {hint} Known columns are {', '.join(known)}")


def whole_number(text: str) -> int | None:
    """A decimal integer of at most 18 digits, else None."""
    text = text.strip()
    digits = text[1:] if text.startswith("-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def number(text: str) -> float | None:
    """A finite number, else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def flag(text: str) -> bool | None:
    """``1/0``, ``true/false`` or ``yes/no``, else None."""
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(text.strip().lower())
