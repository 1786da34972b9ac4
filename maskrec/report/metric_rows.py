"""The rows of metrics.jsonl, whatever has happened to the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskrec.base.plain_json import parse_json
from maskrec.base.regular_files import LARGEST_TABLE, read_regular
from maskrec.base.words import counted
from maskrec.report.plain_values import Row


@dataclass(frozen=True, slots=True)
class MetricRows:
    """What a run has recorded as it went.

    Args:
        rows: each a map with a ``kind``.
        problems: what of the file is not shown, in sentences.
    """

    rows: tuple[Row, ...] = ()
    problems: tuple[str, ...] = ()

    def of_kind(self, kind: str) -> list[Row]:
        """The rows of one kind: ``step``, ``epoch``, ``evaluate``, ``test``."""
        return [row for row in self.rows if row.get("kind") == kind]


def read_metric_rows(path: Path) -> MetricRows:
    """Read all whole rows. A last line without an end is what a kill leaves; other damage is counted. Never raises."""
    try:
        content = read_regular(path, LARGEST_TABLE)
    except FileNotFoundError:
        return MetricRows(problems=(f"{path.name} is missing: no step of the run is recorded",))
    except (OSError, ValueError) as error:
        return MetricRows(problems=(f"{path.name} cannot be read ({error})",))
    lines = content.split(b"\n")
    torn = lines.pop()
    rows, damaged = [], 0
    for line in lines:
        try:
            row = parse_json(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict) and isinstance(row.get("kind"), str):
            rows.append(row)
        else:
            damaged += 1
    problems = []
    if torn:
        problems.append(f"the last line of {path.name} is torn, as a kill leaves it")
    if damaged:
        problems.append(
            f"{counted(damaged, 'line')} of {path.name} cannot be read and {'is' if damaged == 1 else 'are'} not shown"
        )
    return MetricRows(tuple(rows), tuple(problems))
