"""Light on the face, and the effects of a cheap camera."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.faces.synthetic.cartoon_photos import CartoonPhotos
from maskrec.faces.synthetic.shapes import Grid, column

_BANK = 1 << 20


@cache
def _noise_bank() -> Tensor:
    """float32 ``(2**20,)`` standard normals, always the same; each photo reads it from its own offset."""
    return SeededDraws(0, 0, "synthetic camera", torch.zeros(1, dtype=torch.int64)).normal("noise", (_BANK,))[0]


def light_up(canvas: Tensor, head: Grid, photos: CartoonPhotos) -> None:
    """A gradient of light across the head, the light's colour and exposure, and a floor of ambient light."""
    shade = 1 + column(photos.light_x) * head.x.clamp(-1, 1) + column(photos.light_y) * head.y.clamp(-1, 1)
    canvas.mul_(shade.clamp_(0.2, 1.8)[:, None]).mul_(photos.light[:, :, None, None]).add_(
        photos.ambient[:, None, None, None]
    )


def develop(canvas: Tensor, photos: CartoonPhotos) -> Tensor:
    """Blur, noise and rounding: uint8 ``(B, 3, S, S)``."""
    down = canvas.clone()
    down[:, :, 1:-1] = (canvas[:, :, :-2] + canvas[:, :, 2:]).mul_(0.25).add_(canvas[:, :, 1:-1] * 0.5)
    both = down.clone()
    both[..., 1:-1] = (down[..., :-2] + down[..., 2:]).mul_(0.25).add_(down[..., 1:-1] * 0.5)
    canvas = canvas + (both - canvas).mul_(photos.blur[:, None, None, None])
    places = photos.noise_start[:, None] + torch.arange(canvas[0].numel())
    grain = _noise_bank()[places & (_BANK - 1)].reshape(canvas.shape)
    canvas.add_(grain.mul_(photos.noise[:, None, None, None]))
    return canvas.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
