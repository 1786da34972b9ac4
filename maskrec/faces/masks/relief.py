"""Light and shadow on a mask: the head's shape, folds, seams, creases, grain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import torch
from torch import Tensor

from maskrec.base.random import mix64
from maskrec.faces.masks.head_rays import Surface, affine
from maskrec.faces.masks.number_matrix import Numbers
from maskrec.faces.masks.outline import Cut

TILE = 128
FIRST_FOLD, FOLDS_HEIGHT, FOLDS = 0.20, 0.62, 3


def shade_of(surface: Surface, cut: Cut, n: Numbers, spans: Mapping[str, Sequence[slice]]) -> Tensor:
    """Brightness of each pixel of the fabric, without its grain: a factor, about 1 in good light.

    Args:
        surface, cut, n: of some faces; sine and cosine are changed.
        spans: by a feature's name, the places of the faces that may have it; on others it would be 0.
    """
    shade = _form(surface, cut, n)
    for name, add in _FEATURES.items():
        for rows in spans.get(name, ()):
            whole = rows.stop - rows.start == len(shade)
            some = (shade, surface, cut, n) if whole else (shade[rows], surface.of(rows), cut.of(rows), n.of(rows))
            add(*some)
    return shade


def wave(phase: Tensor) -> Tensor:
    """A sixteenth of about a sine of ``phase`` turns, from two parabolas; changes ``phase``."""
    part = phase.sub_(phase.round())
    return (0.5 - part.abs()).mul_(part)


def _form(surface: Surface, cut: Cut, n: Numbers) -> Tensor:
    """The light on the mask as a whole: from the side, on the nose's flanks, less below; changes the surface."""
    turned = surface.cosine.mul_(0.38).add_(0.64)
    ridge = cut.nose * cut.flank
    ridge.mul_((1.0 - cut.low).clamp_(0.0, 1.0))
    turned.addcmul_(surface.sine.add_(ridge, alpha=1.3), n["side_light"])
    turned.addcmul_(ridge, cut.flank, value=-0.22)
    below = torch.sub(cut.low, 0.32, out=ridge).clamp_(min=0.0)
    turned.addcmul_(below, below, value=-0.55)
    # A thin dark line where the fabric turns in at its edge.
    rim = torch.mul(cut.edge, -16.0, out=ridge).add_(1.0).clamp_(0.0, 1.0)
    return turned.addcmul_(rim, rim, value=-0.10)


