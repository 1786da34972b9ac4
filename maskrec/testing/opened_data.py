"""Data sets and pair sets opened for checks: on a small canvas, for a backbone that aligns faces by landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.testing.candidate import Candidate

CANVAS = 32  # pixels


def opened(candidate: Candidate) -> Any:
    """A new instance on a canvas of `CANVAS` pixels."""
    return candidate.build(image_size=CANVAS, context=Context(input_spec=InputSpec(CANVAS, alignment="arcface")))


def evenly_spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers below ``count``, evenly spread, the first and the last among them."""
    if not count:
        return []
    found: list[int] = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()
    return found
