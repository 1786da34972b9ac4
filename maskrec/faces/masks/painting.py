"""The plain form of painting masks: tensor operations, on any device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.faces.masks.head_rays import meet_head
from maskrec.faces.masks.number_matrix import Numbers
from maskrec.faces.masks.outline import cut_out, shadow, straps
from maskrec.faces.masks.prints import PATTERNS, pattern_of, valve_of
from maskrec.faces.masks.relief import noise_of, shade_of
from maskrec.faces.masks.types import MASK_TYPES, features_of, painting_places
from maskrec.faces.masks.wearing import NUMBERS

# As many as fit in caches, but no more operations than needed; and as many as fit in a device's memory.
PIXELS_AT_ONCE, PIXELS_ON_A_DEVICE = 1 << 19, 1 << 26

Ints = NDArray[np.int64]
Box = tuple[int, int, int, int]
Spans = Mapping[str, Sequence[slice]]


def paint_known(images: Tensor, rows: Ints, types: Ints, numbers: Tensor, boxes: Ints) -> None:
    """Draw masks of known types, in place.

    Args:
        images: float ``(n, 3, H, W)``.
        rows: ``(B,)`` the faces' places among the images.
        types: ``(B,)``, in the order of ``painting_places``.
        numbers: float32 ``(B, len(NUMBERS))``.
        boxes: ``(B, 4)`` that contain the masks, as ``reach`` gives them.
    """
    n, places = Numbers(numbers.T, NUMBERS), torch.from_numpy(rows)
    for part, box in _parts(boxes):
        _paint(images, places[part], n.of(part), box, _spans(types[part]))


def _parts(boxes: Ints) -> Iterator[tuple[slice, Box]]:
    """Runs of faces and the box around them, of about ``PIXELS_AT_ONCE`` pixels."""
    start = 0
    while start < len(boxes):
        lows = np.minimum.accumulate(boxes[start:, 0::2])
        highs = np.maximum.accumulate(boxes[start:, 1::2])
        pixels = (highs - lows).prod(1) * np.arange(1, len(lows) + 1)
        count = max(1, int(np.searchsorted(pixels, PIXELS_AT_ONCE, "right")))
        (top, left), (bottom, right) = lows[count - 1].tolist(), highs[count - 1].tolist()
        yield slice(start, start + count), (top, bottom, left, right)
        start += count


def _spans(types: Ints) -> Spans:
    """By feature, the runs of faces whose types have it; types of a family are side by side."""
    spans: dict[str, list[slice]] = {}
    families = painting_places()[types]
    starts = [0, *(np.flatnonzero(families[1:] != families[:-1]) + 1).tolist()]
    for start, stop in zip(starts, [*starts[1:], len(types)], strict=True):
        for feature in features_of(frozenset(types[start:stop].tolist())):
            found = spans.setdefault(feature, [])
            if found and found[-1].stop == start:
                found[-1] = slice(found[-1].start, stop)
            else:
                found.append(slice(start, stop))
    return spans


def _paint(result: Tensor, places: Tensor, n: Numbers, box: Box, spans: Spans) -> None:
    """Draw masks on the faces at ``places``, inside the box, in place."""
    window = result[:, :, box[0] : box[1], box[2] : box[3]]
    crop = window.index_select(0, places).to(torch.float32)
    painted = _painted(crop, n, (box[0], box[2]), spans)
    window.index_copy_(0, places, painted.to(result.dtype))


def _painted(crop: Tensor, n: Numbers, corner: tuple[int, int], spans: Spans, mixed: bool = False) -> Tensor:
    """Parts of pictures with masks drawn on them; changes ``crop``.

    Args:
        crop: float32 ``(B, 3, H, W)``.
        n: their numbers.
        corner: row and column of their first pixel in the pictures.
        spans: as ``shade_of`` takes them.
        mixed: whether spans of patterns hold faces whose types have others.
    """
    device, (height, width) = crop.device, crop.shape[2:]
    y = torch.arange(corner[0], corner[0] + height, dtype=torch.int32, device=device)[None, :, None]
    x = torch.arange(corner[1], corner[1] + width, dtype=torch.int32, device=device)[None, None, :]
    surface = meet_head(n, x.to(torch.float32), y.to(torch.float32))
    cut = cut_out(surface, n)
    shade = shade_of(surface, cut, n, noise_of(n, x, y), spans)
    band = straps(surface, n)
    uncovered = 1.0 - cut.cover
    kept = shadow(surface, cut, n).mul_(uncovered).mul_(1.0 - band)
    band.mul_(uncovered).mul_(n["level"])
    fabric = shade.mul_(cut.cover)
    crop.mul_(kept[:, None]).addcmul_(band[:, None], n.channels("band_0")).addcmul_(
        fabric[:, None], n.channels("fabric_0")
    )
    for name in ("valve", *PATTERNS):
        for rows in spans.get(name, ()):
            some, numbers = surface.of(rows), n.of(rows)
            shares = valve_of(some, numbers) if name == "valve" else pattern_of(some, numbers, name)
            for colour, share in zip(("print_0", "other_0"), shares, strict=False):
                share.mul_(fabric[rows])
                if mixed and name != "valve":
                    share.mul_(numbers[f"pattern_{name}"])
                crop[rows].addcmul_(share[:, None], numbers.channels(colour))
    return crop.clamp_(0.0, 1.0)


def paint_all(result: Tensor, numbers: Tensor, boxes: Tensor, masked: Tensor) -> None:
    """Draw masks on all faces that are masked, without knowing which: in whole pictures, every feature for every face.

    Args:
        result: float ``(B, 3, H, W)``; changed in place.
        numbers: ``(B, n)`` of all faces.
        boxes: ``(B, 4)`` outside of which a face stays as it is.
        masked: bool ``(B,)``.
    """
    most = max(1, PIXELS_ON_A_DEVICE // max(1, result[0, 0].numel()))
    for start in range(0, len(result), most):
        some = slice(start, start + most)
        _paint_some(result[some], numbers[some], boxes[some], masked[some])


def _paint_some(result: Tensor, numbers: Tensor, boxes: Tensor, masked: Tensor) -> None:
    spans = {name: [slice(0, len(result))] for name in features_of(frozenset(range(len(MASK_TYPES))))}
    crop = result.to(torch.float32, copy=True)
    painted = _painted(crop, Numbers(numbers.T, NUMBERS), (0, 0), spans, mixed=True)
    y = torch.arange(result.shape[2], device=result.device)
    x = torch.arange(result.shape[3], device=result.device)
    first_row, last_row, first_column, last_column = boxes[:, :, None].unbind(1)
    rows = (y >= first_row) & (y < last_row) & masked[:, None]
    columns = (x >= first_column) & (x < last_column)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    torch.where(inside, painted.to(result.dtype), result, out=result)
