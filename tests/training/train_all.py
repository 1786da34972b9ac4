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
from maskrec.training.distributed import process_group
from maskrec.training.runner import resume, start


def main() -> None:
    """``train_all.py FOLDER [epochs=N]``; with epochs, existing runs continue."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    catalog = discover([PIECES])
    runs = yaml.safe_load((folder / "runs.yaml").read_text())
    with process_group():
        for name, changes in runs.items():
            if len(sys.argv) > 2:
                resume(folder / name, catalog, {"epochs": int(sys.argv[2].partition("=")[2])})
                continue
            own = folder / f"rank{rank()}"  # each process writes the recipe for itself
            own.mkdir(exist_ok=True)
            recipe = write_recipe(own, changes, f"{name}.yaml")
            plan = resolve(recipe, catalog=catalog, data_root=folder)
            start(plan, catalog, folder, folder / name)
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").glob("*")]
    (folder / f"threads{os.environ.get('RANK', '0')}").write_text("".join(threads))


if __name__ == "__main__":
    main()
