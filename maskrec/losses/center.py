"""Center loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.inputs import check_embeddings, check_label_range, full_precision, unit_rows


class Center(nn.Module):
    """Half the mean squared distance of embeddings to the moving mean of their class.

    Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016. It draws a class
    together and does not push classes apart: use it beside a loss that does, as ``{use: weighted_sum, parts: {arc:
    {use: arcface}, center: {use: center}}, weights: {arc: 1, center: 0.003}}``.

    The means are not weights: after each training batch (of all processes) those of its classes move by
    ``rate * sum(embedding - mean) / (1 + n)`` over the n images of the class. They begin at 0, are equal on all
    processes, and take ``4 * num_classes * embedding_size`` bytes on each.

    Args:
        embedding_size: of the backbone's embeddings.
        num_classes: training identities.
        rate: alpha of the means, in (0, 1].
        normalize: whether embeddings are brought to length 1 first; the paper's are not.

    Raises:
        ValueError: a parameter out of range.
    """

    scope: ClassVar[Literal["global"]] = "global"
    means: Tensor

    def __init__(self, embedding_size: int, num_classes: int, rate: float = 0.5, normalize: bool = False) -> None:
        super().__init__()
        refuse(self.check({"rate": rate}, CheckContext()))
        self.rate, self.normalize = rate, normalize
        self.register_buffer("means", torch.zeros(num_classes, embedding_size))
        self._seen: dict[str, Tensor] = {}

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A rate out of range."""
        if not 0 < values["rate"] <= 1:
            yield Problem(f"rate must be above 0 and at most 1, not {values['rate']}", "rate")

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """A scalar in float32 (float64 for float64 embeddings); while training the means move afterwards.

        Args:
            embeddings: ``(B, embedding_size)``, before normalisation.
            labels: int64 ``(B,)`` in [0, num_classes).

        Raises:
            UsageError: shapes or (on the CPU) labels that do not fit.
        """
        check_embeddings(embeddings, labels, self.means.shape[1])
        check_label_range(labels, len(self.means))
        with full_precision(embeddings) as rows:
            labels = labels.long()
            apart = (unit_rows(rows) if self.normalize else rows) - self.means[labels].to(rows.dtype)
            squared = apart.square().sum(dim=1)
            self._seen = {"distance": squared.detach().sqrt().mean()}
            if self.training:
                self._move(apart.detach(), labels)
            return 0.5 * squared.sum() / max(len(labels), 1)

    @torch.no_grad()
    def _move(self, apart: Tensor, labels: Tensor) -> None:
        """Move the means of the batch's classes; ``apart`` is ``(B, d)``, embeddings less their mean."""
        ones = torch.ones_like(labels, dtype=apart.dtype)
        images = torch.zeros(len(self.means), dtype=apart.dtype, device=apart.device).index_add_(0, labels, ones)
        steps = self.rate * apart / (1 + images[labels])[:, None]
        self.means.index_add_(0, labels, steps.to(self.means.dtype))

    def diagnostics(self) -> dict[str, Tensor]:
        """``distance``: of the last forward, the mean distance of embeddings to their class's mean."""
        return dict(self._seen)