def _pleats(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    """Folds: under each a thin shadow, then light that grows to the next; flatter where the mouth stretches them."""
    height = (cut.low - FIRST_FOLD).mul_(FOLDS / FOLDS_HEIGHT)
    gate = (height - 0.5 * FOLDS).abs_().sub_(0.5 * FOLDS + 0.12).mul_(-6.0).clamp_(0.0, 1.0)
    gate.mul_(n["pleats"]).mul_((cut.aside2 * 0.45).add_(0.6))
    part = height.sub_(height.floor())
    dark = (part * -3.2).add_(1.0).clamp_(min=0.0).mul_((part * n["per_fold"]).clamp_(max=1.0))
    shade.addcmul_(gate * dark, dark, value=-0.30)
    shade.addcmul_(gate, part.sub_(0.4), value=0.12)


def _wrinkles(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    """Creases: two broad waves that distort each other, and a finer one where they meet."""
    phases = affine(cut.low, n.together("down_1", 3), n.together("phase_1", 3))
    first, second, third = phases.add_(cut.aside * n.together("along_1", 3)).unbind(0)
    first = wave(first)
    second = wave(second.add_(first, alpha=16 * 0.18))
    third = wave(third.add_(second, alpha=16 * 0.15)).mul_(second)
    creases = third.mul_(256 * 0.040).add_(first, alpha=16 * 0.024).add_(second, alpha=16 * 0.034)
    shade.addcmul_(creases, n["wrinkles"])


def _dome(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    off = cut.low - 0.45
    off = (off * off).mul_(1.1).add_(cut.aside2, alpha=0.14)
    shade.addcmul_(off, n["dome"], value=-0.45)


def _seam(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    """A ridge down the middle, one side of it in the light, and its stitching."""
    ridge = (surface.across * 9.0).clamp_(-1.0, 1.0)
    ridge.mul_((1.0 - cut.aside2).clamp_(min=0.0))
    shade.addcmul_(ridge * n["side_light"], n["seam"], value=0.5)
    line = _line(surface.across * 2.2, n)
    shade.addcmul_(line, n["seam"], value=0.10)


def _hem(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    line = (cut.edge - 0.062).abs_().mul_(n["per_hem"]).sub_(1.0).clamp_(max=0.0)
    shade.addcmul_(line, n["hem"], value=0.10)


def _panel(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    """Seams between panels bow away from the middle; what lies below the last faces down."""
    bow = cut.aside2 * 0.10
    height = n["chin"] - n["nose"]
    first = (cut.low - n["panel_top"]).add_(bow)
    last = (cut.low - n["panel_bottom"]).sub_(bow)
    lines = torch.minimum(_line(first * height, n), _line(last * height, n))
    shade.addcmul_(lines, n["panel"], value=0.16)
    shade.addcmul_(first.mul_(20.0).clamp_(-1.0, 0.0), n["tilt"], value=-0.35)
    shade.addcmul_(last.mul_(12.0).clamp_(0.0, 1.0), n["tilt"], value=-1.0)


def _wire(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    strip = (cut.low - 0.085).mul_(20.0)
    unlit = strip.abs().sub_(1.0).clamp_(max=0.0)
    unlit.mul_((cut.nose * 3.0).sub_(0.6).clamp_(0.0, 1.0))
    shade.addcmul_(unlit.mul_(strip), n["wire"], value=0.45)


def _valve(shade: Tensor, surface: Surface, cut: Cut, n: Numbers) -> None:
    far = valve_distance(surface.across, surface.down, n)
    rings = (far - 1.0).abs_().mul_(5.0).sub_(1.0).clamp_(max=0.0)
    rings += (far - 0.62).abs_().mul_(8.0).sub_(1.0).clamp_(max=0.0).mul_(0.6)
    shade.addcmul_(rings, n["valve_on"], value=0.28)


def valve_distance(across: Tensor, down: Tensor, n: Numbers) -> Tensor:
    """Distance from the valve's middle in its radii; ``across`` and ``down`` as a surface's."""
    aside = (across - n["valve_x"] * 0.5).mul_(2.2)
    below = down - n["valve_y"]
    return (aside * aside).addcmul_(below, below).sqrt_().mul_(n["per_valve"])


def _line(distance: Tensor, n: Numbers) -> Tensor:
    """Minus a thin line where ``distance``, in eye distances, is 0; changes ``distance``."""
    return distance.abs_().mul_(n["per_line"]).sub_(1.0).clamp_(max=0.0)


_FEATURES = {
    "pleats": _pleats,
    "wrinkles": _wrinkles,
    "dome": _dome,
    "seam": _seam,
    "hem": _hem,
    "panel": _panel,
    "wire": _wire,
    "valve": _valve,
}


@cache
def noise_tile(device: torch.device) -> Tensor:
    """Noise that repeats every 128 pixels, a little soft, standard deviation 0.014."""
    raw = (mix64(torch.arange(TILE * TILE, dtype=torch.int64)) >> 40).to(torch.float64).reshape(TILE, TILE)
    for axis in (0, 1):
        raw = raw + 0.8 * raw.roll(1, axis)
    return ((raw - raw.mean()) * (0.014 / raw.std())).to(torch.float32).flatten().to(device)


@lru_cache(maxsize=8)
def _wide_tile(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Noise wide enough for a picture from any place of the tile on, and the places of the picture's pixels in it."""
    side = TILE + max(height, width)
    line, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    wide = noise_tile(device)[((line % TILE) * TILE + column % TILE).flatten().to(device)]
    places = (line * side + column)[:height, :width]
    return wide, places.to(device, torch.int32)


def noise_of(n: Numbers, height: int, width: int, rows: slice, columns: slice) -> Tensor:
    """Grain of some pixels of pictures: ``(B, rows, columns)``.

    Args:
        n: of B faces.
        height, width: of the pictures.
        rows, columns: which pixels.
    """
    wide, places = _wide_tile(height, width, n.device)
    corner = n.together("grain_x", 2).to(torch.int32)
    places = torch.add(corner[0], corner[1], alpha=TILE + max(height, width)) + places[rows, columns]
    return wide.index_select(0, places.flatten()).reshape(places.shape)
