"""One optimizer step: the networks, the loss and the optimizer together on the device."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.base.errors import MaskrecError
from maskrec.contracts.call_loss import call_loss, sharded_modules
from maskrec.contracts.collectives import world_size
from maskrec.contracts.component_calls import diagnostics, frozen_modules
from maskrec.recipe.plan import Opened
from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import LoadedBatch, epoch_places, load
from maskrec.runtime.model_input import apply_transforms, batch_to
from maskrec.training import distributed
from maskrec.training.gradients import average_gradients, clip_gradients, replicate, scale_shard_gradients
from maskrec.training.optimizing import build_optimizer, frozen_tensors, trained_parameters
from maskrec.training.schedule import Schedule

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly


TensorT = TypeVar("TensorT", bound=Tensor)


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one optimizer step: its loss over the global batch, and what observers receive."""

    loss: float
    learning_rate: float
    gradient_norm: float | None
    diagnostics: Mapping[str, float]
    embeddings: Tensor
    labels: Tensor
    images: int

    @property
    def finite(self) -> bool:
        """Whether the step could be taken; a non-finite loss or gradient changes no weight."""
        return math.isfinite(self.loss) and (self.gradient_norm is None or math.isfinite(self.gradient_norm))


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
        total, images = 0.0, 0
        for number, loaded in enumerate(batches, start=1):
            loaded = loaded.to(self.compute.prepares_on)
            last = number == len(batches)
            value, embeddings = self._backward(loaded, epoch, step, len(batches), last)
            total += distributed.global_mean(value, 1) / len(batches)
            images += int(distributed.global_mean(value.new_tensor(float(len(embeddings))), 1) * world_size())
        norm = self._finish_gradients()
        rate = self.schedule.rate
        result = StepResult(
            total, rate, norm, diagnostics(self.loss), embeddings, loaded.labels.to(embeddings.device), images
        )
        if result.finite:
            self.optimizer.step()
            self.schedule.step_ended()
            self._broadcast_buffers()
            if self.ema is not None:
                self.ema.update(self.backbone)
        return result

    def _backward(self, loaded: LoadedBatch, epoch: int, step: int, parts: int, last: bool) -> tuple[Tensor, Tensor]:
        batch = apply_transforms(loaded, self.assembly.transforms, self.seed, epoch, step)
        batch = batch_to(batch, self.compute.device)
        images = self.compute.feed(batch.images, self.assembly.backbone.input_spec)
        waits = not last and isinstance(self.network, DistributedDataParallel)
        with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
            with self.compute.autocast():
                embeddings = self.network(images)
            embeddings = embeddings.to(self.compute.dtype)
            value = call_loss(self.assembly.loss, embeddings, batch.labels, batch)
            if value.ndim != 0:
                message = f"{self.assembly.plan.loss.name} returned a tensor of shape {tuple(value.shape)}"
                raise MaskrecError(f"loss: {message}; a loss must return a scalar")
            if value.requires_grad:
                (value / parts).backward()  # type: ignore[no-untyped-call]
        return value.detach(), embeddings.detach()

    def _finish_gradients(self) -> float | None:
        """Average gradients over processes and clip them; the norm before clipping."""
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        averaged = isinstance(self.network, DistributedDataParallel)
        backbone = [] if averaged else [weight for weight in self.backbone.parameters() if weight.requires_grad]
        average_gradients([*backbone, *self._common(trained_parameters(self.loss))])
        scale_shard_gradients([weight for weight in weights if id(weight) in self.shard])
        if self.train.clip_gradient_norm is None:
            return None
        return clip_gradients(weights, self.shard, self.train.clip_gradient_norm)

    def _common(self, *groups: Iterable[TensorT]) -> list[TensorT]:
        """The tensors that every process holds, without this process's shards."""
        return [tensor for group in groups for tensor in group if id(tensor) not in self.shard]

    def _broadcast_buffers(self) -> None:
        """Rank 0's buffers everywhere, as its checkpoint holds them: batch norm saw other samples on each process."""
        left_out = _shard_tensors(self.loss) | frozen_tensors(self.loss)  # a module may have replaced a buffer
        buffers = (*self.backbone.buffers(), *self.loss.buffers())
        distributed.broadcast_values(buffer for buffer in buffers if id(buffer) not in left_out)

    def try_first_batch(self) -> None:
        """One forward and backward pass over the first batch of epoch 0."""
        places = epoch_places(self.assembly.sampler, 0)[:1]
        for loaded in load(self.assembly.dataset, places, workers=0, pin=False):
            self._backward(loaded.to(self.compute.prepares_on), 0, 0, 1, True)


def _shard_tensors(loss: nn.Module) -> set[int]:
    """Identities of the parameters and buffers that this process alone holds."""
    modules = sharded_modules(loss).values()
    return {id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())}


def _moving_average(backbone: nn.Module, decay: float | None) -> Any:
    if decay is None:
        return None
    from timm.utils.model_ema import ModelEmaV3

    return ModelEmaV3(backbone, decay=decay)
