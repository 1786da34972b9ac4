"""Colours of fabrics: named by recipes or drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import torch
from torch import Tensor

from maskrec.faces.masks.first_numbers import columns

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
Palette = Sequence[tuple[float, float, float]]

COLOUR_NUMBERS = tuple(f"{name}_{i}" for name in ("fabric", "print", "other", "band") for i in range(3))


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


def colour_numbers(first: Tensor, uniform: Tensor | None, palette: Palette | None) -> tuple[Tensor, Tensor]:
    """Colours of fabric, prints and straps: ``(B, 9)`` and ``(B, 3)`` in the order of ``COLOUR_NUMBERS``.

    Prints are how they differ from the fabric. Fixed colours vary a little, as photos do.

    Args:
        first: the faces' first numbers.
        uniform: float32 ``(B, 9)`` in [0, 1), with a palette.
        palette: colours to choose from evenly, or None for any.
    """
    *_, gray_shift, gray_factor = _constants(first.device)
    drawn = _drawn_freely(first) if uniform is None or palette is None else _drawn_from(uniform, palette)
    fabric, prints = drawn[:, 0], drawn[:, 1:]
    fabric.lerp_(columns(first, "red", "blue"), columns(first, "own_colour"))
    # The fabric fades towards its gray; a valve is lighter than a print.
    two = drawn[:, :2]
    plain = torch.addcmul(gray_shift, two.mean(2), gray_factor)
    two.lerp_(plain[:, :, None], columns(first, "fade", "valve_on")[:, :, None])
    prints.sub_(fabric[:, None])
    band = torch.addcmul(columns(first, "strap_gray"), fabric, columns(first, "strap_fabric"))
    return drawn.flatten(1), band


@cache
def _constants(device: torch.device) -> tuple[Tensor, ...]:
    """1, the least brightness, and what the gray of the fabric and of a print becomes; float64."""
    return tuple(torch.tensor(v, dtype=torch.float64, device=device) for v in (1.0, 0.06, (0.0, 0.55), (1.0, 0.4)))


def _drawn_freely(first: Tensor) -> Tensor:
    """Three colours a face, of the fabric and of two prints: ``(B, 3, 3)``, colour and channel.

    Any hue, mostly muted like textiles, a quarter of them grays from black to white, and the first print unlike the
    fabric in brightness.
    """
    one, dim, *_ = _constants(first.device)
    off = columns(first, "hue_up_00", "hue_up_22") - columns(first, "hue_down_00", "hue_down_22")
    off = off.add_(columns(first, "hue_again_00", "hue_again_22")).view(-1, 3, 3)
    unsaturated = columns(first, "unsaturated_0", "unsaturated_2")[:, :, None]
    colours = torch.addcmul(one, unsaturated, off)
    brighter, bright = columns(first, "brighter_0", "brighter_2"), columns(first, "bright_fabric")
    fabric = colours[:, 0].mul_(torch.addcmul(dim, brighter[:, :1], bright))
    # A brightness from the opposite half.
    bright = columns(first, "bright_1", "bright_2")
    bright[:, 0].add_(fabric.mean(1) < 0.5, alpha=0.55)
    colours[:, 1:].mul_(torch.addcmul(dim, brighter[:, 1:], bright)[:, :, None])
    return colours


@lru_cache(maxsize=32)
def _table(palette: tuple[tuple[float, float, float], ...], device: torch.device) -> Tensor:
    return torch.tensor(palette, dtype=torch.float32, device=device).to(torch.float64)


def _drawn_from(uniform: Tensor, palette: Palette) -> Tensor:
    """Likewise from a palette; the prints fall back to black or white where there is only one colour."""
    table = _table(tuple(palette), uniform.device)
    chosen = (uniform[:, 0] * len(table)).to(torch.int64)
    fabric = table[chosen]
    if len(table) == 1:
        contrast = (fabric.mean(1, keepdim=True) < 0.5).to(fabric.dtype).expand(-1, 3)
        return torch.stack([fabric, contrast, 0.5 * (fabric + contrast)], 1)
    others = [(chosen + 1 + (uniform[:, i] * (len(table) - 1)).to(torch.int64)) % len(table) for i in (3, 6)]
    return torch.stack([fabric, *(table[other] for other in others)], 1)
