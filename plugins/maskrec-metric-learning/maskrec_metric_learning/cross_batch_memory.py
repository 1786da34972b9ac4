"""The library's cross-batch memory around one of its losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pytorch_metric_learning import losses as library_losses
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.kinds import Kind
from maskrec.contracts.problem import Problem
from maskrec.losses.inputs import check_embeddings, full_precision
from maskrec_metric_learning.library_signature import signature_of
from maskrec_metric_learning.loss_parameters import LEFT_OUT, MEMORY_SIZE, MINER
from maskrec_metric_learning.losses import LibraryLoss, numbers_of
from maskrec_metric_learning.miners import Indices, chosen_by, refuse_summing
from maskrec_metric_learning.offered import LOSSES, MEMORY, REMEMBERED
from maskrec_metric_learning.stated import Stated, range_problems
from maskrec_metric_learning.targets import target_of

_STATED = {
    "loss": Stated(Annotated[Any, Kind("loss")], "a pml_ loss over pairs or triplets, without a miner of its own"),
    "memory_size": MEMORY_SIZE,
    "miner": MINER,
}
_NAMES = tuple(each.name for each in LOSSES if each.library in REMEMBERED)


class RememberingLoss(nn.Module):
    """A loss of the library over the batch and the embeddings of past steps.

    Args:
        loss: the loss.
        embedding_size: of the backbone's embeddings.
        memory_size: how many embeddings are kept.
        miner: chooses what counts; None for every pair.

    Raises:
        ValueError: the loss has a miner of its own, or the miner does not list what it chooses.
    """

    scope: ClassVar[Literal["global"]] = "global"

    place: Tensor
    filled: Tensor

    def __init__(self, loss: Any, embedding_size: int, memory_size: int, miner: Any = None) -> None:
        super().__init__()
        refuse_summing(miner)
        if loss.miner is not None:
            raise ValueError("the miner of the loss within a memory would not be asked; give it to the memory instead")
        self.miner, self.size = miner, memory_size
        asked = None if miner is None else _Asked(self)
        self.library = library_losses.CrossBatchMemory(loss.library, embedding_size, memory_size, asked)
        # The library keeps these two as attributes, which no checkpoint holds and no skipped step puts back.
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))
        self.register_buffer("filled", torch.zeros((), dtype=torch.bool))
        self._chosen: dict[str, float] = {}

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """A scalar in float32 (float64 for float64 embeddings); the batch is stored first.

        Args:
            embeddings: ``(B, d)``, before normalisation.
            labels: int64 ``(B,)``.

        Raises:
            UsageError: shapes that do not fit.
            MaskrecError: the batch is larger than the memory.
        """
        check_embeddings(embeddings, labels, self.library.embedding_size)
        if len(labels) > self.size:
            raise MaskrecError(
                f"the batch of {len(labels)} images is larger than the memory of {self.size}; use a larger memory_size"
            )
        with full_precision(embeddings) as rows:
            return self._of(rows, labels)

    def _of(self, rows: Tensor, labels: Tensor) -> Tensor:
        self.library.queue_idx, self.library.has_been_filled = int(self.place), bool(self.filled)
        value: Tensor = self.library(rows, labels)
        self.place.fill_(self.library.queue_idx)
        self.filled.fill_(self.library.has_been_filled)
        return value.reshape(())

    def ask(self, rows: Tensor, labels: Tensor, memory: Tensor, their_labels: Tensor) -> Indices:
        """What the miner chooses from the memory, which holds the batch itself too."""
        own = self.library.curr_batch_idx[:, None] == torch.arange(len(memory), device=rows.device)
        chosen = chosen_by(self.miner, self.library.loss.distance, rows, labels, memory, their_labels, ~own)
        self._chosen = numbers_of(chosen)
        return chosen

    def diagnostics(self) -> dict[str, float]:
        """How many pairs or triplets the miner chose from the last batch and the memory."""
        return dict(self._chosen)


class _Asked:
    """What the library calls as its miner; no module, so that the miner has one place among the loss's modules."""

    def __init__(self, memory: RememberingLoss) -> None:
        self.memory = memory

    def __call__(self, rows: Tensor, labels: Tensor, memory: Tensor, their_labels: Tensor) -> Indices:
        return self.memory.ask(rows, labels, memory, their_labels)


def _problems(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
    yield from range_problems(_STATED, values)
    loss = values["loss"]
    name = loss.offered.name if isinstance(loss, LibraryLoss) else str(getattr(loss, "name", type(loss).__name__))
    if name.rpartition("/")[2] not in _NAMES:
        yield Problem(f"the memory cannot be around {name}", "loss", f"use one of {', '.join(_NAMES)}")


CrossBatchMemory = target_of(
    MEMORY,
    lambda values: RememberingLoss(**values),
    check=_problems,
    signature=signature_of(library_losses.CrossBatchMemory, _STATED, LEFT_OUT, ("embedding_size",)),
    stated=_STATED,
    details=f"{MEMORY.paper}; ``pytorch_metric_learning.losses.CrossBatchMemory``. All of it is in the checkpoint.",
    module=__name__,
)
