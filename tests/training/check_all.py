"""Starts every recipe of a folder's runs.yaml in one of several processes, and writes exit codes and messages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from probe_runs import PROBED, PROBES

from maskrec.base.errors import MaskrecError
from maskrec.contracts.collectives import rank
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.processes.distributed import process_group
from maskrec.training.runner import start


def main() -> None:
    """``check_all.py FOLDER``: ``said-RANK.json`` holds the exit code and the message of every run that failed."""
    folder = Path(sys.argv[1])
    catalog = discover([PROBES, Path(__file__).with_name("mistakes.py")])
    said = {}
    with process_group():
        for name, changes in yaml.safe_load((folder / "runs.yaml").read_text()).items():
            recipe = folder / f"{name}-{rank()}.yaml"
            recipe.write_text(yaml.safe_dump({**PROBED, "transforms": {}, "observe": {}, "evaluate": {}, **changes}))
            plan = resolve(recipe, catalog=catalog, data_root=folder)
            try:
                start(plan, catalog, folder, folder / name)
            except MaskrecError as error:
                said[name] = [error.exit_code, str(error)]
        (folder / f"said-{rank()}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
