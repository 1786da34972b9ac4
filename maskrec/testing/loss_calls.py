"""A loss, or a part inside of one, built and called as a training step does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from maskrec.contracts.call_loss import call_loss, sharded_modules
from maskrec.contracts.collectives import rank, world_size
from maskrec.contracts.component_calls import frozen_modules
from maskrec.plugin.catalog import Catalog
from maskrec.testing.candidate import Candidate
from maskrec.testing.small_batches import LossInput, loss_input
from maskrec.training.steps.optimizing import trained_parameters
from maskrec.training.steps.random_state import seed_process

LOSS_PARTS = ("miner", "memory", "margin", "criterion", "head")
"""The parts that are checked inside of a loss too."""
LABELS = (0, 1, 2, 3) * 3
_CUT = 7  # how many of its samples the first of two processes has
_SCALE = 8.0


def loss_candidate(candidate: Candidate) -> Candidate:
    """The loss itself; for one of `LOSS_PARTS` a built-in loss with this part."""
    if candidate.kind == "loss":
        return candidate
    part = {"use": candidate.entry.qualified, **candidate.options}
    if candidate.part in ("miner", "memory"):
        return candidate.other("loss", "maskrec/triplet", **{candidate.part: part})
    parts = {"margin": {"use": "maskrec/cos"}, "scale": _SCALE, candidate.part: part}
    return candidate.other("loss", "maskrec/margin_softmax", **parts)


def built_loss(candidate: Candidate, dtype: torch.dtype = torch.float64, **givens: Any) -> nn.Module:
    """A new one in training mode; what it declares as frozen is in eval mode.

    Args:
        candidate: a loss or a part.
        dtype: of its weights.
        givens: in place of the small ones.
    """
    loss: nn.Module = loss_candidate(candidate).build(**givens).to(dtype).train()
    for module in frozen_modules(loss):
        module.eval()
    return loss


def value_of(loss: Any, given: LossInput) -> Tensor:
    """The loss of these samples, a scalar tensor."""
    return call_loss(loss, given.embeddings, given.labels, given.batch)


@dataclass(frozen=True, slots=True)
class Gradients:
    """What one backward pass gave.

    Args:
        value: of the loss.
        embeddings: the gradient of the embeddings; None where it does not reach them.
        weights: those of the trained parameters, by name.
        buffers: the other tensors of the loss after the pass, by name.
        shards: the names among ``weights`` of what this process alone holds.
    """

    value: Tensor
    embeddings: Tensor | None
    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]
    shards: frozenset[str] = frozenset()

    def all_finite(self) -> bool:
        """Whether value and gradients are."""
        tensors = [self.value, *self.weights.values(), *([] if self.embeddings is None else [self.embeddings])]
        return all(bool(tensor.isfinite().all()) for tensor in tensors)


def gradients_of(loss: nn.Module, given: LossInput) -> Gradients:
    """The value and the gradients of the loss for these samples."""
    loss.zero_grad(set_to_none=True)
    embeddings = given.embeddings.detach().requires_grad_()
    value = value_of(loss, given.with_embeddings(embeddings))
    if value.requires_grad:
        value.backward()  # type: ignore[no-untyped-call]
    trained = {id(weight) for weight in trained_parameters(loss)}
    named = {name: weight for name, weight in loss.named_parameters() if id(weight) in trained}
    prefixes = tuple(f"{name}." if name else "" for name in sharded_modules(loss))
    return Gradients(
        value.detach(),
        embeddings.grad,
        {name: weight.grad for name, weight in named.items() if weight.grad is not None},
        {name: buffer.detach().clone() for name, buffer in loss.named_buffers()},
        frozenset(name for name in named if name.startswith(prefixes)) if prefixes else frozenset(),
    )


def steps_in_parts(candidate: Candidate) -> list[Gradients]:
    """Two batches one after the other, of which each process has its part; alone, this process has all of it.

    In float64, with 20 classes. As in a run, the global random numbers of every process are others.
    """
    loss = built_loss(candidate, num_classes=20)
    found = []
    for step in (1, 2):
        labels = [5 * label + step for label in LABELS]  # 1 to 17: on both sides of a cut between 10 and 10
        given = loss_input(labels, seed=step, dtype=torch.float64)
        part = slice(None) if world_size() == 1 else slice(0, _CUT) if rank() == 0 else slice(_CUT, None)
        seed_process(0, step)
        found.append(gradients_of(loss, given.rows(part)))
    return found


def portable(candidate: Candidate) -> Candidate:
    """The same candidate without what may not be sent to another process."""
    return replace(candidate, catalog=Catalog(candidate.catalog.entries, (), candidate.catalog.providers))
