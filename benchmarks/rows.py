"""One row per figure, on the terminal and in ``results.jsonl`` with date, commit and machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from maskrec.base.processors import usable_processors

RESULTS = Path(__file__).with_name("results.jsonl")


def report(figure: str, ours: str, peer: str, ratio: float, goal: float, *, at_most: bool = False) -> None:
    """Print ``figure | ours | peer | ratio | goal | ok or short`` and keep it.

    Args:
        figure: what was measured.
        ours: our time or rate, with its unit.
        peer: the other's.
        ratio: of the two, the median over pairs of measurements taken in turn.
        goal: the value that the ratio should reach.
        at_most: whether the ratio should be at most the goal (for times), instead of at least the goal (for rates).
    """
    verdict = "ok" if (ratio <= goal if at_most else ratio >= goal) else "short"
    _keep({"figure": figure, "ours": ours, "peer": peer, "ratio": round(ratio, 4), "goal": goal, "verdict": verdict})
    print(f"{figure} | {ours} | {peer} | {ratio:.2f} | {goal:.2f} | {verdict}", flush=True)


def report_needs(figure: str, what: str) -> None:
    """Print and record that a figure cannot be measured here: ``needs a GPU``."""
    _keep({"figure": figure, "verdict": f"needs {what}"})
    print(f"{figure} | needs {what}", flush=True)


def _keep(row: dict[str, object]) -> None:
    head = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": _commit(), "machine": _machine()}
    with RESULTS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({**head, **row}, ensure_ascii=False) + "\n")


def _commit() -> str:
    """The commit's short name, with a ``+`` where files differ from it."""
    try:
        command = ["git", "-C", str(RESULTS.parent), "describe", "--always", "--exclude=*", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _machine() -> dict[str, object]:
    """Processor, cores this process may use, and how busy they were (the load average of the last minute)."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return {"processor": processor, "cores": usable_processors(), "load": round(os.getloadavg()[0], 2)}
