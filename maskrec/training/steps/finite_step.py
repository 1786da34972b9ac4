"""Whether a step is finite: on the device, without waiting for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from maskrec.contracts.collectives import all_reduce_sum, exact_dtype, world_size


@dataclass(frozen=True, slots=True)
class Evidence:
    """The largest absolute value in each gradient and buffer of this process; not finite where any value is not.

    Args:
        gradients: ``(n,)``, one for each of ``weights``.
        buffers: ``(m,)``, one for each of ``names``.
        weights: those that have a gradient.
        names: of the saved buffers of floating point numbers.
    """

    gradients: Tensor
    buffers: Tensor
    weights: Sequence[nn.Parameter]
    names: Sequence[str]

    def first(self, weight_names: Mapping[int, str]) -> str:
        """The first that is not finite, in words; reads from the device.

        Args:
            weight_names: by the identity of the weight.
        """
        for place, largest in enumerate(self.gradients.tolist()):
            if not math.isfinite(largest):
                return f"the gradient of {weight_names.get(id(self.weights[place]), 'a weight')}"
        for name, largest in zip(self.names, self.buffers.tolist(), strict=True):
            if not math.isfinite(largest):
                return f"the buffer {name}"
        return "the gradient" if world_size() == 1 else "a gradient or buffer of another process"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a step: booleans on the device, the same on every process.

    Args:
        skipped: the step changes nothing that is saved.
        not_finite: something in it is not finite, other than an overflow that a smaller loss scale avoids.
        ended: this step or one before it was one more than may be skipped: nothing changes any more.
        evidence: what of it is not finite.
    """

    skipped: Tensor
    not_finite: Tensor
    ended: Tensor
    evidence: Evidence


class FiniteGuard:
    """Judges each step on the device and counts those that are not finite.

    The host reads its verdicts later, so once more steps than allowed were not finite, all that follow change nothing:
    what is there when the host learns of it is the state before the step that was one too many.

    Args:
        max_skipped: how many steps of a run may be skipped.
        device: of the networks.
    """

    def __init__(self, max_skipped: int, device: torch.device) -> None:
        self.max_skipped = max_skipped
        self.skipped = torch.zeros((), dtype=torch.int64, device=device)  # of those that may be
        self.ended = torch.zeros((), dtype=torch.bool, device=device)

    def judge(
        self, losses: Sequence[Tensor], norm: Tensor | None, evidence: Evidence, scale: Tensor | None = None
    ) -> tuple[Tensor, Verdict]:
        """The step's loss over all processes, in float64, and the verdict on it.

        Args:
            losses: this process's, one for each batch of the step.
            norm: of the gradients of all processes, where they are clipped.
            evidence: of this process.
            scale: by which losses were multiplied; None without one.
        """
        together = _over_processes(losses, evidence)
        tail = [] if norm is None else [norm.to(together.device, together.dtype).reshape(1)]
        wrong = _not_finite(torch.cat([together, *tail]) if tail else together)
        counted = wrong
        if scale is not None:  # gradients that only the scale made too large: the next step has a smaller one
            counted = wrong & (_not_finite(together[:-1]) | (scale <= 1))
        fresh = counted > self.ended  # none once the run has ended
        if self.max_skipped:
            count = self.skipped + fresh
            self.ended = self.ended | (count > self.max_skipped)
            self.skipped = count.clamp(max=self.max_skipped)
        else:  # nothing to count, which every step would pay for
            self.ended = self.ended | counted
        skipped = self.ended if counted is wrong and not self.max_skipped else wrong | self.ended
        return _total(together, len(losses)), Verdict(skipped, fresh, self.ended, evidence)


def _over_processes(losses: Sequence[Tensor], evidence: Evidence) -> Tensor:
    """The sum over processes of each loss, of the largest buffer and of the largest gradient, in this order."""
    device = losses[0].device
    exact = exact_dtype(device)
    largest = [
        values.max() if values.numel() else torch.zeros((), dtype=exact, device=device)
        for values in (evidence.buffers, evidence.gradients)
    ]
    return all_reduce_sum(torch.stack([*(loss.detach().to(exact) for loss in losses), *largest]))


def _not_finite(values: Tensor) -> Tensor:
    """Whether any value is not finite: only of those is the difference to itself another number than 0."""
    return (values - values).ne(0).any()


def _total(sums: Tensor, count: int) -> Tensor:
    """The mean over processes and over the ``count`` losses of a step's batches, added up in their order."""
    means = sums[:count] / world_size() if world_size() > 1 else sums
    if count == 1:
        return means[0]
    total = means[0] / count
    for mean in means[1:count]:
        total = total + mean / count
    return total


def largest_values(tensors: Sequence[Tensor]) -> Tensor:
    """``(n,)`` largest absolute values of tensors that are not empty, in float64; not finite where any value is not."""
    found = []
    for (device, _), group in groupby(tensors, key=lambda tensor: (tensor.device, tensor.dtype)):
        norms = torch._foreach_norm([each.detach() if each.requires_grad else each for each in group], math.inf)
        found.append(torch.stack(norms).to(exact_dtype(device)))
    if len(found) == 1:
        return found[0]
    return torch.cat(found) if found else torch.zeros(0)
