"""Whether a run has finished, is running, or ended before its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskrec.base.plain_json import read_json_object
from maskrec.report.metric_rows import MetricRows
from maskrec.report.plain_values import mapping, rows, text, whole
from maskrec.runtime.run_directory import RunDirectory

_LONGEST = 2000  # characters of a message that are shown
State = Literal["finished", "stopped", "running", "unfinished", "measured"]


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run has come.

    Args:
        word: ``measured`` is a model that was evaluated and not trained.
        reason: why an observer stopped it, who runs it, or how it ended before its end; may be empty.
        step: optimizer steps done.
        epoch: epochs finished.
        epochs: epochs planned; None where that is not known.
    """

    word: State
    reason: str = ""
    step: int = 0
    epoch: int = 0
    epochs: int | None = None


def state_of(run: Path, record: Mapping[str, Any], result: Mapping[str, Any], metrics: MetricRows) -> RunState:
    """Read from the run's record, its result (empty where it has none), its rows, and the lock on its folder."""
    starts = rows(record.get("history"))
    planned = whole(mapping(starts[-1].get("train")).get("epochs")) if starts else whole(result.get("epochs"))
    step = max((whole(row.get("step")) or 0 for row in metrics.rows), default=whole(result.get("steps")) or 0)
    epoch = max((whole(row.get("epoch")) or 0 for row in metrics.of_kind("epoch")), default=0)
    if (holder := RunDirectory(run).holder) is not None:
        return RunState("running", holder, step, epoch, planned)
    done = whole(result.get("epochs"))
    if not result or (planned is not None and done is not None and planned > done):
        return RunState("unfinished", _failure(run), step, epoch, planned)
    stopped = text(result.get("stopped"))
    return RunState("stopped" if stopped else "finished", stopped, step, epoch, planned or done)


def _failure(run: Path) -> str:
    """What ``failure.json`` says; empty where the run was killed, or was made by a maskrec that wrote none."""
    path = RunDirectory(run).failure
    if not path.exists():
        return ""
    try:
        record = read_json_object(path)
    except (OSError, ValueError) as error:
        return f"{path.name} cannot be read ({error})"
    code, message = whole(record.get("exit_code")), text(record.get("message"))[:_LONGEST].strip()
    if code in (130, 143):
        return f"it was {message}"
    return f"it failed{f' with exit code {code}' if code is not None else ''}: {message or 'without a message'}"
