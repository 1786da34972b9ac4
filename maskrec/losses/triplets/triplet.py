"""Triplet loss with mining in the batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.contracts.component_calls import method_of
from maskrec.contracts.component_names import name_of
from maskrec.contracts.context import CheckContext
from maskrec.contracts.kinds import Part
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.triplet_parts import (
    Average,
    Memory,
    Mined,
    Miner,
    SummingMiner,
    TripletSums,
    call_miner,
    takes_square,
)
from maskrec.losses.inputs import check_embeddings, full_precision, unit_rows
from maskrec.losses.triplets.candidates import refuse_without_triplets
from maskrec.losses.triplets.mining import MinerName, built_in
from maskrec.losses.triplets.reference_distances import DistanceName, pairwise_distances, picked

MARGIN = 0.5


class Triplet(nn.Module):
    """An anchor nearer to its own identity than to others by a margin: ``max(0, d(a, p) - d(a, n) + margin)``.

    Schroff et al., 2015, and Hermans et al., 2017. The loss sees the whole batch (of all processes), so the sampler
    must put several images of several identities into it: ``identity_balanced``.

    Args:
        margin: in units of the distance, above 0. Two unit embeddings are at most 2 apart (4 for ``squared_l2``); a
            margin beyond that could never be satisfied and is refused. At exactly 2 every triplet stays active.
        soft_margin: ``log(1 + exp(d(a, p) - d(a, n)))`` in place of the hinge; ``margin`` must then be left out.
        miner: ``batch_hard``, ``semi_hard``, ``easy_positive``, ``batch_all`` (every triplet), ``batch_all_hard`` (of
            all triplets those whose negative is at most as far as the positive), or a part: ``{use: NAME, ...}``.
        normalize: whether embeddings are brought to length 1 first.
        distance: ``l2`` or ``squared_l2``.
        average: over all ``mined`` triplets or the ``active`` ones (loss above 0; 0 when there is none); None is what
            the miner says: ``active`` for ``batch_all`` and ``batch_all_hard``, ``mined`` for the others.
        memory: a part that holds embeddings of past steps, as further positives and negatives:
            ``{use: cross_batch_memory, size: 4096}``. Works with every built-in miner.

    Raises:
        ValueError: a margin no distance can reach, or one beside ``soft_margin``; a miner of another form than
            ``contracts.triplet_parts`` describes, or one that cannot be used with a memory.
    """

    scope: ClassVar[Literal["global"]] = "global"

    def __init__(
        self,
        margin: float = MARGIN,
        soft_margin: bool = False,
        miner: MinerName | Annotated[Miner | SummingMiner, Part("miner")] = "batch_hard",
        normalize: bool = True,
        distance: DistanceName = "l2",
        average: Average | None = None,
        memory: Annotated[Memory, Part("memory")] | None = None,
    ) -> None:
        super().__init__()
        values = {"margin": margin, "soft_margin": soft_margin, "normalize": normalize, "distance": distance}
        refuse(_margin_problems(values))
        self.margin, self.soft_margin = margin, soft_margin
        self.normalize, self.distance = normalize, distance
        self.miner: Any = built_in(miner) if isinstance(miner, str) else miner
        if not _sums(self.miner) and takes_square(self.miner) and memory is not None:
            raise ValueError(
                f"the miner {name_of(self.miner)} takes distances and labels of the batch only and cannot be "
                "used with a memory; leave the memory out, or use a miner that takes references"
            )
        said: Average = getattr(self.miner, "average", "mined")
        self.average, self.memory = average or said, memory
        self._seen: dict[str, Tensor] = {}
        self._looked = False

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A margin out of reach or without effect."""
        yield from _margin_problems(values)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """A scalar in float32 (float64 for float64 embeddings).

        Args:
            embeddings: ``(B, d)``, before normalisation.
            labels: int64 ``(B,)``.

        Raises:
            UsageError: shapes that do not fit.
            MaskrecError: the batch has no triplet at all, or the miner returned something else than triplets.
        """
        check_embeddings(embeddings, labels)
        if len(labels) < (3 if self.memory is None else 1):
            refuse_without_triplets(labels)
        with full_precision(embeddings) as rows:
            points = unit_rows(rows) if self.normalize else rows
            sums = self._sums_of(points, labels)
            self._look(sums, labels)
            self._remember(sums)
            if self.memory is not None:
                self.memory.store(points.detach(), labels)
            # The soft margin is never 0, so that all triplets are above it.
            many = sums.active if self.average == "active" and not self.soft_margin else sums.mined
            return sums.total / many.clamp(min=1)

    def _sums_of(self, points: Tensor, labels: Tensor) -> TripletSums:
        """The sums over the mined triplets of the batch and of what is remembered."""
        valid = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        others, references = None, labels
        if self.memory is not None:
            others, their_labels, usable = self.memory.recall()
            references = torch.cat([labels, their_labels])
            valid = torch.cat([valid, usable.expand(len(labels), -1)], dim=1)
            others = others.to(points.dtype)
        distances = pairwise_distances(points, self.distance, others)
        margin = None if self.soft_margin else self.margin
        if _sums(self.miner):
            sums: TripletSums = self.miner.sums(distances, labels, references, valid, margin)
            return sums
        return listed_sums(distances, call_miner(self.miner, distances.detach(), labels, references, valid), margin)

    def _look(self, sums: TripletSums, labels: Tensor) -> None:
        """Refuses a batch without any triplet. On the CPU each one; elsewhere looking would wait for the device, so
        that only the first one is looked at. With a memory, a later batch may have some."""
        looked, self._looked = self._looked, True
        if self.memory is None and (labels.device.type == "cpu" or not looked) and not int(sums.mined):
            refuse_without_triplets(labels)

    def _remember(self, sums: TripletSums) -> None:
        some = sums.mined.clamp(min=1)
        self._seen = {
            "triplets": sums.mined,
            "active_share": sums.active / some,
            "positive_distance": sums.to_positive / some,
            "negative_distance": sums.to_negative / some,
        }

    def diagnostics(self) -> dict[str, Tensor]:
        """Of the last forward: ``triplets`` mined, ``active_share`` of them, mean ``positive_distance`` and
        ``negative_distance`` over them; scalar tensors, so that nobody waits for the device."""
        return dict(self._seen)


