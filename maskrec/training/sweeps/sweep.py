"""A sweep: ordinary runs of one recipe with different values, one after another or several at a time."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from maskrec.base import interrupts
from maskrec.base.console import say
from maskrec.base.errors import MaskrecError
from maskrec.base.files import Lock
from maskrec.base.words import counted
from maskrec.recipe.provenance import command_line
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.training.sweeps.engines import EngineName, SweepCommand, run_locally, run_with_ray
from maskrec.training.sweeps.sweep_table import shown_table, sweep_rows, write_csv
from maskrec.training.sweeps.swept_runs import RecipeUse, SweptRun, run_command


def sweep(
    runs: Sequence[SweptRun], recipe: RecipeUse, jobs: int | None, engine: EngineName, no_plugins: bool = False
) -> Path:
    """Make the runs that are not finished, then the table and ``sweep.csv``.

    Args:
        runs: from ``swept_runs``; all in one folder.
        recipe: what they were made from.
        jobs: how many at a time; None is one here, and as many as there is room for on a cluster.
        engine: what runs them.
        no_plugins: passed on to the runs.

    Returns:
        The CSV.

    Raises:
        MaskrecError: runs have failed; the others are made all the same, and the message names those.
        UsageError: the engine is not installed.
    """
    again = shlex.join(command_line())
    interrupts.advise(f"continue with: {again}")
    out = runs[0].folder.parent
    out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out / ".lock", str(out))
    lock.take()
    try:
        failed = _make(runs, recipe, jobs, engine, no_plugins)
        path = out / "sweep.csv"
        rows = sweep_rows(runs)
        write_csv(path, rows)
    finally:
        lock.give_back()
    best = runs[0].plan.train.best
    say(shown_table(rows, best.metric if best else None))
    for caveat in _caveats(runs):
        say(f"note: {caveat}")
    say(f"every metric is in {path}")
    if failed:
        names = ", ".join(f"{run.name} (exit code {code}, {run.log})" for run, code in failed)
        raise MaskrecError(
            f"{len(failed)} of {counted(len(runs), 'run')} failed: {names}; fix that and run the same command again, "
            f"which leaves finished runs as they are: {again}"
        )
    return path


def _make(
    runs: Sequence[SweptRun], recipe: RecipeUse, jobs: int | None, engine: EngineName, no_plugins: bool
) -> list[tuple[SweptRun, int]]:
    """Run what is not finished; the runs that failed, with their exit codes."""
    due = {run.name: run for run in runs if not run.finished}
    if len(due) < len(runs):
        say(f"{counted(len(runs) - len(due), 'run')} of {len(runs)} finished before", flush=True)
    failed: list[tuple[SweptRun, int]] = []
    left = len(due)

    def begins(command: SweepCommand) -> None:
        say(f"started {command.name}", flush=True)

    def ended(command: SweepCommand, code: int) -> None:
        nonlocal left
        left -= 1
        rest = f"; {left} left" if left else ""
        if code:
            failed.append((due[command.name], code))
            say(f"failed {command.name} with exit code {code}: {_last_line(command.log)}{rest}", flush=True)
        else:
            say(f"finished {command.name}{rest}", flush=True)

    commands = [SweepCommand(run.name, tuple(run_command(run, recipe, no_plugins)), run.log) for run in due.values()]
    if engine == "ray" and commands:
        run_with_ray(commands, jobs, begins, ended)
    else:
        run_locally(commands, jobs or 1, begins, ended)
    return failed


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def _caveats(runs: Sequence[SweptRun]) -> list[str]:
    """What must be said beside the figures of these runs, each once."""
    results = [read_json(RunDirectory(run.folder).result) for run in runs if run.finished]
    return list(dict.fromkeys(str(caveat) for result in results for caveat in result.get("caveats", [])))
