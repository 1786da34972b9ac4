"""Each shipped recipe's demo beside the quickstart: what it learns, what it knew untrained, how long it takes.

    python benchmarks/demos.py                        # every recipe, about half an hour on two CPU cores
    python benchmarks/demos.py triplet_inception      # some of them

The quickstart and the demos run in turn, each as its own process; ``times`` compares wall time, ``processor`` processor
time, which other work on the machine changes less. Accuracy is on held-out pairs of embedded cartoon
faces, at a threshold that other people chose; it says nothing about real faces. Exit status 1: a demo is below 0.75,
collapsed, has fewer than 1,000 pairs or takes more than 2.5 times the quickstart's time.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from maskrec.cli.running import recipe_path
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.shipped import shipped_recipes
from maskrec.runtime.compute import Compute, pick_device
from maskrec.training.assemble import assemble

QUICKSTART = "maskrec:quickstart"
AT_LEAST, PAIRS, TIMES = 0.75, 1000, 2.5


class Demo(NamedTuple):
    """One finished run: wall seconds, processor seconds and its ``result.json``."""

    seconds: float
    processor: float
    result: Mapping[str, Any]


def run(recipe: str, run_dir: Path, *options: str) -> Demo:
    """Train a shipped recipe in a process of its own."""
    command = [sys.executable, "-m", "maskrec", "run", recipe, "--run-dir", str(run_dir), *options]
    began, before = time.monotonic(), processor_seconds()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    used = processor_seconds() - before
    return Demo(seconds, used, json.loads((run_dir / "result.json").read_text(encoding="utf-8")))


def processor_seconds() -> float:
    """Of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def overall(answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of all test pairs of a recipe's only evaluator."""
    (answer,) = answers.values()
    rows = [row for table in answer["tables"].values() for row in table]
    row = next(row for row in rows if row.get("condition") == "all")
    return {**row, "pairs": row["same_pairs"] + row["different_pairs"]}


def untrained(recipe: str) -> float:
    """Accuracy on the demo's test pairs before any step, by the demo's own evaluator."""
    catalog = discover(plugins=False)
    plan = resolve(recipe_path(recipe), catalog=catalog, demo=True)
    parts = assemble(plan, catalog, Path())
    compute = Compute(pick_device(plan.train.device))
    embed = Embedder(Model(parts.backbone, parts.backbone.input_spec, None, "untrained"), compute, plan.seed, workers=0)
    (evaluator,) = parts.evaluators.values()
    answer = evaluator.test(embed, evaluator.evaluate(embed))
    assert answer is not None
    return float(overall({"test": {"tables": answer.tables}})["accuracy"])


def main() -> int:
    """The exit status."""
    names = sys.argv[1:] or list(shipped_recipes())
    recipes = [name if ":" in name else f"maskrec:{name}" for name in names]
    print(
        f"{'demo':<28}{'untrained':>10}{'trained':>9}{'pairs':>7}{'seconds':>9}{'quickstart':>12}{'times':>7}{'processor':>11}"
    )
    fine = True
    for recipe in recipes:
        before = untrained(recipe)
        with tempfile.TemporaryDirectory(prefix="demos-") as folder:
            quickstart = run(QUICKSTART, Path(folder) / "quickstart")
            demo = run(recipe, Path(folder) / "demo", "--demo")
        row = overall(demo.result["test"])
        times = demo.seconds / quickstart.seconds
        collapsed = any(answer["metrics"].get("collapsed") for answer in demo.result["test"].values())
        fine &= row["accuracy"] >= AT_LEAST and row["pairs"] >= PAIRS and times <= TIMES and not collapsed
        figures = f"{before:>10.4f}{row['accuracy']:>9.4f}{row['pairs']:>7}{demo.seconds:>9.0f}"
        figures += f"{quickstart.seconds:>12.0f}{times:>7.2f}{demo.processor / quickstart.processor:>11.2f}"
        print(f"{recipe:<28}{figures}{'  collapsed' if collapsed else ''}", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
