"""The fused form of painting masks: one Triton kernel for all pixels of all faces; a GPU's default.

It draws what ``painting`` draws, to the last few bits; that form is the reference. Needs ``triton``, which comes with
PyTorch for CUDA; run by its interpreter (``TRITON_INTERPRET=1``) on any machine.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

from maskrec.faces.masks import fused_places as at
from maskrec.faces.masks.fused_pixels import painted_pixels
from maskrec.faces.masks.geometry import REACH_ASIDE, REACH_BACK, REACH_FRONT
from maskrec.faces.masks.relief import noise_tile
from maskrec.faces.masks.types import MASK_TYPES
from maskrec.faces.masks.wearing import SHADOW_REACH, Worn

_PIXELS = 256  # of a program
_TYPES, _SHADOW_REACH = tl.constexpr(len(MASK_TYPES)), tl.constexpr(SHADOW_REACH)
_ASIDE, _BACK, _FRONT = tl.constexpr(REACH_ASIDE), tl.constexpr(REACH_BACK), tl.constexpr(REACH_FRONT)


@triton.jit
def _seen_box(row, axes, origin, turn, face, height, width):
    """First and last row, first and last column, the last ones excluded."""
    strap = tl.load(row + at.STRAP_END) + tl.load(row + at.STRAP_WIDTH) / tl.load(row + at.STRAP_TOP_SCALE)
    top = (tl.minimum(tl.load(row + at.NOSE), strap) - _SHADOW_REACH).to(tl.float64)
    bottom = (tl.load(row + at.CHIN) + _SHADOW_REACH).to(tl.float64)
    corner = tl.arange(0, 8)
    near = tl.where(corner % 2 == 0, -_BACK, _FRONT).to(tl.float64)
    down = tl.where((corner // 2) % 2 == 0, top, bottom)
    right = tl.where(corner // 4 == 0, -_ASIDE, _ASIDE).to(tl.float64)
    right += tl.load(turn + face * 2) * near
    down += tl.load(turn + face * 2 + 1) * near
    across, below = axes + face * 4, axes + face * 4 + 2
    x = tl.load(origin + face * 2) + right * tl.load(across) + down * tl.load(below)
    y = tl.load(origin + face * 2 + 1) + right * tl.load(across + 1) + down * tl.load(below + 1)
    first_row, last_row = tl.floor(tl.min(y, 0)), tl.ceil(tl.max(y, 0)) + 1.0
    first_column, last_column = tl.floor(tl.min(x, 0)), tl.ceil(tl.max(x, 0)) + 1.0
    return first_row, last_row, first_column, last_column


@triton.jit
def _paint_kernel(
    images,
    stride_face,
    stride_channel,
    stride_row,
    stride_column,
    height,
    width,
    types,
    landmarks,
    numbers,
    axes,
    origin,
    turn,
    tile,
    count: tl.constexpr,
    pixels: tl.constexpr,
):
    """Some pixels of one face."""
    face = tl.program_id(0).to(tl.int64)
    kind = tl.load(types + face)
    if kind == -1:
        return
    pixel = tl.program_id(1) * pixels + tl.arange(0, pixels)
    x, y = pixel % width, pixel // width
    row = numbers + face * count
    first_row, last_row, first_column, last_column = _seen_box(row, axes, origin, turn, face, height, width)
    inside = (y >= first_row) & (y < last_row) & (x >= first_column) & (x < last_column)
    place = tl.arange(0, 16)
    point = tl.load(landmarks + face * 10 + place, mask=place < 10, other=0.0)
    # What is not finite differs from itself, less itself.
    broken = (tl.max(((point - point) != 0.0).to(tl.int32), 0) > 0) | (kind < 0) | (kind >= _TYPES)
    inside = inside | broken
    inside = inside & (y < height)
    if tl.max(inside.to(tl.int32), 0) == 0:
        return
    where = images + face * stride_face + y * stride_row + x * stride_column
    red = tl.load(where, mask=inside, other=0.0).to(tl.float32)
    green = tl.load(where + stride_channel, mask=inside, other=0.0).to(tl.float32)
    blue = tl.load(where + 2 * stride_channel, mask=inside, other=0.0).to(tl.float32)
    red, green, blue = painted_pixels(row, tile, x, y, red, green, blue)
    nothing = float("nan")
    tl.store(where, tl.where(broken, nothing, red), mask=inside)
    tl.store(where + stride_channel, tl.where(broken, nothing, green), mask=inside)
    tl.store(where + 2 * stride_channel, tl.where(broken, nothing, blue), mask=inside)


@triton_op("maskrec::paint_masks", mutates_args={"images"})
def _paint(
    images: Tensor,
    types: Tensor,
    landmarks: Tensor,
    numbers: Tensor,
    axes: Tensor,
    origin: Tensor,
    turn: Tensor,
    tile: Tensor,
) -> None:
    count, _, height, width = images.shape
    grid = (count, triton.cdiv(height * width, _PIXELS))
    wrap_triton(_paint_kernel)[grid](
        images,
        *images.stride(),
        height,
        width,
        types,
        landmarks,
        numbers,
        axes,
        origin,
        turn,
        tile,
        at.COUNT.value,
        _PIXELS,
    )


def paint_fused(images: Tensor, types: Tensor, landmarks: Tensor, worn: Worn) -> None:
    """Draw all masks, in place.

    Args:
        images: float ``(B, 3, H, W)``.
        types: int64 ``(B,)``; -1 for a bare face. Pictures of faces whose type is unknown become NaN.
        landmarks: ``(B, 5, 2)``; likewise where they are not finite.
        worn: how every face of the batch wears its mask, or would.
    """
    if images.numel() == 0:
        return
    camera = worn.camera
    _paint(
        images,
        types.contiguous(),
        landmarks.contiguous(),
        worn.numbers.to(torch.float32),
        camera.axes.contiguous(),
        camera.origin.contiguous(),
        camera.turn.contiguous(),
        noise_tile(images.device),
    )
