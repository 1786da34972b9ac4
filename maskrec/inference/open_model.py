"""One opener of models: a run directory, an exported file, or the backbone that a recipe names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.evaluation import Threshold
from maskrec.inference.model import Model, frozen_model
from maskrec.inference.onnx_backbone import OnnxBackbone
from maskrec.inference.runs_within_runs import opening
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.backbone_only import resolve_backbone
from maskrec.recipe.plan import Opened, Spec
from maskrec.runtime.builder import Builder
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.run_plan import read_plan
from maskrec.runtime.state_tree import DamagedFileError
from maskrec.runtime.weight_files import load_weights, read_checkpoint


def open_model(where: Path, catalog: Catalog, data_root: Path = Path()) -> Model:
    """A model to be used, frozen, on the CPU.

    Args:
        where: a run directory (its best weights; its last ones where no epoch was chosen yet), a ``.onnx`` file, or a
            recipe (``.yaml``) whose backbone finds trained weights of its own.
        catalog: where names are looked up.
        data_root: what a recipe's paths are relative to; a run remembers its own.

    Raises:
        UsageError: none of these, one that cannot be opened or does not fit what is installed, or a recipe whose
            backbone has random weights.
    """
    if where.is_dir():
        return open_run(where, catalog)
    if not where.exists():
        raise UsageError(f"{where}: no such file or folder; name a run directory, a .onnx file or a recipe (.yaml)")
    if where.suffix.lower() == ".onnx":
        return frozen_model(OnnxBackbone(where), str(where))
    if where.suffix.lower() in (".yaml", ".yml"):
        return open_recipe(where, catalog, data_root)
    raise UsageError(f"{where} is not a model; name a run directory, a .onnx file or a recipe (.yaml)")


def open_run(run_dir: Path, catalog: Catalog, checkpoint: Literal["best", "last"] = "best") -> Model:
    """The model of a run directory: its best weights and their thresholds, or its last weights without any.

    Where the last checkpoint is damaged or gone, the one before it is opened, which is said.

    Only what this needs is compared: providers of the backbone must be there, names and shapes of its weights fit.

    Args:
        run_dir: of the run.
        catalog: where names are looked up.
        checkpoint: ``last`` opens the last weights though there are best ones.

    Raises:
        UsageError: not a run directory, no checkpoint in it, weights that do not fit its recipe, or a run whose
            backbone is, directly or by way of others, itself.
    """
    with opening(run_dir):
        return _open_run(run_dir, catalog, checkpoint)


def _open_run(run_dir: Path, catalog: Catalog, checkpoint: str) -> Model:
    plan, data_root = read_plan(run_dir, catalog)
    run = RunDirectory(run_dir)
    name, state = _weights(run, checkpoint)
    backbone = _build(plan.backbone, plan.seed, plan.image_size, catalog, Context(data_root=data_root, restoring=True))
    load_weights(backbone, state.get("ema") or state["backbone"], str(run.checkpoint(name)))
    # What a last checkpoint holds are the best epoch's evaluations, whose thresholds are not for these weights.
    thresholds = _thresholds(state["evaluations"]) if name == "best" else None
    return frozen_model(backbone, f"{run_dir}, {name} weights", thresholds)


def _weights(run: RunDirectory, checkpoint: str) -> tuple[str, dict[str, Any]]:
    """The checkpoint that is opened: its name and its content."""
    if checkpoint == "best" and run.checkpoint("best").exists():
        return "best", read_checkpoint(run.checkpoint("best"), run.run_id)
    if not (run.checkpoint("last").exists() or run.checkpoint("previous").exists()):
        raise UsageError(f"{run.path} has no checkpoint yet; let the run get to its first one")
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
            raise UsageError(f"{error}; the run has no other checkpoint: continue it with maskrec resume") from error
        say(f"note: {error}; opening {run.checkpoint(name)} of step {state['position']['step']} instead", error=True)
    if (
        checkpoint == "best" and state.get("best", {}).get("epoch") is not None
    ):  # the form before this one has no "best"
        say(f"note: {run.checkpoint('best')} is gone; opening the {name} weights instead", error=True)
    return name, state


def open_recipe(path: Path, catalog: Catalog, data_root: Path = Path()) -> Model:
    """The backbone that a recipe names, whatever else the recipe says.

    Raises:
        UsageError: a recipe without one, or one that starts from random weights.
    """
    named = resolve_backbone(path, catalog=catalog, data_root=data_root)
    context = Context(data_root=data_root)
    backbone = _build(named.backbone, named.seed, named.image_size, catalog, context)
    if isinstance(named.backbone, Spec):
        other_seed = _build(named.backbone, named.seed + 1, named.image_size, catalog, context)
        if _nothing_learned(backbone, other_seed):
            raise UsageError(
                f"{path}: its backbone starts from random weights, by which faces cannot be compared; give it "
                "weights that were trained, or name a run"
            )
    return frozen_model(backbone, f"the backbone of {path}")


def open_backbone(opened: Opened, *, catalog: Catalog, data_root: Path) -> nn.Module:
    """What a recipe's ``{run: DIR}`` or ``{file: model.onnx}`` stands for: frozen, in eval mode.

    Raises:
        UsageError: no run or file there, or one that does not fit what is installed.
    """
    location = data_root / opened.location
    if opened.source == "file":
        return frozen_model(OnnxBackbone(location), str(location)).network
    return open_run(location, catalog).network


def load_initial_weights(backbone: nn.Module, init: Opened, catalog: Catalog, data_root: Path) -> None:
    """Start from another run's backbone weights.

    Raises:
        UsageError: not a run, or one whose backbone differs.
    """
    if init.source != "run":
        raise UsageError("init takes a run directory, not an exported file")
    source = open_run(data_root / init.location, catalog).network
    load_weights(backbone, source.state_dict(), f"init: {init.location}")


def _build(backbone: Spec | Opened, seed: int, image_size: int | None, catalog: Catalog, context: Context) -> nn.Module:
    opener = partial(open_backbone, catalog=catalog, data_root=context.data_root)
    givens = {"seed": seed, "image_size": image_size}
    built: nn.Module = Builder(catalog, seed, context, opener, givens).build(backbone)
    return built


def _thresholds(evaluations: Mapping[str, Any]) -> dict[str, Threshold] | None:
    found = {
        f"{label}.{name}": Threshold(**fields)
        for label, evaluation in evaluations.items()
        for name, fields in evaluation["thresholds"].items()
    }
    return found or None


def _nothing_learned(network: nn.Module, other_seed: nn.Module) -> bool:
    """Whether every weight tensor of a network depends on the seed that it was built with."""
    pairs = zip(network.parameters(), other_seed.parameters(), strict=True)
    weights = [(one, other) for one, other in pairs if one.dim() > 1]
    return bool(weights) and not any(torch.equal(one, other) for one, other in weights)
