"""One optimizer step: the networks, the loss and the optimizer together on the device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskrec.base.errors import MaskrecError
from maskrec.contracts.call_loss import call_loss, scope_of
from maskrec.contracts.collectives import world_size
from maskrec.runtime.device import autocast, parameter_dtype, pick_device, pick_precision
from maskrec.runtime.loading import LoadedBatch, epoch_places, load
from maskrec.runtime.model_input import apply_transforms, normalize_input
from maskrec.training import distributed
from maskrec.training.optimizing import Schedule, build_optimizer, frozen_modules, trained_parameters

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly


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
        self.device = pick_device(train.device)
        self.precision = pick_precision(train.precision, self.device)
        self.dtype = parameter_dtype(self.precision)
        self.backbone: nn.Module = self._prepared(assembly.backbone)
        self.loss: nn.Module = assembly.loss.to(self.device, self.dtype)
        distributed.broadcast_weights(self.backbone)
        if scope_of(self.loss) != "sharded":
            distributed.broadcast_weights(self.loss)
        self.optimizer = build_optimizer(plan.optimizer, self.backbone, self.loss)
        self.schedule = Schedule(plan.scheduler, self.optimizer)
        self.ema = _moving_average(self.backbone, train.ema)
        compiled = torch.compile(self.backbone) if train.compile else self.backbone
        self.network: nn.Module = distributed.replicate(compiled, self.device)  # type: ignore[arg-type]
        self.train_mode()

    def _prepared(self, backbone: nn.Module) -> nn.Module:
        if self.train.sync_batchnorm and self.device.type == "cuda" and world_size() > 1:
            backbone = nn.SyncBatchNorm.convert_sync_batchnorm(backbone)  # type: ignore[no-untyped-call]
        backbone = backbone.to(self.device, self.dtype)
        if self.train.channels_last:
            backbone = backbone.to(memory_format=torch.channels_last)
        return backbone

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and kept as best: the moving average where the recipe asks for one."""
        return self.ema.module if self.ema is not None else self.backbone

    def train_mode(self) -> None:
        """Put everything into training mode, except what the loss declares as frozen."""
        self.network.train()
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
            loaded = loaded.to(self.device)
            last = number == len(batches)
            value, embeddings = self._backward(loaded, epoch, step, len(batches), last)
            total += distributed.global_mean(value, 1) / len(batches)
            images += int(distributed.global_mean(value.new_tensor(float(len(embeddings))), 1) * world_size())
        with self.schedule.rate_at(step) as rate:
            norm = self._finish_gradients()
            result = StepResult(total, rate, norm, self.diagnostics(), embeddings, loaded.labels, images)
            if result.finite:
                self.optimizer.step()
        if result.finite:
            self.schedule.step_ended()
            if self.ema is not None:
                self.ema.update(self.backbone)
        return result

    def _backward(self, loaded: LoadedBatch, epoch: int, step: int, parts: int, last: bool) -> tuple[Tensor, Tensor]:
        batch = apply_transforms(loaded, self.assembly.transforms, self.seed, epoch, step)
        spec = self.assembly.backbone.input_spec
        images = normalize_input(batch.images, spec, self.dtype, self.train.channels_last)
        waits = not last and isinstance(self.network, DistributedDataParallel)
        with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
            with autocast(self.precision, self.device):
                embeddings = self.network(images)
            embeddings = embeddings.to(self.dtype)
            value = call_loss(self.assembly.loss, embeddings, batch.labels, batch)
            if value.ndim != 0:
                message = f"{self.assembly.plan.loss.name} returned a tensor of shape {tuple(value.shape)}"
                raise MaskrecError(f"loss: {message}; a loss must return a scalar")
            if value.requires_grad:
                (value / parts).backward()  # type: ignore[no-untyped-call]
        return value.detach(), embeddings.detach()

    def _finish_gradients(self) -> float | None:
        """Average the loss's gradients over processes and clip everything; the norm before clipping."""
        if scope_of(self.loss) != "sharded":
            distributed.average_gradients(trained_parameters(self.loss))
        if self.train.clip_gradient_norm is None:
            return None
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        return float(nn.utils.clip_grad_norm_(weights, self.train.clip_gradient_norm))

    def diagnostics(self) -> dict[str, float]:
        """The loss's diagnostics of its last batch."""
        diagnostics = getattr(self.loss, "diagnostics", None)
        told = diagnostics() if callable(diagnostics) else {}
        return {name: float(value) for name, value in told.items()}

    def try_first_batch(self) -> None:
        """One forward and backward pass over the first batch of epoch 0."""
        places = epoch_places(self.assembly.sampler, 0)[:1]
        for loaded in load(self.assembly.dataset, places, workers=0, pin=False):
            self._backward(loaded.to(self.device), 0, 0, 1, True)


def _moving_average(backbone: nn.Module, decay: float | None) -> Any:
    if decay is None:
        return None
    from timm.utils.model_ema import ModelEmaV3

    return ModelEmaV3(backbone, decay=decay)
