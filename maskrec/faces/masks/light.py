"""The light on a face, estimated from its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from maskrec.faces.masks.geometry import Camera

# Points of the head (right, down, near) where skin is usually seen: left cheek and brow, the right ones, the middle.
_LEFT = ((-0.30, 0.45, 0.15), (-0.40, 0.35, 0.10), (-0.24, 0.58, 0.20), (-0.42, 0.58, 0.05), (-0.30, -0.35, 0.10))
_RIGHT = tuple((-right, down, near) for right, down, near in _LEFT)
_MIDDLE = ((0.0, 0.15, 0.25), (0.0, 0.40, 0.40), (0.0, 0.50, 0.42), (0.0, -0.35, 0.15))
_SPOTS = (*_LEFT, *_RIGHT, *_MIDDLE)
_BRIGHT_SKIN, _BRIGHT_SCENE = 11, 0.9
_SCENE_STEP = 16
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class LightConstants:
    """Where light is looked for in pictures of one size.

    Args:
        places, near: of the spots, as ``Camera.project`` takes them.
        first, last: ``(2, 1)`` bounds of their x and y in the picture.
        scene: int64 ``(2, n)`` x and y of pixels all over the picture.
        luma: float32 ``(3,)``.
    """

    places: Tensor
    near: Tensor
    first: Tensor
    last: Tensor
    scene: Tensor
    luma: Tensor


@lru_cache(maxsize=32)
def _constants(height: int, width: int, device: torch.device) -> LightConstants:
    right, down, near = torch.tensor(_SPOTS, dtype=torch.float64, device=device).unbind(1)
    last = torch.tensor([[width - 1], [height - 1]], dtype=torch.float64, device=device)
    lines, columns = (torch.arange(0, side, _SCENE_STEP, device=device) for side in (height, width))
    scene = torch.stack([columns.repeat(len(lines)), lines.repeat_interleave(len(columns))])
    luma = torch.tensor(_LUMA, dtype=torch.float32, device=device)
    return LightConstants(torch.stack([right, down]), near.contiguous(), torch.zeros_like(last), last, scene, luma)


def face_light(images: Tensor, rows: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Brightness of the light and how much more comes from the viewer's right.

    Skin gives the brightness of the light only up to its own colour, so its brighter points and the brightest part
    of the picture count too.

    Args:
        images: float ``(n, 3, H, W)``.
        rows: int64 ``(B,)``, the faces whose light to estimate.
        camera: of these faces.

    Returns:
        Level (``(B,)``, about 0.5 to 1.1: what a white fabric would show) and side (``(B,)`` in [-0.48, 0.48]).
    """
    skin, scene = _luma_at(images, rows, camera).split_with_sizes([len(_SPOTS), _scene_size(images)], 1)
    left, right = torch.stack([skin[:, :5], skin[:, 5:10]], 1).median(2).values.unbind(1)
    ordered = skin.sort(1).values
    bright = ordered[:, len(_SPOTS) // 2] + ordered[:, _BRIGHT_SKIN]
    scene_bright = scene.sort(1).values[:, int(_BRIGHT_SCENE * (scene.shape[1] - 1))]
    # Twice what is seen: half of two bright points of the skin, or a quarter of them and half of the scene.
    seen = torch.maximum(bright, torch.add(scene_bright, bright, alpha=0.25))
    level = (seen * (0.5 * 0.73)).add_(0.50).clamp_(0.5, 1.05)
    side = ((right - left) / (right + left).add_(0.1)).clamp_(-0.4, 0.4).mul_(1.2)
    return level, side


def _luma_at(images: Tensor, rows: Tensor, camera: Camera) -> Tensor:
    """Luma of single pixels: at the points of the head above, then all over the picture; ``(B, n)``."""
    height, width = images.shape[2:]
    constant = _constants(height, width, images.device)
    spots = camera.project(constant.places, constant.near).round_().clamp_(constant.first, constant.last)
    scene = constant.scene.expand(len(rows), *constant.scene.shape)
    columns, lines = torch.cat([spots.to(torch.int64), scene], 2).unbind(1)
    red, green, blue = (images[rows[:, None], :, lines, columns].to(torch.float32) * constant.luma).unbind(2)
    return red + green + blue


def _scene_size(images: Tensor) -> int:
    """How many pixels all over the picture are looked at."""
    return len(range(0, images.shape[2], _SCENE_STEP)) * len(range(0, images.shape[3], _SCENE_STEP))
