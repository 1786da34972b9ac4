"""What a run records about itself, and whether it is still the same run when it continues."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.files import now, write_json, write_text
from maskrec.contracts.collectives import world_size
from maskrec.recipe import provenance
from maskrec.recipe.plan import Plan
from maskrec.recipe.reading import UnreadableError, load_text
from maskrec.recipe.recipe_changes import Change, recipe_changes
from maskrec.recipe.validation_settings import PATH
from maskrec.recipe.writing import resolved_yaml
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.runtime.starting_point import starting_point
from maskrec.runtime.state_tree import DamagedFileError, read_plain_values
from maskrec.training.assemble import Assembly
from maskrec.training.processes.distributed import all_gather_object
from maskrec.training.records.kept_plugin_files import it_and_its_copy

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog

MACHINE_SETTINGS = (
    *("device", "workers", "prefetch", "threads", "compile", "checkpoint_every"),
    *("log_every", "max_skipped", "checkpoint_activations"),
)
CHANGEABLE = frozenset(f"train.{name}" for name in ("epochs", *MACHINE_SETTINGS))
"""What `resume` may change."""
Drift = Literal["refused", "allowed", "said"]
_OF_A_PROCESS = frozenset({"train.device", "train.workers", "train.threads"})


def write_run_record(
    run: RunDirectory,
    plan: Plan,
    catalog: Catalog,
    assembly: Assembly,
    data_root: Path,
    drift: Drift,
    computed: Mapping[str, Any],
) -> None:
    """Record what this run is; where a record exists, compare with it and add this start to its history.

    Args:
        run: where it is recorded.
        plan: of the run.
        catalog: where its components come from.
        assembly: what the plan became.
        data_root: what its paths are relative to.
        drift: what becomes of components and data that have changed: a run that goes on from a checkpoint refuses or
            allows them, one that starts over says so.
        computed: what rank 0 computes on and in, as `Compute.record` has it.

    Raises:
        UsageError: components or data have changed.
    """
    components = provenance.component_rows(plan.specs(), catalog)
    data = provenance.data_fingerprints(plan, assembly.dataset.labels, data_root)
    held_out = None if assembly.held_out is None else assembly.held_out.record()
    if held_out is not None:
        data[PATH] = held_out["samples"]
    begun = run.provenance.exists() and (run.recipe.exists() or run.has_results)
    record: dict[str, Any] = read_json(run.provenance) if begun else {"history": []}
    changed = _changed(record, components, data) if begun else ""
    if changed:
        _refuse_or_say(changed, run, drift)
    train = {"epochs": plan.train.epochs, "device": str(plan.train.device), "workers": plan.train.workers}
    started = {"at": now(), "command": provenance.command_line(), "processes": world_size(), "train": train}
    start_row = {**started, "compute": dict(computed)}
    recipe = resolved_yaml(plan)
    record |= {
        "run_id": record.get("run_id") or _run_id_of_checkpoints(run) or secrets.token_hex(8),
        "name": plan.name,
        "data_root": str(data_root.resolve()),
        "demo": plan.demo,
        "demo_reason": plan.demo_reason,
        "recipe": recipe.splitlines(),
        "places": record.get("places", {}) if begun else provenance.places_of_values(plan),
        "versions": provenance.versions(),
        "components": components,
        "data": data,
        **({"validation": held_out} if held_out is not None else {}),
        "photos": _photos(plan, assembly),
        "start": (record.get("start") if drift != "said" else None) or starting_point(plan, data_root),
        "history": [*record.get("history", []), start_row],
    }
    run.checkpoint("last").parent.mkdir(exist_ok=True)
    write_json(run.provenance, record)
    write_text(run.recipe, recipe)


def _photos(plan: Plan, assembly: Assembly) -> dict[str, Any]:
    """What the network learns from, in numbers."""
    dataset = assembly.dataset
    return {"data": plan.data.name, "photos": len(dataset.labels), "people": int(dataset.num_classes)}


def _run_id_of_checkpoints(run: RunDirectory) -> str | None:
    """Where the user goes on without provenance.json, the checkpoints say which run they belong to."""
    for name in ("last", "previous", "best"):
        try:
            state = read_plain_values(run.checkpoint(name))
        except DamagedFileError:
            continue
        if isinstance(state, dict) and isinstance(state.get("run_id"), str):
            return str(state["run_id"])
    return None


def refuse_incomplete(run: RunDirectory, allow_drift: bool) -> None:
    """Refuse a run that has results or checkpoints but lost what says how they were made.

    Raises:
        UsageError: recipe.yaml or provenance.json is missing; not raised with ``allow_drift``, which is said instead.
    """
    for path in (run.recipe, run.provenance):
        if path.exists() or not run.has_results:
            continue
        if not allow_drift:
            lines = " (its lines are in provenance.json)" if path == run.recipe and run.provenance.exists() else ""
            raise UsageError(
                f"{path} is missing, so it cannot be verified that the run is unchanged: restore it{lines}, or "
                f"continue anyway with: {command_words('run', 'RECIPE', '--run-dir', run.path, '--allow-drift')}"
            )
        say(f"note: {path} is missing; it is written again from this command")


def refuse_edited_recipe(run: RunDirectory, catalog: Catalog, allow_drift: bool) -> None:
    """Refuse a recipe.yaml that was changed since maskrec wrote it; what `resume` may change does not count.

    Raises:
        UsageError: names the first value that differs; not raised with ``allow_drift``, which is said instead.
    """
    recorded = _recorded_recipe(run)
    if recorded is None or not run.recipe.exists():
        return
    changes = recipe_changes(recorded, _recipe_text(run), catalog.same_component)
    changes = [change for change in changes if change.path not in CHANGEABLE]
    if not changes:
        return
    first = changes[0]
    message = f"{run.recipe} was edited: {first.path} is {first.after}, and the run was made with {first.before}"
    message += _and_more(changes)
    if not allow_drift:
        raise UsageError(f"{message}; undo that, or continue anyway with --allow-drift")
    say(f"note: {message}")


def refuse_other_recipe(run: RunDirectory, plan: Plan, catalog: Catalog, plugin_files: Sequence[Path] = ()) -> None:
    """Refuse to continue a run with another recipe.

    Raises:
        UsageError: names the first value that differs; where `resume` may change it, the whole command that does.
    """
    before = _recorded_recipe(run) or (_recipe_text(run) if run.recipe.exists() else None)
    changes = [] if before is None else recipe_changes(before, resolved_yaml(plan), catalog.same_component)
    if not changes:
        return
    first = changes[0]
    if all(change.path in CHANGEABLE for change in changes):
        words = [f"{change.path}={change.after}" for change in changes]
        raise UsageError(
            f"{run.path} was made with {first.path} {first.before}, and the command says {first.after}"
            f"{_and_more(changes)}; to change it: {resume_command(run.path, plugin_files, words)}"
        )
    raise UsageError(
        f"{run.path} holds a run of another recipe (it has {first.path}: {first.before}, this one has "
        f"{first.path}: {first.after}{_and_more(changes)}); choose another folder"
    )


def refuse_unlike_recipes(plan: Plan) -> None:
    """Refuse processes whose recipes differ, other than in what each may have for itself.

    Raises:
        UsageError: on every process: names the first value that differs.
    """
    if world_size() == 1:
        return
    texts = all_gather_object(resolved_yaml(plan))
    for number, text in enumerate(texts):
        if text == texts[0]:
            continue
        changes = [change for change in recipe_changes(texts[0], text) if change.path not in _OF_A_PROCESS]
        if changes:
            first = changes[0]
            raise UsageError(
                f"rank {number} was started with another recipe than rank 0: {first.path} is {first.after} there and "
                f"{first.before} on rank 0; start every process with the same command"
            )


def resume_command(run_dir: Path, plugin_files: Sequence[Path] = (), changes: Sequence[str] = ()) -> str:
    """The command that continues a run, as a shell takes it."""
    plugins = [word for file in plugin_files for word in ("--plugin", str(file))]
    return command_words("resume", run_dir, *changes, *plugins)


def command_words(*words: object) -> str:
    """``maskrec`` with these words, quoted where a shell needs it."""
    return shlex.join(["maskrec", *map(str, words)])


def _and_more(changes: Sequence[Change]) -> str:
    return f", and {len(changes) - 1} more" if len(changes) > 1 else ""


def _recorded_recipe(run: RunDirectory) -> str | None:
    """The recipe as provenance.json has it; None where there is none."""
    record = read_json(run.provenance) if run.provenance.exists() else {}
    lines = record.get("recipe") if isinstance(record, dict) else None
    return "\n".join(map(str, lines)) + "\n" if isinstance(lines, list) else None


def _recipe_text(run: RunDirectory) -> str:
    try:
        return load_text(run.recipe, str(run.recipe))
    except UnreadableError as error:
        raise UsageError(f"{error}; the run directory is damaged") from error


def _refuse_or_say(changed: str, run: RunDirectory, drift: Drift) -> None:
    if drift == "refused":
        raise UsageError(
            f"{run.path}: {changed} changed since this run began, so it would not be the same run; restore "
            f"{it_and_its_copy(run)}, or continue anyway with --allow-drift"
        )
    if drift == "said":
        say(f"note: {changed} changed since {run.path} was made; no step is saved there, so the run starts with it")


def _changed(record: dict[str, Any], components: Any, data: Any) -> str:
    """What is not as the record has it: three places at most, empty where nothing is."""
    rows = record.get("components", {})
    before = {path: row.get("sources") if isinstance(row, dict) else None for path, row in rows.items()}
    before |= record.get("data", {})
    after = {path: row["sources"] for path, row in components.items()} | data
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return ", ".join(changed[:3])
