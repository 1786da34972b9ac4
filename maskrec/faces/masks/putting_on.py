"""Putting masks on faces: which faces, how they are worn, and which form of painting draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.contracts.protocols import Draws
from maskrec.faces.masks.colours import palette_of
from maskrec.faces.masks.mask_choice import cheek_problems, wear_problems
from maskrec.faces.masks.mask_draws import DRAWN
from maskrec.faces.masks.painting import paint_all, paint_known
from maskrec.faces.masks.types import MASK_TYPES, painting_places
from maskrec.faces.masks.wearing import HEIGHT, Wearing, worn_by


def put_on_masks(
    images: Tensor,
    landmarks: Tensor,
    types: Tensor,
    draws: Draws,
    *,
    height: tuple[float, float] = HEIGHT,
    cheeks: tuple[float, float] = (0.0, 0.0),
    wear: Mapping[str, float] | None = None,
    colors: Sequence[str] | None = None,
) -> Tensor:
    """The images with masks put on.

    Every mask is different: place, size, tilt, cut, creases, colours and print are the sample's own draws; it is lit
    like its face.

    Args:
        images: float ``(B, 3, H, W)`` RGB in [0, 1]; not changed.
        landmarks: ``(B, 5, 2)`` in pixels.
        types: int64 ``(B,)``, index into ``MASK_TYPES``; -1 leaves a face bare.
        draws: for these B samples.
        height: range of the top edge's height on the nose: 0 its tip, 1 the line between the eyes; within 0 to 0.8.
        cheeks: range of how far the top edge is pulled up on the cheeks: 0 as it is cut, 1 the line between the eyes;
            within 0 to 0.5, and never above the edge on the nose.
        wear: probabilities of a mask ``under_nose`` and ``on_chin``; all others are worn properly.
        colors: ``#rrggbb`` to choose from for types whose colour is drawn, by default any.

    Returns:
        ``(B, 3, H, W)``, new; faces left bare are unchanged bit for bit.

    Raises:
        ValueError: an unknown type, shapes that do not match, landmarks that are not finite, or a wrong height,
            cheeks, wear or colour. On a GPU, which is not waited for, pictures of an unknown type or with landmarks
            that are not finite become NaN instead.
    """
    _refuse_other_shapes(images, landmarks, types)
    for sentence in (*wear_problems(height, wear), *cheek_problems(cheeks)):
        raise ValueError(sentence)
    wearing = Wearing(height, cheeks, wear or {}, None if colors is None else palette_of(colors))
    result, uniform = images.clone(), draws.matrix(DRAWN)
    if images.device.type == "cpu":
        put_on_known(result, landmarks, types, uniform, wearing)
    else:
        put_on_unseen(result, landmarks, types, uniform, wearing, fused=_can_fuse(images.device))
    return result


def _can_fuse(device: torch.device) -> bool:
    """Whether masks are painted by the fused kernel: on GPUs, where triton is installed."""
    return device.type == "cuda" and find_spec("triton") is not None


def put_on_known(images: Tensor, landmarks: Tensor, types: Tensor, uniform: Tensor, wearing: Wearing) -> None:
    """Put masks on faces in the CPU's memory, in place: only those that wear one, kind by kind.

    Types and boxes are looked at there (``numpy``), which waits for nothing.

    Args:
        images, landmarks, types: as for ``put_on_masks``.
        uniform: ``DRAWN``.
        wearing: how the masks are worn.
    """
    order = _masked_rows(types.numpy(), landmarks.detach().numpy())
    if not len(order):
        return
    rows = torch.from_numpy(order)
    worn = worn_by(images, landmarks[rows], types[rows], uniform, rows, wearing)
    boxes, numbers = worn.boxes(*images.shape[2:]).numpy(), worn.numbers.to(torch.float32)
    # A face outside the picture would bring numbers beyond float32 into its neighbours' box.
    seen = np.flatnonzero((boxes[:, 1] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 2]))
    if not len(seen):
        return
    if len(seen) < len(order):
        order, boxes, numbers = order[seen], boxes[seen], numbers[torch.from_numpy(seen)]
    paint_known(images, order, types.numpy()[order], numbers, boxes)


def put_on_unseen(
    images: Tensor, landmarks: Tensor, types: Tensor, uniform: Tensor, wearing: Wearing, fused: bool
) -> None:
    """Put masks on faces without knowing which wear one, in place: nothing is read from the device.

    Args:
        images, landmarks, types, uniform, wearing: as for ``put_on_known``.
        fused: whether one kernel paints, instead of tensor operations.
    """
    points = landmarks.nan_to_num(0.0, 0.0, 0.0)
    worn = worn_by(images, points, types.clamp(0, len(MASK_TYPES) - 1), uniform, None, wearing)
    if fused:
        from maskrec.faces.masks.fused_painting import paint_fused  # imports triton

        paint_fused(images, types, landmarks, worn)
        return
    unknown = (types < -1) | (types >= len(MASK_TYPES))
    wrong = unknown | ((types >= 0) & ~torch.isfinite(landmarks).flatten(1).all(1))
    paint_all(images, worn.numbers.to(torch.float32), worn.boxes(*images.shape[2:]), types >= 0)
    images.masked_fill_(wrong[:, None, None, None], torch.nan)


def _refuse_other_shapes(images: Tensor, landmarks: Tensor, types: Tensor) -> None:
    if landmarks.shape != (len(images), 5, 2) or types.shape != (len(images),):
        raise ValueError(
            f"{len(images)} images need landmarks (B, 5, 2) and types (B,), not {tuple(landmarks.shape)} and "
            f"{tuple(types.shape)}"
        )


def _masked_rows(types: NDArray[np.int64], landmarks: NDArray[np.float32]) -> NDArray[np.int64]:
    """The rows of the faces that get a mask, those of a family side by side."""
    if len(types) and not -1 <= types.min() <= types.max() < len(MASK_TYPES):
        raise ValueError(f"mask types must be from -1 to {len(MASK_TYPES) - 1}")
    rows = np.flatnonzero(types >= 0)
    if not np.isfinite(landmarks[rows]).all():
        raise ValueError("landmarks must be finite numbers")
    return rows[painting_places()[types[rows]].argsort(kind="stable")]
