"""MTCNN's cascade (Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
2016) over batches of photos: facenet-pytorch's three networks and weights, with the work between them batched.

Boxes are left, top, right, bottom in pixels of the photo; a network's input is RGB, (value - 127.5) / 128.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import batched_nms

Photo = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

CELL = 12  # the first network's window
_STRIDE = 2
_SHRINK = 0.709  # scale from one level of the pyramid to the next: half the area
_ROUND = 64  # crops per forward pass: more would not fit in a core's cache (twice as slow with 512)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The probability that a window must reach in each of the three stages."""

    first: float = 0.6
    second: float = 0.7
    third: float = 0.7


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one photo.

    Args:
        boxes: floats ``(n, 4)``.
        scores: ``(n,)`` in [0, 1].
        landmarks: ``(n, 5, 2)``.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def chosen(self, which: Any) -> Faces:
        """A selection of the faces, by indices or a mask."""
        return Faces(self.boxes[which], self.scores[which], self.landmarks[which])


class Cascade:
    """The three networks.

    Args:
        device: where they run; pictures are cut and resized on the CPU.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

        self.device = device or torch.device("cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # its torch.load does not pass weights_only
            nets = [network().eval().requires_grad_(False).to(self.device) for network in (PNet, RNet, ONet)]
        # Channels last: pooling, which otherwise takes a third of the time, runs over whole vectors.
        self.first, self.second, self.third = [net.to(memory_format=torch.channels_last) for net in nets]

    def find(self, photos: Sequence[Photo], smallest: Sequence[float], thresholds: Thresholds) -> list[Faces]:
        """Faces in photos of any sizes; their last bits depend on which photos are in one batch.

        Args:
            photos: uint8 RGB ``(H, W, 3)``.
            smallest: for each, the side of the smallest face to detect, in pixels.
            thresholds: see ``Thresholds``.
        """
        alike: dict[tuple[int, int, float], list[int]] = {}
        for place, (photo, side) in enumerate(zip(photos, smallest, strict=True)):
            alike.setdefault((*photo.shape[:2], side), []).append(place)
        with torch.inference_mode():
            found = []
            for (_, _, side), places in alike.items():
                boxes, owners = self._propose([photos[place] for place in places], side, thresholds.first)
                found.append((boxes, torch.tensor(places)[owners]))
            boxes, owners = (torch.cat(parts) for parts in zip(*found, strict=True))
            boxes, owners = self._refine(photos, boxes, owners, thresholds.second)
            return self._finish(photos, boxes, owners, thresholds.third)

    def _propose(self, photos: Sequence[Photo], smallest: float, threshold: float) -> tuple[Tensor, Tensor]:
        """The first stage on photos of one size: windows of all sizes; boxes ``(n, 4)`` and the photo of each."""
        height, width = photos[0].shape[:2]
        found: list[tuple[Tensor, Tensor]] = []
        levels: list[Tensor] = []
        scale = CELL / smallest
        while min(height, width) * scale >= CELL:
            size = (int(width * scale + 1), int(height * scale + 1))
            pixels = np.stack([_resized(photo, size) for photo in photos])
            offsets, probabilities = self.first(self._input(pixels))
            found.append(_windows(offsets.cpu(), probabilities[:, 1].cpu(), scale, threshold))
            levels.append(torch.full_like(found[-1][1], len(levels)))
            scale *= _SHRINK
        if not found:
            return torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
        boxes, owners = (torch.cat(parts) for parts in zip(*found, strict=True))
        keep = batched_nms(boxes[:, :4], boxes[:, 4], owners * len(levels) + torch.cat(levels), 0.5)
        boxes, owners = boxes[keep], owners[keep]
        keep = batched_nms(boxes[:, :4], boxes[:, 4], owners, 0.7)
        return _square(_moved(boxes[keep, :4], boxes[keep, 5:], 0.0)), owners[keep]

    def _refine(
        self, photos: Sequence[Photo], boxes: Tensor, owners: Tensor, threshold: float
    ) -> tuple[Tensor, Tensor]:
        """The second stage: fewer boxes, better placed."""
        boxes, owners, (offsets, probabilities) = self._look(self.second, photos, boxes, owners, 24)
        good = probabilities[:, 1] > threshold
        boxes, owners, offsets, scores = boxes[good], owners[good], offsets[good], probabilities[good, 1]
        keep = batched_nms(boxes, scores, owners, 0.7)
        return _square(_moved(boxes[keep], offsets[keep], 1.0)), owners[keep]

    def _finish(self, photos: Sequence[Photo], boxes: Tensor, owners: Tensor, threshold: float) -> list[Faces]:
        """The third stage: boxes, scores and landmarks."""
        boxes, owners, (offsets, points, probabilities) = self._look(self.third, photos, boxes, owners, 48)
        good = probabilities[:, 1] > threshold
        boxes, owners, offsets, scores = boxes[good], owners[good], offsets[good], probabilities[good, 1]
        sides = boxes[:, 2:] - boxes[:, :2] + 1.0
        points = points[good].reshape(-1, 2, 5).transpose(1, 2) * sides[:, None] + boxes[:, None, :2] - 1.0
        faces = Faces(_moved(boxes, offsets, 1.0).numpy(), scores.numpy(), points.numpy())
        return [_without_nested(faces.chosen(owners.numpy() == photo)) for photo in range(len(photos))]

    def _look(
        self, network: nn.Module, photos: Sequence[Photo], boxes: Tensor, owners: Tensor, side: int
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """A network's input for each box; boxes outside of their photo are dropped."""
        sizes = np.array([photo.shape[1::-1] for photo in photos])[owners.numpy()]
        corners = boxes.numpy().astype(np.int64)
        corners = np.concatenate([np.maximum(corners[:, :2] - 1, 0), np.minimum(corners[:, 2:], sizes)], 1)
        inside = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
        count = int(inside.sum())
        crops = np.zeros((max(1, count), side, side, 3), np.uint8)  # the networks fail on an empty batch
        for place, ((left, top, right, bottom), owner) in enumerate(
            zip(corners[inside].tolist(), owners.numpy()[inside].tolist(), strict=True)
        ):
            crops[place] = _resized(photos[owner][top:bottom, left:right], (side, side))
        kept = torch.from_numpy(inside)
        views = [network(self._input(crops[start : start + _ROUND])) for start in range(0, len(crops), _ROUND)]
        return boxes[kept], owners[kept], [torch.cat(parts)[:count].cpu() for parts in zip(*views, strict=True)]

    def _input(self, pixels: NDArray[np.uint8]) -> Tensor:
        """uint8 ``(B, H, W, 3)`` as the networks expect it."""
        values = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        return (values.to(torch.float32) - 127.5) * 0.0078125


