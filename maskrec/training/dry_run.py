"""The last stage of checking a recipe: one step and one evaluation tried, nothing written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from maskrec.base.errors import MaskrecError
from maskrec.contracts.component_calls import diagnostics
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.plan import Plan
from maskrec.runtime.epoch_batches import epoch_batches, shard_places
from maskrec.runtime.loading import load
from maskrec.training.assemble import assemble
from maskrec.training.checks.trial_evaluation import try_evaluators
from maskrec.training.records.component_scalars import component_scalars
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.validation_loss import try_validation


def dry_run(plan: Plan, catalog: Catalog, data_root: Path) -> None:
    """Stage 4 of checking: one forward and backward pass over the first batch, and the evaluators on a few images.

    Raises:
        RecipeError, MaskrecError: as `assemble`, and whatever the pass itself runs into.
    """
    with TemporaryDirectory() as folder:  # for components that write into the run's folder
        assembly = assemble(plan, catalog, data_root, Path(folder))
        stepper = TrainStep(assembly)
        try_first_batch(stepper)
        try_evaluators(assembly, stepper)
        try_validation(assembly, stepper)


def try_first_batch(stepper: TrainStep) -> None:
    """One forward and backward pass over the first batch of the first epoch; no weight moves.

    Raises:
        PluginError: a component fails, or does not do what it has promised.
        MaskrecError: the loss or a gradient is not finite.
    """
    assembly, plan = stepper.assembly, stepper.assembly.plan
    batches = epoch_batches(assembly.sampler, 0, len(assembly.dataset), plan.sampler.who)
    (loaded,) = load(assembly.dataset, shard_places(batches[:1]), 0, False, plan.data.who)
    value, _ = stepper.backward(stepper.prepare(loaded, 0, 0), 1, True)
    norm, evidence = stepper.finish_gradients()
    total, verdict = stepper.guard.judge([value], norm, evidence, stepper.scale.factor if stepper.scale else None)
    loss = float(total)
    if verdict.not_finite:
        what = stepper.what_of(loss, evidence)
        raise MaskrecError(f"{plan.loss.who}: {what} is not finite in the first batch (loss {loss})")
    diagnostics(assembly.loss)
    component_scalars(assembly)
