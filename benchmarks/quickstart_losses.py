"""The quickstart with each of the losses: what accuracy they reach on the same pairs.

    python benchmarks/quickstart_losses.py                       # all of them, about five minutes each on two cores
    python benchmarks/quickstart_losses.py magface circle        # some of them
    python benchmarks/quickstart_losses.py --epochs 8            # shorter runs

``SETTINGS`` has what differs from the recipe: the quickstart's scale, and a margin for its small network. Accuracy is
on held-out pairs of embedded cartoon faces, at a threshold that other people chose; it says nothing about real faces.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BALANCED = "sampler={use: identity_balanced, identities_per_batch: 32, images_per_identity: 4}"
SETTINGS: dict[str, tuple[str, ...]] = {
    "arcface": (),
    "cosface": ("loss={use: cosface, scale: 20, margin: 0.2}",),
    "adaface": ("loss={use: adaface, scale: 20, margin: 0.3}",),
    "magface": (
        "loss={use: magface, scale: 20, shortest: 5, longest: 40, least_margin: 0.2, most_margin: 0.4, pull: 2}",
    ),
    "curricularface": ("loss={use: curricularface, scale: 20, margin: 0.3}",),
    "subcenter_arcface": ("loss={use: subcenter_arcface, scale: 20, margin: 0.3, centres_per_class: 2}",),
    "elasticface": ("loss={use: elasticface, scale: 20, margin: 0.3, spread: 0.05}",),
    "sphereface": ("loss={use: sphereface, scale: 20, margin: 1.3}",),
    "combined_margin": ("loss={use: combined_margin, scale: 20, m1: 1.0, m2: 0.2, m3: 0.1}",),
    "uniface": ("loss={use: uniface, scale: 20, margin: 0.2}",),
    "circle": ("loss={use: circle, scale: 64, margin: 0.25}", BALANCED),
    "center": (
        "loss={use: weighted_sum, parts: {arc: {use: arcface, scale: 20, margin: 0.3}, center: {use: center}}, "
        "weights: {arc: 1, center: 0.003}}",
    ),
}


def accuracies(name: str, epochs: int, folder: Path) -> dict[str, float]:
    """Accuracy on the test pairs by condition, after a run in a process of its own."""
    run_dir = folder / name
    command = [sys.executable, "-m", "maskrec", "run", "maskrec:quickstart", "--run-dir", str(run_dir)]
    options = [*SETTINGS[name], f"train.epochs={epochs}", f"train.evaluate_every={max(1, epochs // 3)}"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    (answer,) = json.loads((run_dir / "result.json").read_text(encoding="utf-8"))["test"].values()
    conditions = {"all": "accuracy", **{name: f"accuracy/{name}" for name in ("bare", "one_masked", "both_masked")}}
    return {condition: answer["metrics"][metric] for condition, metric in conditions.items()}


def main() -> None:
    """Train with each, and print a row of a table after each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("losses", nargs="*", choices=[[], *SETTINGS], help="all of them by default")
    options.add_argument("--epochs", type=int, default=15, help="of each run; the recipe's 15 by default")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="quickstart-losses-") as folder:
        for number, name in enumerate(asked.losses or SETTINGS):
            began = time.monotonic()
            found = accuracies(name, asked.epochs, Path(folder))
            if not number:
                print("| loss | " + " | ".join(found) + " | seconds |", flush=True)
            cells = " | ".join(f"{accuracy:.4f}" for accuracy in found.values())
            print(f"| {name} | {cells} | {time.monotonic() - began:.0f} |", flush=True)


if __name__ == "__main__":
    main()
