"""One optimizer step: the networks, the loss and the optimizer together on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.contracts.call_into import call_into
from maskrec.contracts.call_loss import call_loss, looking_at_losses
from maskrec.contracts.collectives import world_size
from maskrec.contracts.component_calls import diagnostics, frozen_modules
from maskrec.recipe.plan import Opened
from maskrec.runtime.compute import Compute
from maskrec.training.checks.first_batch import FirstBatch, promised_by
from maskrec.training.processes import distributed
from maskrec.training.records.component_scalars import component_scalars
from maskrec.training.steps import fitting_batch
from maskrec.training.steps.activation_checkpointing import recompute_activations
from maskrec.training.steps.batch_preparation import BatchPreparation
from maskrec.training.steps.compiled_network import compiled
from maskrec.training.steps.finite_step import Evidence, FiniteGuard, Verdict, largest_values
from maskrec.training.steps.gradients import (
    average_gradients,
    clip_gradients,
    replicate,
    scale_shard_gradients,
    shard_tensors,
)
from maskrec.training.steps.loss_scale import LossScale
from maskrec.training.steps.moving_average import moving_average, update_unless
from maskrec.training.steps.optimizer_step import step_unless, takes_flag
from maskrec.training.steps.optimizing import build_optimizer, frozen_tensors, trained_parameters
from maskrec.training.steps.prefetching import PreparedBatch
from maskrec.training.steps.random_state import keep_random_state
from maskrec.training.steps.saved_buffers import SavedBuffers
from maskrec.training.steps.schedule import Schedule
from maskrec.training.steps.step_window import StepNumbers, StepResult

if TYPE_CHECKING:
    from maskrec.contracts.sample import Batch
    from maskrec.training.assemble import Assembly


TensorT = TypeVar("TensorT", bound=Tensor)


class TrainStep:
    """Networks, loss, optimizer and schedule of a run on this process's device.

    Args:
        assembly: the built components; they are moved to the device.
    """

    def __init__(self, assembly: Assembly) -> None:
        plan, train = assembly.plan, assembly.plan.train
        self.assembly, self.train, self.seed = assembly, train, plan.seed
        self.compute = Compute.pick(train)
        self.backbone: nn.Module = self._prepared(assembly.backbone)
        self.loss: nn.Module = assembly.loss.to(self.compute.device, self.compute.dtype)
        self._modules = {"backbone": self.backbone, "loss": self.loss}
        self.shard = shard_tensors(self.loss)
        for module in (self.backbone, self.loss):
            distributed.broadcast_values(self._common(module.parameters(), module.buffers()))
        self.optimizer = build_optimizer(plan.optimizer, self.backbone, self.loss)
        self.schedule = Schedule(plan.scheduler, self.optimizer, assembly.length)
        self.ema = moving_average(self.backbone, train.ema)
        self.scale = LossScale(self.compute.device) if self.compute.precision == "float16" else None
        self.guard = FiniteGuard(train.max_skipped, self.compute.device)
        self.buffers = SavedBuffers(self._modules, frozen_tensors(self.loss))
        if train.checkpoint_activations:
            recompute_activations(self.backbone, plan.backbone.who)
        form = compiled(self.backbone, train.compile, plan.backbone.who)
        self.network: nn.Module = replicate(form, self.compute.device)
        looks = FirstBatch(promised_by(assembly))
        self.prepare = BatchPreparation(assembly, self.compute, looks)
        self.first: FirstBatch | None = looks  # None after the first batch
        self.train_mode()

    def _prepared(self, backbone: nn.Module) -> nn.Module:
        if self.train.sync_batchnorm and self.compute.device.type == "cuda" and world_size() > 1:
            backbone = nn.SyncBatchNorm.convert_sync_batchnorm(backbone)  # type: ignore[no-untyped-call]
        return self.compute.place(backbone)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and kept as best: the moving average where the recipe asks for one."""
        return self.ema.module if self.ema is not None else self.backbone

    def train_mode(self) -> None:
        """Put everything into training mode, except an opened backbone and what the loss declares as frozen."""
        self.network.train(not isinstance(self.assembly.plan.backbone, Opened))
        self.loss.train()
        for module in frozen_modules(self.loss):
            module.eval()

    def step(self, batches: Iterable[PreparedBatch], count: int = 1) -> StepResult:
        """One optimizer step over the mean loss of ``batches``; nothing that is saved changes when it is not finite.

        Nothing is read from the device, but for optimizers that cannot skip a step by themselves. What the host keeps
        (schedule, random generators) moves on; the result's ``rewind`` puts it back.

        Args:
            batches: the sampler's batches that make up this step, as `prepare` makes them.
            count: how many they are (``train.accumulate``).
        """
        begins = self.first is not None
        self.optimizer.zero_grad(set_to_none=True)
        self.buffers.keep()
        rewind, rate = self._rewind(), self.schedule.rate
        values = []
        for number, prepared in enumerate(batches, start=1):
            value, embeddings = self._fitting(prepared, count, number == count, rewind)
            values.append(value)
            labels = prepared.loaded.labels
            del prepared  # its memory is free before the next batch is prepared
        norm, evidence = self.finish_gradients()
        loss, verdict = self.guard.judge(values, norm, evidence, self.scale.factor if self.scale else None)
        said, scalars = diagnostics(self.assembly.loss), component_scalars(self.assembly)
        numbers = StepNumbers(loss, norm, said, verdict, rate, rewind, scalars)
        known = self._change_unless(verdict)
        if begins:
            self.buffers.look_again()
        if known is not None and takes_flag(self.optimizer):
            known = None  # read in the first step only, and not on every process: none of them may act on it
        return StepResult(numbers, embeddings, labels.to(embeddings.device, non_blocking=True), known)

    def _rewind(self) -> Callable[[], None]:
        """What puts schedule and random generators back to what they are now."""
        put_back, schedule = keep_random_state(), self.schedule.snapshot()

        def rewind() -> None:
            put_back()
            self.schedule.restore(schedule)

        return rewind

    def _change_unless(self, verdict: Verdict) -> bool | None:
        """Take the step that the gradients make, unless it is skipped; whether it was, where somebody had to know."""
        skipped = verdict.skipped
        known = step_unless(self.optimizer, skipped)
        self.buffers.put_back(skipped)
        if self.scale is not None:
            self.scale.update(skipped, verdict.ended)
        self.schedule.step_ended(moved=not known)
        self._broadcast_buffers()
        if self.ema is not None and takes_flag(self.optimizer):
            update_unless(self.ema, self.backbone, skipped)
        elif self.ema is not None and not known:
            self.ema.update(self.backbone)
        return known

    def _fitting(
        self, prepared: PreparedBatch, parts: int, last: bool, rewind: Callable[[], None]
    ) -> tuple[Tensor, Tensor]:
        """`backward`; where memory runs out, the error says which batch would fit, and the step has changed nothing."""
        try:
            return self.backward(prepared, parts, last)
        except Exception as error:
            if (said := fitting_batch.explained(error, self, prepared.batch)) is None:
                raise
            rewind()
            raise said from error

    def backward(self, prepared: PreparedBatch, parts: int, last: bool) -> tuple[Tensor, Tensor]:
        """The loss of a batch and its embeddings, both detached; gradients of ``1 / parts`` of the loss are added.

        Args:
            prepared: by `prepare`.
            parts: batches of this step.
            last: whether this is the step's last batch.

        Raises:
            PluginError: a component fails, or does not do what it has promised.
        """
        plan, first, batch = self.assembly.plan, self.first, prepared.batch
        images = self.compute.feed(batch.images, self.assembly.backbone.input_spec)
        waits = not last and isinstance(self.network, DistributedDataParallel)
        with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
            with call_into(plan.backbone.who, "failed in forward", self.backbone), self.compute.autocast():
                embeddings = self.network(images)
            if first is not None:
                first.embedded(embeddings, len(images))
            embeddings = embeddings.to(self.compute.dtype)
            value = self._loss_of(embeddings, batch, prepared.loaded.whole)
            if value.requires_grad:
                with call_into(plan.loss.who, "failed in backward", self.loss):
                    scaled = value if self.scale is None else self.scale.multiply(value)
                    (scaled / parts if parts > 1 else scaled).backward()  # type: ignore[no-untyped-call]
        if first is not None:
            first.gradients(value, self.backbone, self.loss)
            self.first = None
        return value.detach(), embeddings.detach()

    def _loss_of(self, embeddings: Tensor, batch: Batch, whole: int | None) -> Tensor:
        """The loss of a batch; the first one's parts are looked at."""
        first, loss = self.first, self.assembly.loss
        if first is None:
            return call_loss(loss, embeddings, batch.labels, batch, whole)
        with looking_at_losses(lambda part, rows, value: first.part_called(part, loss, rows, value)):
            return call_loss(loss, embeddings, batch.labels, batch, whole)

    def finish_gradients(self) -> tuple[Tensor | None, Evidence]:
        """Average gradients over processes and clip them.

        Returns:
            The norm before clipping, None where nothing is clipped, and the largest absolute values of the gradients
            and of the networks' statistics before it.
        """
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        if world_size() > 1:
            averaged = isinstance(self.network, DistributedDataParallel)
            backbone = [] if averaged else [weight for weight in self.backbone.parameters() if weight.requires_grad]
            average_gradients([*backbone, *self._common(trained_parameters(self.loss))])
            scale_shard_gradients([weight for weight in weights if id(weight) in self.shard])
        trained = [weight for weight in weights if weight.grad is not None and weight.numel()]
        gradients = [weight.grad for weight in trained if weight.grad is not None]
        if self.scale is not None:
            self.scale.divide(gradients)
        buffers = self.buffers.floating()
        evidence = Evidence(largest_values(gradients), largest_values(list(buffers.values())), trained, list(buffers))
        norm = None
        if self.train.clip_gradient_norm is not None:
            norm = clip_gradients(weights, self.shard, self.train.clip_gradient_norm)
        return norm, evidence

    def what_of(self, loss: float, evidence: Evidence) -> str:
        """What of a step is not finite, in words."""
        if not math.isfinite(loss):
            return "the loss"
        sides = self._modules.items()
        return evidence.first({id(w): f"{side}.{name}" for side, m in sides for name, w in m.named_parameters()})

    def _common(self, *groups: Iterable[TensorT]) -> list[TensorT]:
        """The tensors that every process holds, without this process's shards."""
        return [tensor for group in groups for tensor in group if id(tensor) not in self.shard]

    def _broadcast_buffers(self) -> None:
        """Rank 0's buffers everywhere, as its checkpoint holds them: batch norm saw other samples on each process.

        What no checkpoint holds, such as class weights, is a constant, the same on each.
        """
        if world_size() == 1:
            return
        left_out = shard_tensors(self.loss) | frozen_tensors(self.loss)  # a module may have replaced a buffer
        distributed.broadcast_values(SavedBuffers(self._modules, left_out).tensors())
