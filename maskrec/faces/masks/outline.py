"""Which pixels a mask and its straps cover, and which lie in its shadow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.faces.masks.head_rays import Surface, affine
from maskrec.faces.masks.number_matrix import Numbers


@dataclass(frozen=True, slots=True)
class Cut:
    """A mask's own coordinates; every field ``(B, H, W)``.

    Args:
        aside: from -1 at its end on the viewer's left to 1.
        aside2: its square.
        low: from 0 at its top edge to 1 at its bottom edge.
        edge: how far inside of its nearest edge, in eye distances.
        flank: across in nose widths.
        nose: 1 on the nose's ridge, 0 from its foot.
        cover: how much of the pixel it covers.
    """

    aside: Tensor
    aside2: Tensor
    low: Tensor
    edge: Tensor
    flank: Tensor
    nose: Tensor
    cover: Tensor

    def of(self, rows: slice) -> Cut:
        """Of some faces."""
        return Cut(*(getattr(self, name)[rows] for name in self.__slots__))


def cut_out(surface: Surface, n: Numbers) -> Cut:
    """The mask's outline on the head."""
    sides = surface.across * n.together("per_side", 2)
    aside, flank = sides.unbind(0)
    aside2, flank2 = sides.square().unbind(0)
    nose = flank2.neg_().add_(1.0).clamp_(min=0.0)
    top, below = affine(aside2, n.together("temple_down", 2), n.together("cheek", 2)).unbind(0)
    top -= (nose * nose).mul_(n["rise"])
    low = (below - top).clamp_(min=0.1)
    below.sub_(surface.down)
    above = torch.sub(surface.down, top, out=top)
    low = torch.div(above, low, out=low)
    # A quarter of the square of how far from the middle; half_round counts it in.
    middle = (low - 0.5).square_()
    beside = middle.addcmul_(middle, middle, value=4.0).mul_(n["half_round"]).add_(1.0)
    beside = beside.sub_(aside.abs()).mul_(n["wide"])
    edge = torch.minimum(torch.minimum(above, below, out=above), beside, out=above)
    cover = torch.mul(edge, n["per_edge"], out=below)
    cover = torch.minimum(cover, torch.mul(surface.inside, n["inside_edge"], out=middle), out=cover)
    return Cut(aside, aside2, low, edge, flank, nose, cover.add_(0.5).clamp_(0.0, 1.0))


def shadow(half_inside: Tensor, edge: Tensor, n: Numbers) -> Tensor:
    """The remaining light beside a mask's edge: ``(B, H, W)``, 1 away from it.

    Args:
        half_inside: half of ``Surface.inside``.
        edge: of the cut; changed.
        n: of these faces.
    """
    near = edge.mul_(n["per_shadow"]).add_(1.0)
    near = torch.minimum(near, half_inside, out=near).clamp_(0.0, 1.0)
    return near.mul_(near).mul_(-0.28).add_(1.0)


def straps(surface: Surface, half_inside: Tensor, n: Numbers) -> Tensor:
    """How much of each pixel the straps cover: two per side, from the mask's ends towards the ear."""
    beyond = surface.across.abs().mul_(n["per_gap"]).add_(n["strap_0"])
    both = affine(beyond, n.together("strap_top_slope", 2), n.together("strap_top", 2)).sub_(surface.down).abs_()
    upper, lower = both.mul_(n.together("strap_top_scale", 2)).unbind(0)
    cover = torch.maximum(upper, lower, out=upper).add_(n["strap_width"])
    # At the silhouette a strap is seen edge-on.
    cover = torch.minimum(cover, half_inside, out=cover)
    along = torch.minimum(1.0 - beyond, beyond.add_(0.5), out=beyond).mul_(8.0)
    return torch.minimum(cover, along, out=cover).clamp_(0.0, 1.0).mul_(n["strap_on"])