def listed_sums(distances: Tensor, mined: Mined, margin: float | None) -> TripletSums:
    """The sums over triplets that a miner has listed; see ``contracts.triplet_parts`` for both.

    Args:
        distances: ``(B, M)``, with gradient.
        mined: the triplets.
        margin: of the hinge; None for the soft margin.
    """
    anchors, positives, negatives = mined.triplets.unbind(dim=1)
    to_positive, to_negative = picked(distances, anchors, positives), picked(distances, anchors, negatives)
    difference = to_positive - to_negative
    losses = F.softplus(difference) if margin is None else F.relu(difference + margin)
    losses = losses.masked_fill(~mined.valid, 0.0)
    # The soft margin is never 0: there a triplet counts as active while the negative is the nearer one.
    active = (difference.detach() > 0) & mined.valid if margin is None else losses.detach() > 0
    apart = (each.detach().masked_fill(~mined.valid, 0.0).sum() for each in (to_positive, to_negative))
    return TripletSums(losses.sum(), mined.valid.sum(), active.sum(), *apart)


def _sums(miner: object) -> bool:
    """Whether it sums over its triplets instead of listing them."""
    return method_of(miner, "sums") is not None


def _margin_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    margin, squared = values["margin"], values["distance"] == "squared_l2"
    limit = (4.0 if squared else 2.0) if values["normalize"] else math.inf
    if not (math.isfinite(margin) and margin > 0):
        yield Problem(f"margin must be a finite number above 0, not {margin}", "margin")
    elif values["soft_margin"] and margin != MARGIN:
        yield Problem(f"margin: {margin} has no effect with soft_margin: true", "margin", "leave one of the two out")
    elif margin > limit:
        yield Problem(
            f"margin {margin} can never be satisfied: unit embeddings are at most {limit:g} apart "
            f"({values['distance']})",
            "margin",
            f"use a margin of at most {limit:g} (at {limit:g} every triplet is always active), or normalize: false",
        )
