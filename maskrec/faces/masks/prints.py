"""Prints on a mask: stripes, checks, dots, blots; how much of two more colours each pixel shows."""

from __future__ import annotations

from torch import Tensor

from maskrec.faces.masks.head_rays import Surface, affine
from maskrec.faces.masks.number_matrix import Numbers
from maskrec.faces.masks.relief import valve_distance, wave

PATTERNS = ("stripes", "checks", "dots", "print")


def pattern_of(surface: Surface, n: Numbers, pattern: str) -> tuple[Tensor, ...]:
    """How much of each pixel shows the second, and possibly the third colour: one or two ``(B, H, W)``.

    Args:
        surface, n: of some faces.
        pattern: one of ``PATTERNS``.
    """
    x = affine(surface.across, n["print_xx"], n["print_x"]).addcmul_(surface.down, n["print_xy"])
    if pattern == "stripes":
        return (_stripe(x, n).mul_(n["print_amount"]),)
    y = affine(surface.across, n["print_yx"], n["print_y"]).addcmul_(surface.down, n["print_yy"])
    if pattern == "checks":
        return (_stripe(x, n).add_(_stripe(y, n)).mul_(0.5).mul_(n["print_amount"]),)
    return (_dots(x, y, n),) if pattern == "dots" else _blots(x, y, n)


def valve_of(surface: Surface, n: Numbers) -> tuple[Tensor]:
    """How much of each pixel a breathing valve covers: ``(B, H, W)``."""
    far = valve_distance(surface.across, surface.down, n)
    return ((1.0 - far).mul_(12.0).clamp_(0.0, 1.0).mul_(n["valve_on"]),)


def _stripe(x: Tensor, n: Numbers) -> Tensor:
    """1 on the stripes, 0 between, soft over a pixel."""
    off = x.sub_(x.round()).abs_()
    return (n["print_share"] - off).mul_(n["print_sharp"]).add_(0.5).clamp_(0.0, 1.0)


def _dots(x: Tensor, y: Tensor, n: Numbers) -> Tensor:
    """Round dots, every second row moved by half."""
    row = y.round()
    x.add_(row, alpha=0.5)
    x.sub_(x.round())
    y.sub_(row)
    off = x.mul_(x).addcmul_(y, y).sqrt_()
    return (n["print_share"] - off).mul_(n["print_sharp"]).add_(0.5).clamp_(0.0, 1.0).mul_(n["print_amount"])


def _blots(x: Tensor, y: Tensor, n: Numbers) -> tuple[Tensor, Tensor]:
    """Irregular blots of two colours, from waves that distort each other."""
    x, y = x.mul_(0.5), y.mul_(0.5)
    first = wave((x * 0.45).add_(y, alpha=0.3))
    second = wave((y * 0.5).sub_(x, alpha=0.35).add_(first, alpha=16 * 0.2))
    third = wave((x * 0.9).sub_(y, alpha=0.2).add_(second, alpha=16 * 0.2))
    fourth = wave((y * 0.9).add_(x, alpha=0.25).add_(first, alpha=16 * 0.2))
    one = (third * fourth).mul_(256.0).add_(first, alpha=16 * 0.4)
    two = (second * fourth).mul_(256.0).sub_(third, alpha=16 * 0.4)
    sharp = n["print_sharp"] * 0.25
    one = one.sub_(0.8).add_(n["print_share"] * 2.0).mul_(sharp).clamp_(0.0, 1.0).mul_(n["print_amount"])
    two = two.sub_(0.8).add_(n["print_share"] * 2.0).mul_(sharp).clamp_(0.0, 1.0).mul_(n["print_amount"])
    return one, two.mul_(1.0 - one)
