"""Faces on one canvas brought to another alignment, in batches on their own device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from maskrec.contracts.input_spec import Alignment, canvas_shape
from maskrec.faces.alignment import closed_form, template_points

_LEAST = 1e-6  # pixels squared: landmarks that coincide, which no alignment has


def can_realign(alignment: Alignment) -> bool:
    """Whether faces can be brought to an alignment by their landmarks alone: one that says where the landmarks are."""
    return template_points(1, alignment) is not None


def realign(
    images: Tensor, landmarks: Tensor, size: int, alignment: Alignment, source: Alignment | None = None
) -> Tensor:
    """Bring faces to an alignment by the similarity that ``images.to_canvas`` would find for the photo itself.

    A similarity of the landmarks' least squares is the same whether it is taken from the photo or from a canvas that
    shows a similarity of it, so only the pixels are sampled twice. What is beyond the canvas has no pixels and is
    black, as what is beyond a photo is on the canvas. Landmarks of one face that coincide give finite pixels that mean
    nothing.

    Args:
        images: float ``(B, C, H, W)``.
        landmarks: ``(B, 5, 2)`` in pixels of the images.
        size: of the new canvas in pixels: its side, with a template its height.
        alignment: of the new canvas, one that `can_realign` accepts.
        source: of the images; where it has a template, they are shrunk by whole factors first if bilinear sampling
            would skip pixels.

    Returns:
        ``(B, C, height, width)`` of the images' type.

    Raises:
        ValueError: an alignment without landmarks.
    """
    template = template_points(size, alignment)
    if template is None:
        raise ValueError(f"faces cannot be brought to the alignment '{alignment}' by landmarks")
    points = landmarks.to(images.dtype)
    factor = _whole_factor(images.shape[2:], source, size, alignment)
    if factor > 1:
        height, width = images.shape[2] // factor, images.shape[3] // factor
        shares = width / images.shape[3], height / images.shape[2]
        points = torch.stack([(points[..., axis] + 0.5) * share - 0.5 for axis, share in enumerate(shares)], 2)
        images = functional.interpolate(images, (height, width), mode="area")
    target = torch.from_numpy(template).to(points.dtype).to(points.device, non_blocking=True)
    x, y = _places(points, target, canvas_shape(size, alignment))
    grid = torch.stack([(2 * x + 1) / images.shape[3] - 1, (2 * y + 1) / images.shape[2] - 1], 3)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _places(points: Tensor, target: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Where each pixel of the new canvas is in the images: x and y in pixels, ``(B, height, width)`` each."""
    middle, new_middle = points.mean(1), target.mean(0)
    centred = points - middle[:, None]
    spread = (centred * centred).sum((1, 2)).clamp(min=_LEAST)
    along, across = (each[:, None, None] for each in closed_form(centred, target - new_middle, spread))
    square = (along * along + across * across).clamp(min=_LEAST)
    x = torch.arange(shape[1], dtype=points.dtype, device=points.device)[None, None, :] - new_middle[0]
    y = torch.arange(shape[0], dtype=points.dtype, device=points.device)[None, :, None] - new_middle[1]
    back_x, back_y = (along * x + across * y) / square, (along * y - across * x) / square
    return back_x + middle[:, 0, None, None], back_y + middle[:, 1, None, None]


def _whole_factor(shape: Sequence[int], source: Alignment | None, size: int, alignment: Alignment) -> int:
    """By how much the images can be shrunk before the new canvas shows more pixels than they have left."""
    old = None if source is None else template_points(shape[0], source)
    new = template_points(size, alignment)
    if old is None or new is None:
        return 1
    spreads = [float(((points - points.mean(0)) ** 2).sum()) for points in (old, new)]
    return max(1, min(int((spreads[0] / spreads[1]) ** 0.5 + 1e-9), *shape))