def _resized(photo: Photo, size: tuple[int, int]) -> Photo:
    shrinks = size[0] <= photo.shape[1] and size[1] <= photo.shape[0]
    resized = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _windows(offsets: Tensor, probabilities: Tensor, scale: float, threshold: float) -> tuple[Tensor, Tensor]:
    """Windows over the threshold: ``(n, 9)`` of box, probability and offsets, and the photo of each."""
    places = (probabilities >= threshold).nonzero()
    owner, row, column = places.unbind(1)
    corner = torch.stack([column, row], 1).to(torch.float32) * _STRIDE
    start, end = ((corner + 1.0) / scale).floor(), ((corner + CELL) / scale).floor()
    return torch.cat([start, end, probabilities[owner, row, column][:, None], offsets[owner, :, row, column]], 1), owner


def _moved(boxes: Tensor, offsets: Tensor, extra: float) -> Tensor:
    """Boxes whose corners move by shares of their sides (which count ``extra`` pixels more)."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    return boxes + offsets * sides.repeat(1, 2)


def _square(boxes: Tensor) -> Tensor:
    """Boxes enlarged about their centres to squares of the longer side."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(1, keepdim=True).values
    start = boxes[:, :2] + sides * 0.5 - longest * 0.5
    return torch.cat([start, start + longest], 1)


def _without_nested(faces: Faces, most: float = 0.7) -> Faces:
    """The best faces; one that covers (or is covered by) more than ``most`` of a better one is dropped."""
    kept: list[int] = []
    low, high = faces.boxes[:, :2], faces.boxes[:, 2:]
    areas = np.prod(high - low + 1.0, axis=1)
    for face in np.argsort(-faces.scores, kind="stable").tolist():
        sides = np.maximum(0.0, np.minimum(high[kept], high[face]) - np.maximum(low[kept], low[face]) + 1.0)
        if not (np.prod(sides, axis=1) > most * np.minimum(areas[kept], areas[face])).any():
            kept.append(face)
    return faces.chosen(kept)
