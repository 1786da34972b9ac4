"""What every loss does with its inputs first: looks at their shapes and raises their precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from maskrec.base.errors import UsageError

SHORTEST = 1e-4  # embeddings in use are thousands of times as long


@contextmanager
def full_precision(embeddings: Tensor) -> Iterator[Tensor]:
    """The embeddings in float32 (float64 stays), with autocast off for the block.

    Margins and exponentials of scaled cosines are not for bfloat16's 8 bits.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        yield embeddings if embeddings.dtype == torch.float64 else embeddings.float()


def unit_rows(rows: Tensor) -> Tensor:
    """Embeddings ``(n, d)`` at unit length, with a bounded gradient at every length.

    The gradient of a direction is inversely proportional to the length, and zeros have no direction: divided by 1e-12,
    as is usual, they would get a gradient of about 1e13. Rows shorter than ``SHORTEST`` are divided by that instead, so
    that their cosines are smaller, and have the gradient of a row of length 1, so that they can still be trained.
    """
    unit = F.normalize(rows, eps=SHORTEST)
    short = rows.detach().norm(dim=1, keepdim=True) < SHORTEST
    return torch.where(short, rows + (unit - rows).detach(), unit)


def check_embeddings(embeddings: Tensor, labels: Tensor, size: int | None = None) -> None:
    """Refuses anything but ``(B, d)`` embeddings with ``(B,)`` integer labels.

    Args:
        embeddings: what the backbone returned.
        labels: identity indices.
        size: the d that the loss was built for, or None for any.

    Raises:
        UsageError: shapes or types do not fit.
    """
    if embeddings.ndim != 2 or not embeddings.is_floating_point():
        raise UsageError(
            f"a loss takes floating point embeddings (batch, size), not {embeddings.dtype} {tuple(embeddings.shape)}; "
            "the backbone must return one vector an image"
        )
    if size is not None and embeddings.shape[1] != size:
        raise UsageError(
            f"the loss was built for embeddings of size {size} and got {embeddings.shape[1]}; "
            "the backbone's embedding_size must be what its forward returns"
        )
    if labels.shape != embeddings.shape[:1] or labels.is_floating_point() or labels.dtype == torch.bool:
        raise UsageError(
            f"a loss takes one integer label an embedding, not {labels.dtype} {tuple(labels.shape)} "
            f"for {len(embeddings)} embeddings"
        )


def check_label_range(labels: Tensor, num_classes: int) -> None:
    """Refuses labels outside [0, num_classes), on the CPU only: elsewhere looking would wait for the device.

    Raises:
        UsageError: a label is out of range.
    """
    if labels.device.type != "cpu" or not len(labels):
        return
    numbers = labels.numpy()
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= num_classes:
        raise UsageError(
            f"label {low if low < 0 else high} is outside [0, {num_classes}), the identities that the loss has "
            "centres for; number the identities of the training data from 0 without gaps"
        )
