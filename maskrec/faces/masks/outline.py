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
    aside = surface.across * n["per_side"]
    aside2 = aside * aside
    flank = surface.across * n["per_nose"]
    nose = (flank * flank).neg_().add_(1.0).clamp_(min=0.0)
    top = affine(aside2, n["temple_down"], n["cheek"])
    top -= (nose * nose).mul_(n["rise"])
    below = affine(aside2, n["jaw_up"], n["chin"])
    low = (below - top).clamp_(min=0.1)
    below.sub_(surface.down)
    above = top.neg_().add_(surface.down)
    low = torch.div(above, low, out=low)
    middle = (low * 2.0).sub_(1.0)
    middle = middle.mul_(middle)
    beside = middle.addcmul_(middle, middle).mul_(n["half_round"]).add_(1.0).sub_(aside.abs()).mul_(n["wide"])
    edge = torch.minimum(torch.minimum(above, below, out=above), beside, out=above)
    cover = edge * n["per_edge"]
    cover = torch.minimum(cover, surface.inside * n["inside_edge"], out=cover).add_(0.5).clamp_(0.0, 1.0)
    return Cut(aside, aside2, low, edge, flank, nose, cover)


def shadow(surface: Surface, cut: Cut, n: Numbers) -> Tensor:
    """The remaining light beside a mask's edge: ``(B, H, W)``, 1 away from it."""
    near = (cut.edge * n["per_shadow"]).add_(1.0).clamp_(0.0, 1.0)
    near = torch.minimum(near, (surface.inside * 0.5).clamp_(0.0, 1.0))
    return near.mul_(near).mul_(-0.28).add_(1.0)


def straps(surface: Surface, n: Numbers) -> Tensor:
    """How much of each pixel the straps cover: two per side, from the mask's ends towards the ear."""
    beyond = surface.across.abs().mul_(n["per_gap"]).add_(n["strap_0"])
    both = affine(beyond, n.together("strap_top_slope", 2), n.together("strap_top", 2)).sub_(surface.down).abs_()
    cover = both.mul_(n.together("strap_top_scale", 2)).amax(0).add_(n["strap_width"])
    # At the silhouette a strap is seen edge-on.
    cover = torch.minimum(cover, surface.inside * 0.5)
    cover = torch.minimum(cover, (1.0 - beyond).mul_(8.0))
    return torch.minimum(cover, beyond.add_(0.5).mul_(8.0)).clamp_(0.0, 1.0).mul_(n["strap_on"])
