"""Prints on a mask: stripes, checks, dots, blots; how much of two more colours each pixel shows."""

from __future__ import annotations

from torch import Tensor

from maskrec.faces.masks.geometry import Surface, affine
from maskrec.faces.masks.relief import Numbers, valve_distance, wave

PATTERNS = ("stripes", "checks", "dots", "print")
_READ = (
    *("print_xx", "print_xy", "print_yx", "print_yy", "print_x", "print_y"),
    *("print_share", "print_sharp", "print_amount"),
    *("valve_x", "valve_y", "valve_on", "per_valve"),
)


def print_of(surface: Surface, n: Numbers, features: frozenset[str], rows: slice) -> tuple[Tensor, ...]:
    """How much of each pixel shows the second, and possibly the third colour: none, one or two ``(b, H, W)``.

    Args:
        surface: of a part's faces.
        n: their numbers.
        features: of the family that is drawn.
        rows: their places in the part.
    """
    if not features & {"valve", *PATTERNS}:
        return ()
    n = {name: n[name][rows] for name in _READ}
    across, down = surface.across[rows], surface.down[rows]
    if "valve" in features:
        far = valve_distance(across, down, n)
        return ((1.0 - far).mul_(12.0).clamp_(0.0, 1.0).mul_(n["valve_on"]),)
    x = affine(across, n["print_xx"], n["print_x"]).addcmul_(down, n["print_xy"])
    y = affine(across, n["print_yx"], n["print_y"]).addcmul_(down, n["print_yy"])
    if "stripes" in features:
        return (_stripe(x, n).mul_(n["print_amount"]),)
    if "checks" in features:
        return (_stripe(x, n).add_(_stripe(y, n)).mul_(0.5).mul_(n["print_amount"]),)
    if "dots" in features:
        return (_dots(x, y, n),)
    return _blots(x, y, n)


def _stripe(x: Tensor, n: Numbers) -> Tensor:
    """1 on the stripes, 0 between, soft over a pixel."""
    off = x.sub_(x.round()).abs_()
    return off.neg_().add_(n["print_share"]).mul_(n["print_sharp"]).add_(0.5).clamp_(0.0, 1.0)


def _dots(x: Tensor, y: Tensor, n: Numbers) -> Tensor:
    """Round dots, every second row moved by half."""
    row = y.round()
    x.add_(row, alpha=0.5)
    x.sub_(x.round())
    y.sub_(row)
    off = x.mul_(x).addcmul_(y, y).sqrt_()
    return off.neg_().add_(n["print_share"]).mul_(n["print_sharp"]).add_(0.5).clamp_(0.0, 1.0).mul_(n["print_amount"])


def _blots(x: Tensor, y: Tensor, n: Numbers) -> tuple[Tensor, Tensor]:
    """Irregular blots of two colours, from waves that distort each other."""
    x, y = x.mul_(0.5), y.mul_(0.5)
    first = wave((x * 0.45).add_(y, alpha=0.3))
    second = wave((y * 0.5).sub_(x, alpha=0.35).add_(first, alpha=0.2))
    third = wave((x * 0.9).sub_(y, alpha=0.2).add_(second, alpha=0.2))
    fourth = wave((y * 0.9).add_(x, alpha=0.25).add_(first, alpha=0.2))
    one = (third * fourth).add_(first, alpha=0.4)
    two = (second * fourth).sub_(third, alpha=0.4)
    sharp = n["print_sharp"] * 0.25
    one = one.sub_(0.8).add_(n["print_share"] * 2.0).mul_(sharp).clamp_(0.0, 1.0).mul_(n["print_amount"])
    two = two.sub_(0.8).add_(n["print_share"] * 2.0).mul_(sharp).clamp_(0.0, 1.0).mul_(n["print_amount"])
    return one, two.mul_(1.0 - one)
