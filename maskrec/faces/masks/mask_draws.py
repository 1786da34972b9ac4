"""What is drawn for a mask, by name."""

from __future__ import annotations

from torch import Tensor

from maskrec.base.random import Columns

# Everything that is drawn for a mask, and for whether and which one a face wears (`transforms.synthetic_mask`).
DRAWN: Columns = (
    ("wear", 1),
    ("type", 1),
    ("mask_hang", 18),
    ("mask_cheeks", 1),
    ("mask_wear", 2),
    ("mask_fabric", 20),
    ("mask_colour", 9),
)
STARTS = {name: sum(count for _, count in DRAWN[:i]) for i, (name, _) in enumerate(DRAWN)}


def drawn(uniform: Tensor, name: str) -> Tensor:
    """The columns of one name: ``(B, count)`` of ``(B, all)``."""
    start = STARTS[name]
    return uniform[:, start : start + dict(DRAWN)[name]]
