"""What a backbone's weights expect of their input images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

AlignmentName = Literal["arcface", "box", "none"]

Points = tuple[tuple[float, float], ...]

LANDMARKS = 5
LARGEST_CANVAS = 2048  # pixels a side, of a template


@dataclass(frozen=True, slots=True)
class AlignmentTemplate:
    """An alignment of one's own: where the five landmarks are on a canvas, which need not be square.

    In ``InputSpec`` the size is the canvas's height; another height than the template's scales the canvas and the
    points about the canvas's corner. Points are x and y in pixels, the centre of the top left pixel being (0, 0).

    Args:
        points: left eye, right eye, nose, left and right mouth corner, where left is the viewer's left.
        height: of the canvas in pixels, 1 to 2048.
        width: likewise.

    Raises:
        ValueError: other than five points of finite numbers, points of a mirrored or upside-down face or of one beside
            the canvas, or sides out of range.
    """

    points: Sequence[tuple[float, float]]
    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            side = getattr(self, name)
            if type(side) is not int or not 1 <= side <= LARGEST_CANVAS:
                raise ValueError(f"a template's {name} must be 1 to {LARGEST_CANVAS} pixels, not {side!r}")
        object.__setattr__(self, "points", _five_points(self.points))
        left, right, _, mouth_left, mouth_right = self.points
        across = right[0] - left[0]
        down = (mouth_left[1] + mouth_right[1] - left[1] - right[1]) / 2
        if across <= 0 or down <= 0 or mouth_right[0] <= mouth_left[0]:
            raise ValueError(
                "a template's points must be those of an upright face, in the order left eye, right eye, nose, left "
                "and right mouth corner, where left is the viewer's left"
            )
        middle = [sum(point[axis] for point in self.points) / LANDMARKS for axis in (0, 1)]
        if not (0 <= middle[0] <= self.width - 1 and 0 <= middle[1] <= self.height - 1):
            raise ValueError(f"a template's points must be on its canvas of {self.height} x {self.width} pixels")

    def __str__(self) -> str:
        return f"template of {self.height} x {self.width}"

    def width_at(self, height: int) -> int:
        """The canvas's width where it has this height, in pixels."""
        return max(1, round(height * self.width / self.height))


Alignment = AlignmentName | AlignmentTemplate


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Input statistics and alignment of a backbone.

    Args:
        size: side of the square canvas in pixels; with a template its height.
        mean: per channel, in the order of ``color``, on the [0, 1] scale.
        std: likewise; all above 0.
        color: channel order that the weights were trained with; batches are always RGB and are swapped for it.
        alignment: how the face is placed on the canvas: ``arcface`` (five landmarks to the ArcFace template),
            ``box`` (the detector's box with a margin, as facenet's weights expect), ``none`` (the photo as it is), or
            an ``AlignmentTemplate`` (five landmarks to points of one's own).

    Raises:
        ValueError: a size, statistic or name out of range.
    """

    size: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    color: Literal["rgb", "bgr"] = "rgb"
    alignment: Alignment = "none"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"InputSpec.size must be at least 1 pixel, not {self.size}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"InputSpec needs three means and three positive stds, not {self.mean} and {self.std}")
        known = isinstance(self.alignment, AlignmentTemplate) or self.alignment in ("arcface", "box", "none")
        if self.color not in ("rgb", "bgr") or not known:
            raise ValueError(f"InputSpec does not know color {self.color!r} or alignment {self.alignment!r}")

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the canvas in pixels."""
        return canvas_shape(self.size, self.alignment)


def canvas_shape(size: int, alignment: Alignment) -> tuple[int, int]:
    """Height and width of a canvas in pixels: square, or as the template's.

    Args:
        size: the side of a square canvas; with a template the height.
        alignment: how faces are placed on it.
    """
    return size, alignment.width_at(size) if isinstance(alignment, AlignmentTemplate) else size


def default_size(alignment: Alignment, otherwise: int) -> int:
    """The size of a backbone whose recipe sets none: a template's height, or ``otherwise``."""
    return alignment.height if isinstance(alignment, AlignmentTemplate) else otherwise


def _five_points(points: Sequence[Sequence[float]]) -> Points:
    plain = tuple(tuple(float(number) for number in point) for point in points)
    if len(plain) != LANDMARKS or not all(len(point) == 2 and all(map(math.isfinite, point)) for point in plain):
        raise ValueError(f"a template needs five points, each x and y in pixels, not {str(list(points))[:200]}")
    return tuple((point[0], point[1]) for point in plain)
