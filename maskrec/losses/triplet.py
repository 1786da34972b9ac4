"""Triplet loss with mining in the batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.kinds import Part
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.inputs import check_embeddings, full_precision, unit_rows
from maskrec.losses.mining import Average, MinerName, built_in

MARGIN = 0.5


class Triplet(nn.Module):
    """An anchor nearer to its own identity than to others by a margin: ``max(0, d(a, p) - d(a, n) + margin)``.

    Schroff et al., 2015, and Hermans et al., 2017. The loss sees the whole batch (of all processes), so the sampler
    must put several images of several identities into it: ``identity_balanced``.

    Args:
        margin: in units of the distance, above 0. Two unit embeddings are at most 2 apart (4 for ``squared_l2``); a
            margin beyond that could never be satisfied and is refused. At exactly 2 every triplet stays active.
        soft_margin: ``log(1 + exp(d(a, p) - d(a, n)))`` in place of the hinge; ``margin`` must then be left out.
        miner: ``batch_hard``, ``semi_hard``, ``batch_all``, ``batch_all_hard`` (of all triplets those whose negative is
            no farther than the positive), or a part: ``{use: NAME, ...}``. Called with distances ``(B, B)`` and labels
            ``(B,)``, it returns int64 ``(T, 3)``: anchor, positive, negative.
        normalize: whether embeddings are brought to length 1 first.
        distance: ``l2`` or ``squared_l2``.
        average: over all ``mined`` triplets or the ``active`` ones (loss above 0; 0 when there is none); None is what
            the miner says: ``active`` for ``batch_all`` and ``batch_all_hard``, ``mined`` for the others.

    Raises:
        ValueError: a margin no distance can reach, or one beside ``soft_margin``.
    """

    scope: ClassVar[Literal["global"]] = "global"

    def __init__(
        self,
        margin: float = MARGIN,
        soft_margin: bool = False,
        miner: MinerName | Annotated[Callable[..., Tensor], Part("miner")] = "batch_hard",
        normalize: bool = True,
        distance: Literal["l2", "squared_l2"] = "l2",
        average: Average | None = None,
    ) -> None:
        super().__init__()
        values = {"margin": margin, "soft_margin": soft_margin, "normalize": normalize, "distance": distance}
        refuse(_margin_problems(values))
        self.margin, self.soft_margin = margin, soft_margin
        self.normalize, self.distance = normalize, distance
        self.miner = built_in(miner) if isinstance(miner, str) else miner
        said: Average = getattr(self.miner, "average", "mined")
        self.average = average or said
        self._seen: dict[str, Tensor] = {}

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
        if len(labels) < 3:
            _check_batch(labels)
        with full_precision(embeddings) as rows:
            distances = pairwise_distances(unit_rows(rows) if self.normalize else rows, self.distance)
            triplets = self.miner(distances.detach(), labels)
            _check_triplets(triplets)
            if not len(triplets):
                _check_batch(labels)
            anchors, positives, negatives = triplets.unbind(dim=1)
            to_positive = _picked(distances, anchors, positives)
            to_negative = _picked(distances, anchors, negatives)
            losses = self._losses(to_positive - to_negative)
            self._remember(to_positive.detach(), to_negative.detach(), losses.detach())
            if self.average == "active":
                return losses.sum() / (losses > 0).sum().clamp(min=1)
            return losses.sum() / max(len(losses), 1)

    def _losses(self, difference: Tensor) -> Tensor:
        return F.softplus(difference) if self.soft_margin else F.relu(difference + self.margin)

    def _remember(self, to_positive: Tensor, to_negative: Tensor, losses: Tensor) -> None:
        # The soft margin is never 0: there a triplet counts as active while the negative is the nearer one.
        active = to_positive > to_negative if self.soft_margin else losses > 0
        some = max(len(losses), 1)
        self._seen = {
            "triplets": torch.tensor(len(losses)),
            "active_share": active.sum() / some,
            "positive_distance": to_positive.sum() / some,
            "negative_distance": to_negative.sum() / some,
        }

    def diagnostics(self) -> dict[str, Tensor]:
        """Of the last forward: ``triplets`` mined, ``active_share`` of them, mean ``positive_distance`` and
        ``negative_distance`` over them."""
        return dict(self._seen)


def pairwise_distances(rows: Tensor, distance: Literal["l2", "squared_l2"]) -> Tensor:
    """``(B, B)`` distances between rows, exactly 0 on the diagonal; gradients are finite where rows are equal.

    Inner products, not differences: ``(B, B, d)`` would not fit. The price is an absolute error of the squared
    distance of about the precision times the rows' squared length.
    """
    products = rows @ rows.T
    lengths = products.diagonal()
    squared = (lengths[:, None] + lengths[None, :] - 2 * products).clamp(min=0)
    if distance == "squared_l2":
        return squared
    # sqrt's slope is infinite at 0: rows that are equal up to rounding get distance 0 and gradient 0.
    equal = squared.detach() <= torch.finfo(rows.dtype).eps * (lengths[:, None] + lengths[None, :]).detach()
    return squared.masked_fill(equal, 1.0).sqrt().masked_fill(equal, 0.0)


def _picked(distances: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """``distances[rows, columns]``; its gradient is summed in one order on the CPU, which indexing by two is not."""
    return distances.flatten().index_select(0, rows * len(distances) + columns)


def _check_triplets(triplets: Tensor) -> None:
    if (
        not isinstance(triplets, Tensor)
        or triplets.ndim != 2
        or triplets.shape[1] != 3
        or triplets.dtype != torch.int64
    ):
        what = f"{triplets.dtype} {tuple(triplets.shape)}" if isinstance(triplets, Tensor) else type(triplets).__name__
        raise MaskrecError(f"a miner must return int64 (T, 3): anchor, positive, negative; this one returned {what}")


def _check_batch(labels: Tensor) -> None:
    """Refuses a batch without any triplet; waits for the device, so it is asked only when nothing was mined."""
    identities = len(set(labels.tolist()))
    if not 1 < identities < len(labels):
        raise MaskrecError(
            f"the batch of {len(labels)} images of {identities} identities has no triplet: it needs two "
            "images of one identity and one of another; use the sampler identity_balanced with at least 2 identities "
            "and 2 images each"
        )


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
