"""The loss on held-out data, computed without leaving a trace in what is trained."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from maskrec.base.errors import PluginError
from maskrec.base.random import key_of, seed_of
from maskrec.base.words import one_line
from maskrec.contracts.call_into import call_into
from maskrec.contracts.call_loss import call_loss
from maskrec.contracts.collectives import all_reduce_sum, exact_dtype, world_size
from maskrec.contracts.component_calls import frozen_modules
from maskrec.inference.model import eval_mode
from maskrec.runtime.epoch_batches import Batches, shard_places
from maskrec.runtime.loading import LoadedBatch, load
from maskrec.runtime.model_input import apply_transforms, batch_to
from maskrec.training.held_out import PartOfData, validation_batches
from maskrec.training.steps.random_state import keep_random_state

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Loss, Transform
    from maskrec.training.assemble import Assembly
    from maskrec.training.steps.train_step import TrainStep


@dataclass(frozen=True)
class ValidationLoss:
    """Computes the validation loss of a run on this process's device.

    Each value is a function of the weights and of the loss's state alone: the same photos in the same batches, with
    transforms and masks drawn by a seed of their own.

    Args:
        assembly: has held-out data.
        stepper: the networks; the backbone that is trained is measured, not its moving average, as the loss's own
            weights go with it.
    """

    assembly: Assembly
    stepper: TrainStep

    def is_due(self, step: int, epoch_is_over: bool) -> bool:
        """Whether it is computed after this optimizer step, counted from 1."""
        settings = self.assembly.plan.train.validation
        if settings is None:
            return False
        return epoch_is_over if settings.every is None else step % settings.every == 0

    def compute(self, workers: int, batches: int | None = None) -> float:
        """The mean over the held-out samples, over all processes together; each of them must call this.

        Args:
            workers: loader processes; they change no number.
            batches: how many of the batches are taken; None takes all.

        Raises:
            PluginError: the loss or a transform fails, or cannot be copied.
        """
        stepper, plan = self.stepper, self.assembly.plan
        put_back = keep_random_state()
        try:
            torch.manual_seed(seed_of(plan.seed, "validation"))
            with torch.no_grad(), eval_mode(stepper.backbone):
                loss = _copied(stepper.loss, plan.loss.who).eval()
                transforms = {
                    label: _copied(each, plan.transforms[label].who) for label, each in self.assembly.transforms.items()
                }
                loaded = self._loaded(self._batches()[:batches], workers)
                parts = [self._part(each, loss, transforms) for each in loaded]
        finally:
            put_back()
        sums, sizes = zip(*parts, strict=True)
        total = all_reduce_sum(torch.stack(sums).sum()).item()
        return float(total / (world_size() * sum(sizes)))

    def _batches(self) -> Batches:
        return validation_batches(self._data.labels, self.assembly.sampler.batch_size, self.assembly.plan.seed)

    @property
    def _data(self) -> PartOfData:
        assert self.assembly.held_out is not None
        return self.assembly.held_out.validation

    def _loaded(self, batches: Batches, workers: int) -> Iterator[LoadedBatch]:
        """This process's part of each batch."""
        pin, who = self.stepper.compute.pin_memory, self.assembly.plan.data.who
        loaded = load(self._data, shard_places(batches), workers, pin, who)
        for batch, each in zip(batches, loaded, strict=True):
            yield replace(each, whole=len(batch))

    def _part(self, loaded: LoadedBatch, loss: Loss, transforms: Mapping[str, Transform]) -> tuple[Tensor, int]:
        """The loss of a batch times its size, and the size."""
        plan, compute = self.assembly.plan, self.stepper.compute
        names = {label: spec.who for label, spec in plan.transforms.items()}
        seed = key_of(plan.seed, "validation")
        batch = apply_transforms(loaded.to(compute.prepares_on), transforms, seed, 0, 0, names)
        batch = batch_to(batch, compute.device)
        with call_into(plan.backbone.who, "failed in forward", self.stepper.backbone), compute.autocast():
            embeddings = self.stepper.backbone(compute.feed(batch.images, self.assembly.backbone.input_spec))
        value = call_loss(loss, embeddings.to(compute.dtype), batch.labels, batch, loaded.whole)
        size = loaded.whole or 0
        return value.to(exact_dtype(value.device)) * size, size


def try_validation(assembly: Assembly, stepper: TrainStep) -> ValidationLoss | None:
    """What computes the validation loss, tried on its first batch; None where the recipe asks for none.

    Raises:
        PluginError: as `ValidationLoss.compute`.
    """
    if assembly.held_out is None:
        return None
    validation = ValidationLoss(assembly, stepper)
    validation.compute(workers=0, batches=1)
    return validation


def _copied(component: Any, who: str) -> Any:
    """A copy that has the same parameters and its own state: what its call changes in itself is lost with it.

    Raises:
        PluginError: it cannot be copied.
    """
    shared: dict[int, Any] = {}
    if isinstance(component, nn.Module):
        shared = {id(each): each for each in (*component.parameters(), *frozen_modules(component))}
    try:
        return copy.deepcopy(component, shared)
    except Exception as error:
        raise PluginError(
            f"{who} cannot be copied, which train.validation needs so that it changes nothing of what is trained "
            f"({one_line(error)}); leave train.validation out, or give the component a __deepcopy__"
        ) from error
