"""Images as a network's weights expect them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from maskrec.contracts.input_spec import InputSpec


def normalise(images: Tensor, spec: InputSpec, *, resize: bool = False) -> Tensor:
    """Convert RGB images in [0, 1] to the input of a backbone with this specification.

    Args:
        images: float RGB ``(B, 3, H, W)`` in [0, 1].
        spec: channel order, mean and std (on the [0, 1] scale, in the channels' own order), and the canvas.
        resize: whether images of another size are resized to ``spec.canvas`` (bilinear, antialiased); otherwise they
            keep theirs, because most networks accept any size.

    Returns:
        ``(B, 3, H, W)`` of the images' dtype.

    Raises:
        ValueError: the images have another shape or are integers.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"expected float images (B, 3, H, W), not {images.dtype} {tuple(images.shape)}")
    if resize and images.shape[2:] != spec.canvas:
        images = functional.interpolate(images, spec.canvas, mode="bilinear", antialias=True)
    if spec.color == "bgr":
        images = images.flip(1)
    return (images - _by_channel(spec.mean, images)) / _by_channel(spec.std, images)


def _by_channel(values: tuple[float, float, float], images: Tensor) -> Tensor:
    """``(3, 1, 1)`` in the type and on the device of the images, without waiting for that device."""
    return torch.tensor(values, dtype=images.dtype).to(images.device, non_blocking=True)[:, None, None]
