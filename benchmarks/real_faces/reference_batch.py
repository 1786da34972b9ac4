"""Three optimizer steps of each reference recipe at its reference batch size: memory and seconds.

    python benchmarks/real_faces/reference_batch.py [--only NAME] [KEY=VALUE ...]

Everything of the recipe but its data, starting weights and evaluation is kept; the faces are embedded ones, an epoch
of three batches. Each recipe runs in a process of its own, so that its peak resident memory is its own: whatever the
process held at once, loader and checkpoint included. On CUDA the device's peak is reported too.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LIMIT_GB = 22
STEPS = 3
ALL = (
    *("evaluate.masked_lfw=null", "train.best=null", "train.epochs=1", "train.workers=0", "train.log_every=1"),
    "data.use=synthetic_faces",
)
# What makes three batches of the reference's size: 128, 20 x 30, 128.
RECIPES = {
    "arcface_inception": ("backbone.pretrained=null", "data.identities=16", "data.images_per_identity=24"),
    "triplet_inception": ("backbone.pretrained=null", "data.identities=60", "data.images_per_identity=30"),
    "arcface_seresnext101": ("data.identities=16", "data.images_per_identity=24"),
}


def main() -> None:
    """One row a recipe; exit code 1 when one needs more memory than the limit, or fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(RECIPES), help="may be repeated")
    parser.add_argument("--here", choices=list(RECIPES), help=argparse.SUPPRESS)
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="overrides of every recipe")
    arguments = parser.parse_args()
    if arguments.here:
        print(measured(arguments.here, arguments.changes))
        return
    print(f"{'recipe':22} | batch | pixels | precision | steps | s a step | peak GB | limit {LIMIT_GB} GB", flush=True)
    kept = [in_a_process(name, arguments.changes) for name in arguments.only or RECIPES]
    if not all(kept):
        raise SystemExit(1)


def in_a_process(name: str, changes: Sequence[str]) -> bool:
    """Print a recipe's row; whether it ran and stayed within the limit."""
    command = [sys.executable, __file__, "--here", name, *changes]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    row = process.stdout.splitlines()[-1] if process.stdout else ""
    if process.returncode:
        row = f"{name:22} | failed with exit code {process.returncode}"
    print(row, flush=True)
    return process.returncode == 0 and row.endswith("ok")


def measured(name: str, changes: Sequence[str]) -> str:
    """Train three steps in this process; the recipe's row."""
    import torch

    from maskrec.plugin.host import discover
    from maskrec.recipe.checking import resolve
    from maskrec.recipe.shipped import shipped_recipe
    from maskrec.runtime.compute import Compute
    from maskrec.training.runner import start

    catalog = discover(plugins=False)
    changed = {word.partition("=")[0] for word in changes}
    overrides = [word for word in (*ALL, *RECIPES[name]) if word.partition("=")[0] not in changed] + [*changes]
    plan = resolve(shipped_recipe(name), catalog=catalog, overrides=overrides, allow_fallback=False)
    with tempfile.TemporaryDirectory() as folder:
        run = start(plan, catalog, Path(), Path(folder) / "run")
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_bytes().splitlines()]
    steps = [row for row in rows if row["kind"] == "step"]
    if len(steps) != STEPS:
        raise SystemExit(f"{name}: {len(steps)} steps instead of {STEPS}")
    sizes = plan.sampler.parameters
    batch = sizes["batch_size"] if "batch_size" in sizes else _product(sizes)
    # The first step also finds its memory and plans its convolutions.
    seconds = sum(batch / row["images_per_second"] for row in steps[1:]) / (STEPS - 1)
    compute = Compute.pick(plan.train)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    if compute.device.type == "cuda":
        peak = max(peak, torch.cuda.max_memory_reserved(compute.device) / 1e9)
    verdict = "ok" if peak <= LIMIT_GB else "too much"
    return (
        f"{name:22} | {batch:5} | {plan.image_size:6} | {compute.precision:9} | {len(steps):5} | {seconds:8.1f} "
        f"| {peak:7.2f} | {verdict}"
    )


def _product(sizes: Mapping[str, Any]) -> int:
    return int(sizes["identities_per_batch"]) * int(sizes["images_per_identity"])


if __name__ == "__main__":
    main()
