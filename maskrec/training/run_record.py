"""What a run records about itself, and whether it is still the same run when it continues."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import UsageError
from maskrec.base.files import now, write_json, write_text
from maskrec.contracts.collectives import world_size
from maskrec.recipe import provenance
from maskrec.recipe.plan import Plan
from maskrec.recipe.writing import resolved_yaml
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.training.assemble import Assembly

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog


def write_run_record(
    run: RunDirectory, plan: Plan, catalog: Catalog, assembly: Assembly, data_root: Path, allow_drift: bool
) -> None:
    """Record what this run is; where a record exists, compare with it and add this start to its history."""
    components = provenance.component_rows(plan, catalog)
    data = provenance.data_fingerprints(plan, assembly.dataset.labels, data_root)
    begun = run.provenance.exists() and run.recipe.exists()
    record: dict[str, Any] = read_json(run.provenance) if begun else {"history": []}
    if begun and not allow_drift:
        _refuse_drift(run, record, components, data)
    train = {"epochs": plan.train.epochs, "device": str(plan.train.device), "workers": plan.train.workers}
    start_row = {"at": now(), "command": provenance.command_line(), "processes": world_size(), "train": train}
    record |= {
        "run_id": record.get("run_id") or secrets.token_hex(8),
        "name": plan.name,
        "data_root": str(data_root.resolve()),
        "demo": plan.demo,
        "demo_reason": plan.demo_reason,
        "versions": provenance.versions(),
        "components": components,
        "data": data,
        "history": [*record["history"], start_row],
    }
    run.checkpoint("last").parent.mkdir(exist_ok=True)
    write_json(run.provenance, record)
    write_text(run.recipe, resolved_yaml(plan))


def _refuse_drift(run: RunDirectory, record: dict[str, Any], components: Any, data: Any) -> None:
    before = {path: row["sources"] for path, row in record["components"].items()} | record["data"]
    after = {path: row["sources"] for path, row in components.items()} | data
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if changed:
        raise UsageError(
            f"{run.path}: {', '.join(changed[:3])} changed since this run began, so it would not be the same run; "
            "restore it, or continue anyway with --allow-drift"
        )


def keep_plugin_files(run: RunDirectory, files: Sequence[Path]) -> None:
    """Copy the files given with ``--plugin`` into the run directory, for reading: nothing runs them from there."""
    for file in files:
        folder = run.path / "plugins"
        folder.mkdir(exist_ok=True)
        write_text(folder / file.name, file.read_text(encoding="utf-8"))
