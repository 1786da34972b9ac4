"""A face in a photo, as ``find`` returns it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Face:
    """A face with what is known of it; a notebook shows its aligned picture.

    Args:
        box: left, top, right, bottom in pixels of the photo.
        landmarks: float64 ``(5, 2)`` in pixels of the photo: left eye, right eye, nose, left and right mouth corner as
            the viewer sees them; None where the whole photo is taken as the face.
        score: the detector's, from 0 to 1: below 0.9 it may not be a face; None without a detector.
        image: uint8 RGB ``(S, S, 3)``, the face on the network's canvas.
        mask_probability: that it wears a mask; None without a probe.
        masked: whether it does; None where that is unknown.
        notes: what may make comparisons with it less reliable, by the rules of thumb of ``face_notes.py``; each begins
            with its name: tiny, cut off, blurred, turned, sideways, unsure, whole photo.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float64] | None
    score: float | None
    image: NDArray[np.uint8]
    mask_probability: float | None = None
    masked: bool | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        left, top, right, bottom = self.box
        parts = [f"{right - left:.0f} x {bottom - top:.0f} at ({left:.0f}, {top:.0f})"]
        parts += [] if self.score is None else [f"score {self.score:.2f}"]
        parts += [self._mask_words(), *self.notes]
        return f"Face({', '.join(parts)})"

    def _mask_words(self) -> str:
        state = {True: "masked", False: "bare", None: "mask unknown"}[self.masked]
        return state if self.mask_probability is None else f"{state} ({self.mask_probability:.2f})"

    def _repr_png_(self) -> bytes:
        """The aligned picture, for notebooks."""
        from maskrec.images.encoding import encode_image  # most faces are never shown

        return encode_image(self.image, "png")
