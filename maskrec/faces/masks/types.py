"""The mask types: their cut and their look, as numbers.

Lengths are in eye distances of a frontal face, heights counted down from the line between the eyes (the mouth is at
1.16, the chin at about 1.8). ``across`` is the tangent of half the angle around the head: 0 straight ahead, 1 at a
right angle to it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from functools import cache

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Look:
    """One mask type.

    Args:
        red, green, blue: the fabric's colour in [0, 1].
        nose: height of the top edge over the nose.
        cheek: height of the top edge on the cheeks.
        nose_width: how far the top edge's rise over the nose reaches, in ``across``.
        temple: how much the top edge rises again towards its ends.
        chin: height of the bottom edge under the chin.
        jaw: how much the bottom edge rises from there to its ends.
        side: where the mask ends on the cheek, in ``across``.
        round: how much its ends are rounded (0 a straight side, 1 an ellipse).
        pleats: strength of the three horizontal folds of a surgical mask.
        seam: strength of a seam down the middle.
        border: strength of the welded or sewn border.
        dome: how much the middle stands out and the rim falls away.
        contrast: how strongly light and shadow show on it.
        strap: half width of the straps; two a side.
        strap_gray: brightness of the straps in [0, 1].
        strap_spread: height between a side's two straps at the ear, in eye distances.
        wire: strength of a metal strip over the nose.
    """

    red: float
    green: float
    blue: float
    nose: float
    cheek: float
    nose_width: float
    temple: float
    chin: float
    jaw: float
    side: float
    round: float
    pleats: float
    seam: float
    border: float
    dome: float
    contrast: float
    strap: float
    strap_gray: float
    strap_spread: float
    wire: float


def _surgical(red: int, green: int, blue: int) -> Look:
    return Look(
        red / 255,
        green / 255,
        blue / 255,
        nose=0.30,
        cheek=0.56,
        nose_width=0.38,
        temple=0.06,
        chin=1.88,
        jaw=0.55,
        side=0.72,
        round=0.10,
        pleats=0.8,
        seam=0.0,
        border=0.8,
        dome=0.2,
        contrast=0.8,
        strap=0.022,
        strap_gray=0.92,
        strap_spread=0.4,
        wire=0.4,
    )


LOOKS: dict[str, Look] = {
    "surgical_green": _surgical(0x44, 0xB4, 0xA8),
    "surgical_blue": _surgical(0x1C, 0xA0, 0xF4),
    "n95": Look(
        0.93,
        0.93,
        0.91,
        nose=0.26,
        cheek=0.62,
        nose_width=0.42,
        temple=0.0,
        chin=1.86,
        jaw=0.50,
        side=0.68,
        round=0.75,
        pleats=0.0,
        seam=0.0,
        border=1.0,
        dome=1.0,
        contrast=1.0,
        strap=0.035,
        strap_gray=0.80,
        strap_spread=0.7,
        wire=1.0,
    ),
    "kn95": Look(
        0.95,
        0.95,
        0.94,
        nose=0.24,
        cheek=0.60,
        nose_width=0.46,
        temple=0.03,
        chin=1.90,
        jaw=0.62,
        side=0.72,
        round=0.40,
        pleats=0.0,
        seam=1.0,
        border=0.7,
        dome=0.6,
        contrast=0.9,
        strap=0.025,
        strap_gray=0.9,
        strap_spread=0.45,
        wire=0.6,
    ),
    "cloth_black": Look(
        0.085,
        0.085,
        0.095,
        nose=0.28,
        cheek=0.58,
        nose_width=0.42,
        temple=0.08,
        chin=1.90,
        jaw=0.60,
        side=0.76,
        round=0.25,
        pleats=0.0,
        seam=0.8,
        border=0.5,
        dome=0.5,
        contrast=1.2,
        strap=0.045,
        strap_gray=0.08,
        strap_spread=0.4,
        wire=0.0,
    ),
}
MASK_TYPES: tuple[str, ...] = tuple(LOOKS)


def mask_index(name: str) -> int:
    """A mask type's number, as ``put_on_masks`` takes it.

    Raises:
        ValueError: a name that is no mask type.
    """
    if name not in LOOKS:
        raise ValueError(f"there is no mask type {name!r}; there are {', '.join(MASK_TYPES)}")
    return MASK_TYPES.index(name)


@cache
def _table(device: torch.device) -> Tensor:
    return torch.tensor([astuple(look) for look in LOOKS.values()], dtype=torch.float32, device=device)


def looks_of(types: Tensor) -> dict[str, Tensor]:
    """Every number of ``Look`` by its name, each ``(B, 1, 1)``, for types int64 ``(B,)`` from 0."""
    columns = _table(types.device)[types].unbind(1)
    return {field.name: column[:, None, None] for field, column in zip(fields(Look), columns, strict=True)}
