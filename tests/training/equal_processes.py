"""Trains each loss of a folder's cases.json for a few steps, in a group of four processes, one of two, and alone.

What a process has at the end is in ``RANK-of-COUNT.pt``, by case: losses and weights, and where it is counted what was
done and read in the last step. The same processes make all groups: the first two those of two, the first is alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from operation_counts import OperationCounts
from probe_runs import PROBES, probe_plan

from maskrec.contracts.collectives import rank
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.runtime.epoch_batches import shard_places
from maskrec.runtime.loading import LoadedBatch, load
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.checkpoints.checkpoint import networks_state, shard_state
from maskrec.training.processes.distributed import process_group
from maskrec.training.steps.step_window import StepWindow
from maskrec.training.steps.train_step import TrainStep

PEOPLE, STEPS = 40, 3
# Fifteen images of four people: parts of 7 and 8, or of 3, 4, 4 and 4, and no person is in one part only.
BATCHES = [[4 * ((3 * step + image % 4) % PEOPLE) + image // 4 for image in range(15)] for step in range(STEPS)]
PLAIN: dict[str, Any] = {
    "data": {"use": "noise", "people": PEOPLE},
    "transforms": None,
    "evaluate": None,
    "observe": None,
    "optimizer": {"use": "sgd", "lr": 0.1, "momentum": 0.9},
    "train": {"epochs": 1, "workers": 0, "device": "cpu", "precision": "float64", "clip_gradient_norm": 1.0},
}


def parts_of_batches(assembly: Assembly) -> Iterator[LoadedBatch]:
    """This process's part of each batch."""
    for whole, part in zip(BATCHES, load(assembly.dataset, shard_places(BATCHES), 0, False), strict=True):
        yield replace(part, whole=len(whole))


def trained(folder: Path, loss: dict[str, Any], counted: bool, catalog: Catalog) -> dict[str, Any]:
    """What a loss's training leaves in this process."""
    assembly = assemble(probe_plan(folder, {**PLAIN, "loss": loss}, catalog=catalog), catalog, folder, folder)
    stepper, window, counts = TrainStep(assembly), StepWindow(), OperationCounts()
    for number, loaded in enumerate(parts_of_batches(assembly)):
        batch = stepper.prepare(loaded, 0, number)
        with counts if counted and number == STEPS - 1 else nullcontext():  # the first step makes checks of its own
            window.add(stepper.step([batch]), 1, len(loaded.labels))
    state, shard = networks_state(stepper), shard_state(stepper)
    losses = torch.tensor([step.loss for step in window.read()], dtype=torch.float64)
    kept = {"losses": losses, "backbone": dict(state["backbone"]), "loss": dict(state["loss"])}
    last = {"reads": dict(counts.reads), "operations": dict(counts.names)}
    return {**kept, **last, "shard": dict(shard["loss"]) if shard else {}}


def main() -> None:
    """``equal_processes.py FOLDER COUNT=PORT ...``: groups of so many of the processes, each with a port to meet at."""
    folder, catalog = Path(sys.argv[1]), discover([PROBES], plugins=False)
    torch.set_num_threads(1)
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    own = folder / f"recipes{os.environ['RANK']}"  # each process writes them for itself
    own.mkdir()
    for count, port in (word.split("=") for word in sys.argv[2:]):
        if int(os.environ["RANK"]) >= int(count):
            break
        os.environ |= {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
        with process_group():
            found = {name: trained(own, *case, catalog) for name, case in cases.items()}
            torch.save(found, folder / f"{rank()}-of-{count}.pt")


if __name__ == "__main__":
    main()
