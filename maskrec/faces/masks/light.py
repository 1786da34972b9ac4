"""The light on a face, estimated from its pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.faces.masks.geometry import Camera

# Points of the head (right, down, near) where skin is usually seen: left cheek and brow, the right ones, the middle.
_LEFT = ((-0.30, 0.45, 0.15), (-0.40, 0.35, 0.10), (-0.24, 0.58, 0.20), (-0.42, 0.58, 0.05), (-0.30, -0.35, 0.10))
_RIGHT = tuple((-right, down, near) for right, down, near in _LEFT)
_MIDDLE = ((0.0, 0.15, 0.25), (0.0, 0.40, 0.40), (0.0, 0.50, 0.42), (0.0, -0.35, 0.15))
_BRIGHT_SKIN, _BRIGHT_SCENE = 11, 0.9
_SCENE_STEP = 16


def face_light(images: Tensor, chosen: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Brightness of the light and how much more comes from the viewer's right.

    Skin gives the brightness of the light only up to its own colour, so its brighter points and the brightest part
    of the picture count too.

    Args:
        images: float ``(n, 3, H, W)``.
        chosen: int64 ``(B,)``, the faces whose light to estimate.
        camera: of the chosen faces.

    Returns:
        Level (``(B,)``, about 0.5 to 1.1: what a white fabric would show) and side (``(B,)`` in [-0.4, 0.4]).
    """
    skin = _luma_at(images, chosen, camera)
    left, right = skin[:, :5].median(1).values, skin[:, 5:10].median(1).values
    ordered = skin.sort(1).values
    bright = 0.5 * ordered[:, skin.shape[1] // 2] + 0.5 * ordered[:, _BRIGHT_SKIN]
    scene = _luma(images[:, :, ::_SCENE_STEP, ::_SCENE_STEP][chosen].flatten(2).to(torch.float32))
    place = int(_BRIGHT_SCENE * (scene.shape[1] - 1))
    scene_bright = scene.sort(1).values[:, place]
    seen = torch.maximum(bright, 0.25 * bright + 0.5 * scene_bright)
    level = (0.50 + 0.73 * seen).clamp(0.5, 1.05)
    side = ((right - left) / (right + left + 0.1)).clamp(-0.4, 0.4)
    return level, side


def _luma(pixels: Tensor) -> Tensor:
    """``(B, 3, n)`` to ``(B, n)``."""
    return 0.299 * pixels[:, 0] + 0.587 * pixels[:, 1] + 0.114 * pixels[:, 2]


def _luma_at(images: Tensor, chosen: Tensor, camera: Camera) -> Tensor:
    """Luma of single pixels at the points of the head above: ``(B, 14)``."""
    height, width = images.shape[2:]
    spots = torch.tensor(_LEFT + _RIGHT + _MIDDLE, dtype=torch.float64, device=images.device)
    x, y = camera.project(*(column[None, :] for column in spots.unbind(1)))
    columns = x.round().clamp(0, width - 1).to(torch.int64)
    lines = y.round().clamp(0, height - 1).to(torch.int64)
    return _luma(images[chosen[:, None], :, lines, columns].to(torch.float32).transpose(1, 2))
