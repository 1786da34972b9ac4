"""The library's miners, for its losses and for maskrec's ``triplet``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from pytorch_metric_learning import miners as library_miners
from pytorch_metric_learning.utils import loss_and_miner_utils
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError
from maskrec.contracts.component_calls import method_of
from maskrec.contracts.problem import Problem
from maskrec.contracts.triplet_parts import call_miner
from maskrec_metric_learning.built_by_library import build
from maskrec_metric_learning.library_signature import signature_of
from maskrec_metric_learning.offered import DRAWING, MINERS, Offered, part_of_miner
from maskrec_metric_learning.part_parameters import LEFT_OUT, MINER
from maskrec_metric_learning.repeatable_draws import RepeatableDraws
from maskrec_metric_learning.stated import Stated, range_problems
from maskrec_metric_learning.targets import target_of

Indices = tuple[Tensor, ...]
"""As the library has them: anchors, positives, negatives; or anchors, positives, anchors, negatives."""


class LibraryMiner(nn.Module):
    """Any miner of the library.

    Args:
        offered: which one.
        values: of its parameters and givens.
    """

    def __init__(self, offered: Offered, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.offered = offered
        self.has_distance = values.get("distance") is not None
        self.draws = RepeatableDraws(values["seed"], values["context"].path) if "seed" in values else None
        self.library = build(getattr(library_miners, offered.library), offered.name, values)

    def forward(self, distances: Tensor, labels: Tensor) -> Tensor:
        """Triplets for maskrec's ``triplet``, int64 ``(T, 3)``; with pairs chosen, all that they make.

        Args:
            distances: ``(B, B)``.
            labels: int64 ``(B,)``.

        Raises:
            MaskrecError: the miner has a distance of its own, which would not be used.
        """
        if self.has_distance:
            raise MaskrecError(
                f"{self.offered.name} has a distance, and this loss measures distances itself; leave that out"
            )
        own = self.library.distance
        self.library.distance = _GivenDistances(distances)
        try:
            chosen = self.choose(distances, labels)
        finally:
            self.library.distance = own
        return torch.stack(loss_and_miner_utils.convert_to_triplets(chosen, labels), dim=1).long()

    def choose(
        self, embeddings: Tensor, labels: Tensor, references: Tensor | None = None, their_labels: Tensor | None = None
    ) -> Indices:
        """What the library's miner chooses, among references where there are any."""
        with self.draws.numbers(embeddings.device) if self.draws else nullcontext():
            indices: Indices = self.library(embeddings, labels, references, their_labels)
        return indices


class _GivenDistances(nn.Module):
    """Stands where the library's miner has its distance."""

    is_inverted = False

    def __init__(self, distances: Tensor) -> None:
        super().__init__()
        self.distances = distances

    def forward(self, query: Tensor, reference: Tensor) -> Tensor:
        return self.distances.clone()  # some miners write into it


def chosen_by(
    miner: Callable[..., Any],
    distance: nn.Module,
    embeddings: Tensor,
    labels: Tensor,
    references: Tensor | None = None,
    their_labels: Tensor | None = None,
    valid: Tensor | None = None,
) -> Indices:
    """What a miner of this plugin, or one of maskrec's, chooses for a loss of the library.

    Args:
        miner: either.
        distance: the loss's, for maskrec's miners.
        embeddings: ``(B, d)``.
        labels: int64 ``(B,)``.
        references: ``(M, d)``; None for the batch itself.
        their_labels: int64 ``(M,)``.
        valid: bool ``(B, M)``, which references a miner of maskrec may use; None for all but the anchor itself.
    """
    if isinstance(miner, LibraryMiner):
        return miner.choose(embeddings, labels, references, their_labels)
    with torch.no_grad():
        matrix = distance(embeddings) if references is None else distance(embeddings, references)
        matrix = -matrix if distance.is_inverted else matrix  # of a similarity, the order is the other way round
    if valid is None:
        valid = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    mined = call_miner(miner, matrix, labels, labels if their_labels is None else their_labels, valid)
    return mined.triplets[mined.valid].unbind(dim=1)


def refuse_summing(miner: object) -> None:
    """Raise ``ValueError`` for a miner that does not list what it chooses."""
    if miner is not None and not isinstance(miner, LibraryMiner) and method_of(miner, "sums") is not None:
        raise ValueError(
            f"the miner {type(miner).__name__} sums over its triplets and does not list them; use another one, or "
            "none: then every pair counts"
        )


def _problems(stated: Mapping[str, Stated], values: Mapping[str, Any]) -> Iterable[Problem]:
    yield from range_problems(stated, values)
    for name in ("allowed_pos_range", "allowed_neg_range"):
        low, high = values.get(name) or (0.0, 0.0)
        if low > high:
            yield Problem(f"{name} must be the smallest and the largest distance, not {low} and {high}", name)
    strategies = [values[name] for name in ("pos_strategy", "neg_strategy") if name in values]
    if "semihard" in strategies and (len(set(strategies)) == 1 or "all" in strategies):
        yield Problem("semihard cannot be combined with semihard or all", "neg_strategy", "use easy or hard beside it")


def _details(offered: Offered) -> str:
    text = f"``pytorch_metric_learning.miners.{offered.library}``."
    if part_of_miner(offered) == "miner":
        return f"{text} Within maskrec's ``triplet`` it chooses by that loss's distances, and works without a memory."
    return f"{text} For pml_ losses only: it needs the embeddings, and compares them by L2 at unit length."


def _target(offered: Offered) -> Callable[..., Any]:
    stated = MINER[offered.library]
    givens = ("seed", "context") if offered.library in DRAWING else ()
    return target_of(
        offered,
        partial(LibraryMiner, offered),
        check=lambda values, context: _problems(stated, values),
        signature=signature_of(getattr(library_miners, offered.library), stated, LEFT_OUT, givens),
        stated=stated,
        details=_details(offered),
        module=__name__,
    )


globals().update({each.library: _target(each) for each in MINERS})
