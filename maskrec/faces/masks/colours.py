"""Colours of fabrics: named by recipes or drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_GRAY_SHARE = 0.25


def colour_problems(colors: Sequence[str] | None) -> Iterable[str]:
    """Faults in a list of colours, as sentences."""
    if colors is None:
        return
    if not colors:
        yield "colors is empty; list some as #rrggbb, or remove it for any colour"
    for color in colors:
        if not _HEX.fullmatch(color):
            yield f"a colour must be written as #rrggbb, not {color!r}"


def palette_of(colors: Sequence[str]) -> list[tuple[float, float, float]]:
    """``#rrggbb`` to red, green and blue in [0, 1].

    Raises:
        ValueError: no colours, or one that is invalid.
    """
    for sentence in colour_problems(colors):
        raise ValueError(sentence)
    return [(int(color[1:3], 16) / 255, int(color[3:5], 16) / 255, int(color[5:7], 16) / 255) for color in colors]


def draw_colours(uniform: Tensor, palette: Sequence[tuple[float, float, float]] | None) -> Tensor:
    """Three colours per face: of the fabric and of two prints on it.

    Without a palette: any hue, mostly muted like textiles, a quarter of them grays from black to white, and the prints
    unlike the fabric in brightness.

    Args:
        uniform: ``(B, 9)`` in [0, 1).
        palette: colours to choose from evenly; the prints fall back to black or white where there is only one.

    Returns:
        ``(B, 3, 3)``: face, which of the three, channel.
    """
    if palette is None:
        fabric = _textile(uniform[:, 0], uniform[:, 1], uniform[:, 2] ** 0.8)
        dark = (fabric.mean(1) < 0.5).to(uniform.dtype)
        first = _textile(uniform[:, 3], uniform[:, 4], _apart(uniform[:, 5], dark))
        second = _textile(uniform[:, 6], uniform[:, 7], uniform[:, 8])
        return torch.stack([fabric, first, second], 1)
    table = torch.tensor(palette, dtype=uniform.dtype, device=uniform.device)
    chosen = (uniform[:, 0] * len(table)).to(torch.int64)
    fabric = table[chosen]
    if len(table) == 1:
        contrast = (fabric.mean(1, keepdim=True) < 0.5).to(uniform.dtype).expand(-1, 3)
        return torch.stack([fabric, contrast, 0.5 * (fabric + contrast)], 1)
    others = [(chosen + 1 + (uniform[:, i] * (len(table) - 1)).to(torch.int64)) % len(table) for i in (3, 6)]
    return torch.stack([fabric, *(table[other] for other in others)], 1)


def _apart(uniform: Tensor, dark: Tensor) -> Tensor:
    """A brightness from the opposite half: ``dark`` is 1 where the fabric is dark."""
    return 0.55 * dark + 0.45 * uniform


def _textile(hue: Tensor, strength: Tensor, brightness: Tensor) -> Tensor:
    """``(B, 3)`` from numbers in [0, 1)."""
    saturation = ((strength - _GRAY_SHARE) / (1.0 - _GRAY_SHARE)).clamp(min=0.0) * 0.8
    value = 0.06 + (0.9 - 0.3 * saturation) * brightness
    offsets = torch.tensor([0.0, 2 / 3, 1 / 3], dtype=hue.dtype, device=hue.device)
    pure = ((((hue[:, None] + offsets) % 1.0) * 6.0 - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    return value[:, None] * (1.0 - saturation[:, None] * (1.0 - pure))
