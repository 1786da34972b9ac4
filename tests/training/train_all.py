"""Trains every recipe of a folder's runs.yaml, in one process or in several of one group."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from small_recipe import PIECES, write_recipe

from maskrec.contracts.collectives import rank
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.processes.distributed import process_group
from maskrec.training.runner import resume, start


def main() -> None:
    """``train_all.py FOLDER [epochs=N]``; with epochs, existing runs continue.

    A run with ``resume_to: N`` is stopped at its own last epoch and goes on from its files to epoch N.
    """
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    catalog = discover([PIECES])
    runs = yaml.safe_load((folder / "runs.yaml").read_text())
    with process_group():
        for name, changes in runs.items():
            if len(sys.argv) > 2:
                resume(folder / name, catalog, {"epochs": int(sys.argv[2].partition("=")[2])})
                continue
            resume_to = changes.pop("resume_to", None)
            own = folder / f"rank{rank()}"  # each process writes the recipe for itself
            own.mkdir(exist_ok=True)
            recipe = write_recipe(own, changes, f"{name}.yaml")
            plan = resolve(recipe, catalog=catalog, data_root=folder)
            start(plan, catalog, folder, folder / name)
            if resume_to is not None:
                torch.manual_seed(12345 + rank())  # no state may remain in the process
                resume(folder / name, catalog, {"epochs": resume_to})
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").glob("*")]
    (folder / f"threads{os.environ.get('RANK', '0')}").write_text("".join(threads))


if __name__ == "__main__":
    main()
