"""What came out of a sweep: for each combination the mean of every metric over its seeds, and how they spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from maskrec.base.console import table
from maskrec.base.csv_writing import csv_bytes
from maskrec.base.files import write_bytes
from maskrec.metrics.intervals import t_interval
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.training.sweeps.swept_runs import SweptRun

_SHOWN = 3  # metrics of the table
_COLUMNS = ("metric", "runs", "mean", "sd", "low", "high", "min", "max", "values")


@dataclass(frozen=True, slots=True)
class Spread:
    """One metric of one combination.

    Args:
        values: one a finished run, in the order of the seeds; at least one.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the runs."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """The standard deviation between runs (of a sample); None for one run."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % for the mean of further seeds, by Student's t; None for one run."""
        return t_interval(self.values) if len(self.values) > 1 else None

    def shown(self) -> str:
        """For people: mean, interval, standard deviation."""
        if (interval := self.interval) is None:
            return f"{self.mean:.4f}"
        return f"{self.mean:.4f} [{interval[0]:.4f}, {interval[1]:.4f}] sd {self.deviation:.4f}"


class Row(NamedTuple):
    """A combination: its values, how many of its runs are finished, and their metrics by name."""

    values: Mapping[str, str]
    runs: int
    spreads: dict[str, Spread]


def sweep_rows(runs: Sequence[SweptRun]) -> list[Row]:
    """A row a combination, in their order; only runs that are finished count."""
    rows: dict[tuple[str, ...], tuple[Mapping[str, str], list[dict[str, float]]]] = {}
    for run in runs:
        values = run.combination.values
        found = rows.setdefault(tuple(values.values()), (values, []))[1]
        if run.finished:
            found.append(run_metrics(read_json(RunDirectory(run.folder).result)))
    return [Row(values, len(found), _spreads(found)) for values, found in rows.values()]


def run_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a ``result.json``: ``evaluate.LABEL.METRIC``, its best epoch's, and ``test.LABEL.METRIC``."""
    return {
        f"{stage}.{label}.{name}": float(value)
        for stage in ("evaluate", "test")
        for label, evaluation in result.get(stage, {}).items()
        for name, value in evaluation["metrics"].items()
    }


def _spreads(found: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    names = dict.fromkeys(name for metrics in found for name in metrics)
    return {name: Spread(tuple(metrics[name] for metrics in found if name in metrics)) for name in names}


def shown_table(rows: Sequence[Row], first: str | None) -> str:
    """The table for the terminal: a row a combination, and a column for a few metrics.

    Args:
        rows: of the sweep.
        first: the metric by which the runs chose their best epoch; it leads.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.spreads if "/" not in name))
    leading = [f"evaluate.{first}", f"test.{first}"]
    names = sorted(names, key=lambda name: (name not in leading, not name.endswith(".accuracy")))[:_SHOWN]
    lines: list[list[object]] = [[*rows[0].values, "runs", *names]]
    for values, runs, spreads in rows:
        lines.append([*values.values(), runs, *(spreads[name].shown() if name in spreads else "-" for name in names)])
    return table(lines)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Every metric, a row for each combination and metric; atomically."""
    found = (
        [*values.values(), name, *_cells(spread)] for values, _, spreads in rows for name, spread in spreads.items()
    )
    write_bytes(path, csv_bytes([*rows[0].values, *_COLUMNS], found))


def _cells(spread: Spread) -> Iterator[object]:
    low, high = spread.interval or ("", "")
    deviation = spread.deviation
    yield from (len(spread.values), spread.mean, "" if deviation is None else deviation, low, high)
    yield from (min(spread.values), max(spread.values), " ".join(map(str, spread.values)))
