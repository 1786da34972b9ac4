"""What a backbone's weights expect of their input images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Alignment = Literal["arcface", "box", "none"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Input statistics and alignment of a backbone.

    Args:
        size: side of the square canvas in pixels.
        mean: per channel, in the order of ``color``, on the [0, 1] scale.
        std: likewise; all above 0.
        color: channel order that the weights were trained with; batches are always RGB and are swapped for it.
        alignment: how the face is placed on the canvas: ``arcface`` (five landmarks to the ArcFace template),
            ``box`` (the detector's box with a margin, as facenet's weights expect), ``none`` (the photo as it is).

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
        if self.color not in ("rgb", "bgr") or self.alignment not in ("arcface", "box", "none"):
            raise ValueError(f"InputSpec does not know color {self.color!r} or alignment {self.alignment!r}")
