"""CSV files in memory, with line feeds on every system."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(columns: Sequence[object], rows: Iterable[Iterable[object]]) -> str:
    """A CSV: a line of column names, then the rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def csv_bytes(columns: Sequence[object], rows: Iterable[Iterable[object]]) -> bytes:
    """``csv_text`` in UTF-8."""
    return csv_text(columns, rows).encode()
