"""How sharp and large a face must be to be compared.

- Sharpness is the variance of the Laplacian at 112 pixels (``face_notes.sharpness``). 27 is the bound below which a
  quarter of a percent of LFW's press photos lie (half of its people), so that a gallery of a hundred good photos raises
  an alarm in four. Of photos that a Gaussian of 2.5 pixels or more has blurred, the eyes 42 pixels apart, 95 % and
  more lie below it. A note on a face that is found warns from 40 on: a hint, where this is a finding.
- The eyes are 20 pixels apart or more (``face_notes.TINY``).
"""

from __future__ import annotations

from typing import NamedTuple


class QualityBounds(NamedTuple):
    """What a face must reach to be compared.

    Args:
        eyes_apart: pixels of the photo.
        sharpness: as ``face_notes.sharpness`` measures it.
    """

    eyes_apart: float = 20.0
    sharpness: float = 27.0
