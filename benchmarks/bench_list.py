"""Time of ``maskrec list`` with 20 plugins installed, against a bare typer + rich program that prints the same rows.

Run: ``python benchmarks/bench_list.py [pairs]``. Both are started in turn, ``pairs`` times (20); the ratio is the
median of the pairs' ratios. One row: figure | ours | peer | ratio | goal | ok or short.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import report

GOAL = 1.10
PLUGINS = 20
ROOT = Path(__file__).parents[1]

PLUGIN = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("loss_{i}", "bench_plugin_{i}.loss:Loss", "one more loss of a benchmark")]
"""

PEER = """
import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer()

@app.command("list")
def list_components(kind: str = "") -> None:
    table = Table("kind", "name", "provider", "summary")
    for row in {rows!r}:
        table.add_row(*row)
    Console().print(table)

@app.command()
def other() -> None: ...

app()
"""


def write_plugins(folder: Path) -> None:
    """Twenty installed distributions, one of which raises at import and two of which share an entry point's name."""
    for i in range(PLUGINS):
        info = folder / f"bench_plugin_{i}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-plugin-{i}\nVersion: 1.0\n")
        point = "same" if i in (1, 2) else f"plugin_{i}"
        (info / "entry_points.txt").write_text(f"[maskrec]\n{point} = bench_plugin_{i}\n")
        (folder / f"bench_plugin_{i}.py").write_text("raise RuntimeError" if i == 3 else PLUGIN.format(i=i))


def run(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that the command takes, and its output."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, done.stdout


def main() -> None:
    """Print the row."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_plugins(folder)
        ours = [sys.executable, "-m", "maskrec", "list"]
        table = run(ours, folder)[1].splitlines()[1:]
        (folder / "peer.py").write_text(PEER.format(rows=[tuple(line.split(None, 3)) for line in table]))
        peer = [sys.executable, "peer.py", "list"]
        run(peer, folder)
        times = [(run(ours, folder)[0], run(peer, folder)[0]) for _ in range(pairs)]
    ratio = statistics.median(mine / theirs for mine, theirs in times)
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    report(f"maskrec list, {PLUGINS} plugins", f"{mine:.3f} s", f"{theirs:.3f} s", ratio, GOAL, at_most=True)


if __name__ == "__main__":
    main()
