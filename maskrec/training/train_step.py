"""One optimizer step: the networks, the loss and the optimizer together on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.contracts.call_into import call_into
from maskrec.contracts.call_loss import call_loss, looking_at_losses, sharded_modules
from maskrec.contracts.collectives import all_reduce_sum, row_counts, world_size
from maskrec.contracts.component_calls import diagnostics, frozen_modules
from maskrec.recipe.plan import Opened
from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import LoadedBatch
from maskrec.runtime.model_input import apply_transforms, batch_to
from maskrec.training import distributed
from maskrec.training.checks.first_batch import FirstBatch, promised_by
from maskrec.training.finite_step import Undo, largest_value, not_finite, read_together, saved_buffers
from maskrec.training.gradients import average_gradients, clip_gradients, replicate, scale_shard_gradients
from maskrec.training.optimizing import build_optimizer, frozen_tensors, trained_parameters
from maskrec.training.schedule import Schedule

if TYPE_CHECKING:
    from maskrec.contracts.sample import Batch
    from maskrec.training.assemble import Assembly


TensorT = TypeVar("TensorT", bound=Tensor)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one optimizer step: its loss over the global batch, and what observers receive.

    Args:
        not_finite: what of it is not finite, in words; empty where the step was taken.
    """

    loss: float
    learning_rate: float
    gradient_norm: float | None
    diagnostics: Mapping[str, float]
    embeddings: Tensor
    labels: Tensor
    images: int
    not_finite: str = ""

    @property
    def finite(self) -> bool:
        """Whether the step could be taken; a loss, gradient or statistic that is not finite changes no weight."""
        return not self.not_finite


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
        self.shard = _shard_tensors(self.loss)
        for module in (self.backbone, self.loss):
            distributed.broadcast_values(self._common(module.parameters(), module.buffers()))
        self.optimizer = build_optimizer(plan.optimizer, self.backbone, self.loss)
        self.schedule = Schedule(plan.scheduler, self.optimizer, assembly.length)
        self.ema = _moving_average(self.backbone, train.ema)
        compiled = torch.compile(self.backbone) if train.compile else self.backbone
        self.network: nn.Module = replicate(compiled, self.compute.device)  # type: ignore[arg-type]
        self.first: FirstBatch | None = FirstBatch(promised_by(assembly))  # None after the first step
        self._transforms = {label: spec.who for label, spec in plan.transforms.items()}
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

    def step(self, batches: Sequence[LoadedBatch], epoch: int, step: int) -> StepResult:
        """One optimizer step over the mean loss of ``batches``; nothing changes when it is not finite.

        Args:
            batches: the sampler's batches that make up this step (``train.accumulate`` of them).
            epoch: from 0.
            step: optimizer steps finished before.
        """
        self.optimizer.zero_grad(set_to_none=True)
        undo = Undo(self._saved_buffers().values())
        values, images = [], 0
        for number, loaded in enumerate(batches, start=1):
            loaded = loaded.to(self.compute.prepares_on)
            last = number == len(batches)
            value, embeddings = self.backward(loaded, epoch, step, len(batches), last)
            values.append(value)
            images += _images_of_all(embeddings)
        norm, largest = self.finish_gradients()
        losses, norm_read, largest_read = read_together(values, norm, largest)
        total = sum((loss / len(batches) for loss in losses), 0.0)
        fault = self.not_finite(total, norm_read, largest_read)
        rate = self.schedule.rate
        said = diagnostics(self.assembly.loss)
        labels = loaded.labels.to(embeddings.device)
        result = StepResult(total, rate, norm_read, said, embeddings, labels, images, fault)
        if result.finite:
            self.optimizer.step()
            self.schedule.step_ended()
            self._broadcast_buffers()
            if self.ema is not None:
                self.ema.update(self.backbone)
        else:
            undo()
        return result

    def backward(self, loaded: LoadedBatch, epoch: int, step: int, parts: int, last: bool) -> tuple[Tensor, Tensor]:
        """The loss of a batch and its embeddings, both detached; gradients of ``1 / parts`` of the loss are added.

        Args:
            loaded: on the device.
            epoch: from 0.
            step: optimizer steps finished before.
            parts: batches of this step.
            last: whether this is the step's last batch.

        Raises:
            PluginError: a component fails, or does not do what it has promised.
        """
        plan, first = self.assembly.plan, self.first
        if first is not None:
            first.loaded(loaded)
        look = None if first is None else first.transformed
        batch = apply_transforms(loaded, self.assembly.transforms, self.seed, epoch, step, self._transforms, look)
        batch = batch_to(batch, self.compute.device)
        images = self.compute.feed(batch.images, self.assembly.backbone.input_spec)
        waits = not last and isinstance(self.network, DistributedDataParallel)
        with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
            with call_into(plan.backbone.who, "failed in forward", self.backbone), self.compute.autocast():
                embeddings = self.network(images)
            if first is not None:
                first.embedded(embeddings, len(images))
            embeddings = embeddings.to(self.compute.dtype)
            value = self._loss_of(embeddings, batch)
            if value.requires_grad:
                with call_into(plan.loss.who, "failed in backward", self.loss):
                    (value / parts).backward()  # type: ignore[no-untyped-call]
        if first is not None:
            first.gradients(value, self.backbone, self.loss)
            self.first = None
        return value.detach(), embeddings.detach()

    def _loss_of(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch; the first one's parts are looked at."""
        first, loss = self.first, self.assembly.loss
        if first is None:
            return call_loss(loss, embeddings, batch.labels, batch)
        with looking_at_losses(lambda part, rows, value: first.part_called(part, loss, rows, value)):
            return call_loss(loss, embeddings, batch.labels, batch)

    def finish_gradients(self) -> tuple[Tensor | None, Tensor]:
        """Average gradients over processes and clip them.

        Returns:
            The norm before clipping, None where nothing is clipped, and the largest absolute value of the gradients and
            of the networks' statistics before it: not finite where any of them on any process is not.
        """
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        averaged = isinstance(self.network, DistributedDataParallel)
        backbone = [] if averaged else [weight for weight in self.backbone.parameters() if weight.requires_grad]
        average_gradients([*backbone, *self._common(trained_parameters(self.loss))])
        scale_shard_gradients([weight for weight in weights if id(weight) in self.shard])
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        largest = all_reduce_sum(largest_value([*gradients, *self._saved_buffers().values()]))
        norm = None
        if self.train.clip_gradient_norm is not None:
            norm = clip_gradients(weights, self.shard, self.train.clip_gradient_norm)
        return norm, largest

    def _saved_buffers(self) -> dict[str, Tensor]:
        """The buffers that a checkpoint holds, such as the statistics of batch norm, by name."""
        frozen = frozen_tensors(self.loss)
        return {
            f"{side}.{name}": buffer
            for side, module in (("backbone", self.backbone), ("loss", self.loss))
            for name, buffer in saved_buffers(module)
            if id(buffer) not in frozen
        }

    def not_finite(self, loss: float, norm: float | None, largest: float) -> str:
        """What of a step is not finite, in words; empty where nothing is."""
        sides = (("backbone", self.backbone), ("loss", self.loss))
        weights = {f"{side}.{name}": weight for side, module in sides for name, weight in module.named_parameters()}
        gradients = {name: weight.grad for name, weight in weights.items()}
        return not_finite(loss, norm, largest, gradients, self._saved_buffers())

    def _common(self, *groups: Iterable[TensorT]) -> list[TensorT]:
        """The tensors that every process holds, without this process's shards."""
        return [tensor for group in groups for tensor in group if id(tensor) not in self.shard]

    def _broadcast_buffers(self) -> None:
        """Rank 0's buffers everywhere, as its checkpoint holds them: batch norm saw other samples on each process."""
        left_out = _shard_tensors(self.loss) | frozen_tensors(self.loss)  # a module may have replaced a buffer
        buffers = (*self.backbone.buffers(), *self.loss.buffers())
        distributed.broadcast_values(buffer for buffer in buffers if id(buffer) not in left_out)


def _images_of_all(embeddings: Tensor) -> int:
    """How many images all processes have embedded."""
    return len(embeddings) if world_size() == 1 else sum(row_counts(embeddings))


def _shard_tensors(loss: nn.Module) -> set[int]:
    """Identities of the parameters and buffers that this process alone holds."""
    modules = sharded_modules(loss).values()
    return {id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())}


def _moving_average(backbone: nn.Module, decay: float | None) -> Any:
    if decay is None:
        return None
    from timm.utils.model_ema import ModelEmaV3

    return ModelEmaV3(backbone, decay=decay)
