"""Drawing of masks: some faces at a time, in place, on the images' device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from maskrec.contracts.protocols import Draws
from maskrec.faces.masks.colours import palette_of
from maskrec.faces.masks.geometry import meet_head
from maskrec.faces.masks.mask_choice import cheek_problems, wear_problems
from maskrec.faces.masks.outline import Numbers, cut_out, shadow, straps
from maskrec.faces.masks.prints import print_of
from maskrec.faces.masks.relief import noise_of, shade_of
from maskrec.faces.masks.types import MASK_TYPES, families_of, features_of
from maskrec.faces.masks.wearing import HEIGHT, worn_by

PIXELS_AT_ONCE = {"cpu": 1 << 17, "cuda": 1 << 26}
# On a CPU a family skips what only others have. A GPU is faster with more work at once than with more kernels.
FAMILIES_APART = {"cpu"}


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
            cheeks, wear or colour.
    """
    _refuse_other_shapes(images, landmarks, types)
    for sentence in (*wear_problems(height, wear), *cheek_problems(cheeks)):
        raise ValueError(sentence)
    palette = None if colors is None else palette_of(colors)
    result = images.clone()
    chosen = torch.nonzero(types >= 0).flatten()
    if len(chosen) == 0:
        return result
    if int(types.max()) >= len(MASK_TYPES) or int(types.min()) < -1:
        raise ValueError(f"mask types must be from -1 to {len(MASK_TYPES) - 1}")
    if not bool(torch.isfinite(landmarks[chosen]).all()):
        raise ValueError("landmarks must be finite numbers")
    chosen = chosen[families_of(types[chosen]).sort(stable=True).indices]
    numbers, boxes = worn_by(
        images, landmarks[chosen], types[chosen], draws, chosen, height, cheeks, wear or {}, palette
    )
    # A face outside the picture would bring numbers beyond float32 into its neighbours' box.
    seen = torch.nonzero((boxes[:, 1] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 2])).flatten()
    chosen, boxes = chosen[seen], boxes[seen]
    names, table = list(numbers), torch.stack(list(numbers.values()))[:, seen, None, None]
    families = families_of(types[chosen]).tolist()
    for start, stop, box in _parts(families, boxes.tolist(), images.device.type):
        some = dict(zip(names, table[:, start:stop].unbind(0), strict=True))
        _paint(result, chosen[start:stop], some, box, _runs(families[start:stop]))
    return result


def _refuse_other_shapes(images: Tensor, landmarks: Tensor, types: Tensor) -> None:
    if landmarks.shape != (len(images), 5, 2) or types.shape != (len(images),):
        raise ValueError(
            f"{len(images)} images need landmarks (B, 5, 2) and types (B,), not {tuple(landmarks.shape)} and "
            f"{tuple(types.shape)}"
        )


Box = tuple[int, int, int, int]
Run = tuple[slice, frozenset[str]]


def _parts(families: list[int], boxes: list[list[int]], device: str) -> Iterator[tuple[int, int, Box]]:
    """Runs of faces and the box around them, of about as many pixels as fit in caches; of one family where faster."""
    most, apart = PIXELS_AT_ONCE.get(device, 1 << 24), device in FAMILIES_APART
    start = 0
    while start < len(families):
        stop, box = start, boxes[start]
        while stop < len(families) and not (apart and families[stop] != families[start]):
            wider = [fold(a, b) for fold, a, b in zip((min, max, min, max), box, boxes[stop], strict=True)]
            area = max(1, (wider[1] - wider[0]) * (wider[3] - wider[2]))
            if stop > start and area * (stop + 1 - start) > most:
                break
            stop, box = stop + 1, wider
        yield start, stop, (box[0], box[1], box[2], box[3])
        start = stop


def _runs(families: list[int]) -> list[Run]:
    """The places of each family's faces in a part, and the features of their looks."""
    starts = [i for i, family in enumerate(families) if i == 0 or family != families[i - 1]]
    stops = [*starts[1:], len(families)]
    return [(slice(a, b), features_of(families[a])) for a, b in zip(starts, stops, strict=True)]


def _paint(result: Tensor, places: Tensor, n: Numbers, box: Box, runs: list[Run]) -> None:
    """Draw masks on the faces at ``places``, inside the box, in place; features that a look lacks count as 0."""
    y = torch.arange(box[0], box[1], dtype=torch.int32, device=result.device)[None, :, None]
    x = torch.arange(box[2], box[3], dtype=torch.int32, device=result.device)[None, None, :]
    n["noise"] = noise_of(n, x, y)
    surface = meet_head(n, x.to(torch.float32), y.to(torch.float32))
    cut = cut_out(surface, n)
    shade = shade_of(surface, cut, n, frozenset[str]().union(*(features for _, features in runs)))
    band = straps(surface, n)
    uncovered = 1.0 - cut.cover
    kept = shadow(surface, cut, n).mul_(uncovered).mul_(1.0 - band)
    band.mul_(uncovered).mul_(n["level"])
    fabric = shade.mul_(cut.cover)
    window = result[:, :, box[0] : box[1], box[2] : box[3]]
    crop = window.index_select(0, places).to(torch.float32)
    for i, channel in enumerate(crop.unbind(1)):
        channel.mul_(kept).addcmul_(band, n[f"band_{i}"]).addcmul_(fabric, n[f"fabric_{i}"])
    for rows, features in runs:
        for name, share in zip(("print", "other"), print_of(surface, n, features, rows), strict=False):
            share.mul_(fabric[rows])
            for i, channel in enumerate(crop[rows].unbind(1)):
                channel.addcmul_(share, n[f"{name}_{i}"][rows])
    window.index_copy_(0, places, crop.clamp_(0.0, 1.0).to(result.dtype))
