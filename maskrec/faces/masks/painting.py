"""The plain form of painting masks: tensor operations, on any device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.faces.masks.head_rays import Surface, meet_head
from maskrec.faces.masks.number_matrix import Numbers
from maskrec.faces.masks.outline import cut_out, shadow, straps
from maskrec.faces.masks.prints import PATTERNS, pattern_of, valve_of
from maskrec.faces.masks.relief import noise_of, shade_of
from maskrec.faces.masks.types import MASK_TYPES, features_of, painting_places
from maskrec.faces.masks.wearing import NUMBERS

# As many as fit in a CPU's caches, and as many as fit in a device's memory.
PIXELS_AT_ONCE, PIXELS_ON_A_DEVICE = 1 << 18, 1 << 26
# A batch of up to so many times as many is painted in two parts: fewer operations.
_IN_TWO = 4

Ints = NDArray[np.int64]
Spans = Mapping[str, Sequence[slice]]


class Window(NamedTuple):
    """A part of pictures.

    Args:
        height, width: of the pictures.
        rows, columns: of the part.
    """

    height: int
    width: int
    rows: slice
    columns: slice


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
    for part, (top, bottom, left, right) in _parts(boxes):
        window = Window(images.shape[2], images.shape[3], slice(top, bottom), slice(left, right))
        _paint(images, places[part], n.of(part), window, _spans(types[part]))


def _parts(boxes: Ints) -> Iterator[tuple[slice, tuple[int, int, int, int]]]:
    """Runs of faces and the box around them, of about ``PIXELS_AT_ONCE`` pixels, or half of a small batch."""
    start, most = 0, PIXELS_AT_ONCE
    area = int((boxes[:, 1::2].max(0) - boxes[:, 0::2].min(0)).prod())
    if area * len(boxes) <= _IN_TWO * most:
        most = max(most, area * -(-len(boxes) // 2))
    while start < len(boxes):
        lows = np.minimum.accumulate(boxes[start:, 0::2])
        highs = np.maximum.accumulate(boxes[start:, 1::2])
        pixels = (highs - lows).prod(1) * np.arange(1, len(lows) + 1)
        count = max(1, int(np.searchsorted(pixels, most, "right")))
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


def _paint(images: Tensor, places: Tensor, n: Numbers, window: Window, spans: Spans) -> None:
    """Draw masks on the faces at ``places``, inside the window, in place."""
    inside = images[:, :, window.rows, window.columns]
    crop = inside.index_select(0, places).to(torch.float32)
    inside.index_copy_(0, places, _painted(crop, n, window, spans).to(images.dtype))


@lru_cache(maxsize=32)
def _coordinates(count: int, device: torch.device) -> Tensor:
    return torch.arange(count, dtype=torch.float32, device=device)


def _painted(crop: Tensor, n: Numbers, window: Window, spans: Spans, mixed: bool = False) -> Tensor:
    """Parts of pictures with masks drawn on them; changes ``crop``.

    Args:
        crop: float32 ``(B, 3, H, W)``.
        n: their numbers.
        window: where they are in the pictures.
        spans: as ``shade_of`` takes them.
        mixed: whether spans of patterns hold faces whose types have others.
    """
    x = _coordinates(window.width, crop.device)[None, None, window.columns]
    y = _coordinates(window.height, crop.device)[None, window.rows, None]
    surface = meet_head(n, x, y)
    fabric, edge, cover = _fabric(surface, n, window, spans)
    half_inside = surface.inside.mul_(0.5)
    band = straps(surface, half_inside, n)
    uncovered = 1.0 - cover
    kept = shadow(half_inside, edge, n).mul_(uncovered).mul_(1.0 - band)
    band.mul_(uncovered).mul_(n["level"])
    crop.mul_(kept[:, None]).addcmul_(band[:, None], n.channels("band_0"))
    crop.addcmul_(fabric[:, None], n.channels("fabric_0"))
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


def _fabric(surface: Surface, n: Numbers, window: Window, spans: Spans) -> tuple[Tensor, Tensor, Tensor]:
    """Brightness of the fabric times how much it covers of each pixel, the distance inside its edge, and the cover.

    A function, so that what a mask's shade needs is in memory no longer than that: it would not fit in caches.
    """
    cut = cut_out(surface, n)
    shade = shade_of(surface, cut, n, spans)
    shade.addcmul_(noise_of(n, *window), n["grain"]).mul_(n["level"])
    return shade.mul_(cut.cover), cut.edge, cut.cover


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
    height, width = result.shape[2:]
    window = Window(height, width, slice(0, height), slice(0, width))
    painted = _painted(crop, Numbers(numbers.T, NUMBERS), window, spans, mixed=True)
    x, y = _coordinates(width, result.device), _coordinates(height, result.device)
    first_row, last_row, first_column, last_column = boxes[:, :, None].unbind(1)
    rows = (y >= first_row) & (y < last_row) & masked[:, None]
    columns = (x >= first_column) & (x < last_column)
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    torch.where(inside, painted.to(result.dtype), result, out=result)
