"""The plan of a run that exists: its resolved recipe, checked against what is installed now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan
from maskrec.recipe.provenance import recorded_versions
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.runtime.runs_below import which_run


def read_plan(run_dir: Path, catalog: Catalog) -> tuple[Plan, Path]:
    """The plan of a run directory and the data root that it was started with.

    Raises:
        UsageError: not a run directory, or its recipe no longer resolves with what is installed.
    """
    data_root = data_root_of(run_dir)
    record, run = read_json(RunDirectory(run_dir).provenance), RunDirectory(run_dir)
    plan = resolve(run.recipe, catalog=catalog_of_run(run_dir, catalog), data_root=data_root)
    named = {name: record[name] for name in ("name", "demo", "demo_reason") if name in record}
    return replace(plan, **named), data_root


def catalog_of_run(run_dir: Path, catalog: Catalog) -> Catalog:
    """The catalog, with the versions of the plugins that a run was made with.

    Raises:
        UsageError: no provenance.json, or a damaged one.
    """
    return catalog.made_with(recorded_versions(read_json(RunDirectory(run_dir).provenance).get("components")))


def data_root_of(run_dir: Path) -> Path:
    """What the paths of a run's recipe are relative to.

    Raises:
        UsageError: not a run directory, or a damaged one.
    """
    run = RunDirectory(run_dir)
    if not run.recipe.is_file():
        raise UsageError(which_run(run_dir) or f"{run_dir} is not a run directory: it has no recipe.yaml")
    record = read_json(run.provenance)
    if not isinstance(record, dict) or "data_root" not in record:
        raise UsageError(f"{run.provenance} does not say where the data is; the run directory is damaged")
    return Path(record["data_root"])
