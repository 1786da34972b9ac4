"""One opener of models: a run directory, an exported file, or the backbone that a recipe names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.plain_thresholds import read_thresholds
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.model_folder import ModelFolder, is_model_folder, read_model_folder
from maskrec.inference.deciding.shipped_decisions import shipped_decisions
from maskrec.inference.deciding.stored_decisions import DecisionFiles, read_decisions
from maskrec.inference.exported.onnx_backbone import OnnxBackbone
from maskrec.inference.model import Model, frozen_model, weights_checksum
from maskrec.inference.model_forms import RECIPES, require_model
from maskrec.inference.runs_within_runs import opening
from maskrec.inference.unfinished_run import nothing_trained
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.backbone_only import NamedBackbone, resolve_backbone, resolve_written_backbone
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.provenance import recorded_versions
from maskrec.runtime.builder import Builder
from maskrec.runtime.run_directory import FIRST, RunDirectory, read_json
from maskrec.runtime.run_plan import catalog_of_run, data_root_of
from maskrec.runtime.state_tree import DamagedFileError, read_checksum
from maskrec.runtime.weight_files import load_weights, read_checkpoint


def open_model(where: Path, catalog: Catalog, data_root: Path = Path()) -> Model:
    """A model to be used, frozen, on the CPU.

    Args:
        where: a run directory (its best weights; its last ones where no epoch was chosen yet), a model folder that
            ``maskrec evaluate --out`` wrote, a ``.onnx`` file, or a recipe (``.yaml``) whose backbone finds trained
            weights of its own.
        catalog: where names are looked up.
        data_root: what a recipe's paths are relative to; a run remembers its own.

    Raises:
        UsageError: none of these, one that cannot be opened or does not fit what is installed, or a recipe whose
            backbone has random weights.
    """
    require_model(where)
    if is_model_folder(where):
        return open_model_folder(read_model_folder(where), catalog)
    if where.is_dir():
        return open_run(where, catalog)
    return open_recipe(where, catalog, data_root) if where.suffix.lower() in RECIPES else open_exported(where)


def open_exported(path: Path) -> Model:
    """An exported file, with what it states.

    Raises:
        UsageError: as `OnnxNetwork`.
    """
    backbone = OnnxBackbone(path)
    return frozen_model(backbone, str(path), backbone.network.metadata.decisions)


def open_model_folder(folder: ModelFolder, catalog: Catalog) -> Model:
    """The model that a model folder describes, with what was measured for it.

    Raises:
        UsageError: the weights are gone, are others than were measured, or do not fit what is installed.
    """
    weights = folder.weights
    weights.require_unchanged(folder.path)
    if weights.kind == "onnx":
        opened = open_exported(weights.path)
    elif weights.kind == "run":
        opened = open_run(weights.path, catalog, weights.checkpoint, decide=False)
    else:
        shown, catalog = f"the backbone in {folder.path}", catalog.made_with(recorded_versions(folder.components))
        named = resolve_written_backbone(
            folder.backbone_text, shown, catalog=catalog, seed=folder.seed, image_size=folder.image_size
        )
        opened = open_named(named, shown, catalog)
        weights.require_same(weights_checksum(opened.network), folder.path)
    if opened.spec != folder.input_spec:
        raise UsageError(
            f"{folder.path}: its weights expect other images than it says ({opened.spec}, not {folder.input_spec}); "
            "make it again with maskrec evaluate"
        )
    return replace(opened, decisions=folder.decisions, origin=f"{folder.path}, {opened.origin}")


def open_run(run_dir: Path, catalog: Catalog, checkpoint: str = "", decide: bool = True) -> Model:
    """The model of a run directory: its best weights and their thresholds, or its last weights without any.

    Where the last checkpoint is damaged or gone, the one before it is opened, which is said. Only what this needs is
    compared: providers of the backbone must be there, names and shapes of its weights fit.

    Args:
        run_dir: the run directory.
        catalog: where names are looked up.
        checkpoint: ``best``, ``last`` or ``previous``; by default the best where there is one.
        decide: whether what was measured for the weights is read as well.

    Raises:
        UsageError: not a run directory, no checkpoint in it, weights that do not fit its recipe, or a run whose
            backbone is, directly or by way of others, itself.
    """
    with opening(run_dir):
        return _open_run(run_dir, catalog, checkpoint, decide)


def _open_run(run_dir: Path, catalog: Catalog, checkpoint: str, decide: bool) -> Model:
    data_root = data_root_of(run_dir)
    run = RunDirectory(run_dir)
    catalog = catalog_of_run(run_dir, catalog)
    named = resolve_backbone(run.recipe, catalog=catalog, data_root=data_root, restoring=True)
    name, state = _weights(run, checkpoint)
    backbone = _build(named, catalog, Context(data_root=data_root, restoring=True))
    load_weights(backbone, state.get("ema") or state["backbone"], str(run.checkpoint(name)))
    # What a last checkpoint holds are the best epoch's evaluations, whose thresholds are not for these weights.
    decisions = _decisions(run, state["evaluations"]) if name == "best" and decide else None
    return frozen_model(backbone, f"{run_dir}, {name} weights", decisions, name)


def _weights(run: RunDirectory, checkpoint: str) -> tuple[str, dict[str, Any]]:
    """The checkpoint that is opened: its name and its content."""
    if checkpoint == "previous":
        return checkpoint, read_checkpoint(run.checkpoint(checkpoint), run.run_id)
    if checkpoint != "last" and run.checkpoint("best").exists():
        return "best", read_checkpoint(run.checkpoint("best"), run.run_id)
    if not (run.checkpoint("last").exists() or run.checkpoint("previous").exists()):
        raise UsageError(nothing_trained(run.path))
    name = "last"
    try:
        state = read_checkpoint(run.checkpoint(name), run.run_id)
    except DamagedFileError as error:
        name = "previous"
        try:
            state = read_checkpoint(run.checkpoint(name), run.run_id)
        except DamagedFileError:
            raise error from None
        if state["position"]["step"] == 0:  # what the run starts from: nothing was learned yet
            if FIRST not in read_json(run.provenance):
                raise UsageError(nothing_trained(run.path)) from error
            raise UsageError(f"{error}; the run has no other checkpoint: continue it with maskrec resume") from error
        say(f"note: {error}; opening {run.checkpoint(name)} of step {state['position']['step']} instead", error=True)
    if not checkpoint and state.get("best", {}).get("epoch") is not None:  # the form before this one has no "best"
        say(f"note: {run.checkpoint('best')} is gone; opening the {name} weights instead", error=True)
    return name, state


def open_recipe(path: Path, catalog: Catalog, data_root: Path = Path()) -> Model:
    """The backbone that a recipe names, whatever else the recipe says.

    Raises:
        UsageError: a recipe without one, or one that starts from random weights.
    """
    named = resolve_backbone(path, catalog=catalog, data_root=data_root)
    return open_named(named, f"the backbone of {path}", catalog, data_root)


def open_named(named: NamedBackbone, shown: str, catalog: Catalog, data_root: Path = Path()) -> Model:
    """A registered backbone that finds trained weights of its own, with what its plugin measured with them.

    Args:
        named: the backbone.
        shown: what messages call it: ``the backbone plain``.
        catalog: where names are looked up.
        data_root: what its paths are relative to.

    Raises:
        UsageError: it starts from random weights, or its plugin's files cannot be read.
    """
    context = Context(data_root=data_root)
    backbone = _build(named, catalog, context)
    if isinstance(named.backbone, Spec):
        other_seed = _build(replace(named, seed=named.seed + 1, notes=()), catalog, context)
        if _nothing_learned(backbone, other_seed):
            raise UsageError(
                f"{shown} starts from random weights, by which faces cannot be compared; give it weights that were "
                "trained, or name a run"
            )
        provider = catalog.lookup("backbone", named.backbone.name).provider
        shipped = shipped_decisions(backbone, f"{provider.distribution} {provider.version}".rstrip())
        for note in shipped.notes:
            say(f"note: {note}", error=True)
        return frozen_model(backbone, shown, shipped.decisions)
    return frozen_model(backbone, shown)


def open_backbone(opened: Opened, *, catalog: Catalog, data_root: Path) -> nn.Module:
    """What a recipe's ``{run: DIR}`` or ``{file: model.onnx}`` stands for: frozen, in eval mode.

    Raises:
        UsageError: no run or file there, or one that does not fit what is installed.
    """
    location = data_root / opened.location
    if opened.source == "file":
        return open_exported(location).network
    return open_run(location, catalog, decide=False).network


def _build(named: NamedBackbone, catalog: Catalog, context: Context) -> nn.Module:
    for note in named.notes:
        say(note, error=True)
    opener = partial(open_backbone, catalog=catalog, data_root=context.data_root)
    givens = {"seed": named.seed, "image_size": named.image_size}
    built: nn.Module = Builder(catalog, named.seed, context, opener, givens).build(named.backbone)
    return built


def _decisions(run: RunDirectory, evaluations: Mapping[str, Any]) -> Decisions:
    """The best checkpoint's own thresholds, and what was measured with its weights."""
    best = run.checkpoint("best")
    plain = {
        f"{label}.{name}": fields
        for label, evaluation in evaluations.items()
        for name, fields in evaluation["thresholds"].items()
    }
    try:
        thresholds = read_thresholds(plain)
    except ValueError as error:
        raise UsageError(f"{best} cannot be used: {error}; train the run again") from error
    found = read_decisions(DecisionFiles(best.parent, f"{best.stem}."), read_checksum(best))
    for note in found.notes:
        say(f"note: {note}", error=True)
    return replace(found.decisions, thresholds=thresholds)


def _nothing_learned(network: nn.Module, other_seed: nn.Module) -> bool:
    """Whether every weight tensor of a network depends on the seed that it was built with."""
    pairs = zip(network.parameters(), other_seed.parameters(), strict=True)
    weights = [(one, other) for one, other in pairs if one.dim() > 1]
    return bool(weights) and not any(torch.equal(one, other) for one, other in weights)
