"""Whether an aligned face wears a mask, from a few hundred block means of its pixels.

A logistic regression that was fitted on faces of the same alignment (``mask_probe_fitting.py``); numpy only. It reads
pixels and no embedding, because masked distillation takes from embeddings what shows a mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCKS = 14  # along each side of the canvas; colours count, because on gray ones bright masks look like bright skin
UNSURE = (0.2, 0.8)
"""Between these probabilities it is unknown whether a mask is worn.

On LFW, on people and mask types that were not fitted, 2 to 6 % of the faces are unknown, and up to 2.3 % of the others
are wrong; on tight crops of other people (Pins) 13 to 20 %, and 5 to 8 % (``benchmarks/real_faces/mask_state.py``).
"""

_NUMBERS = BLOCKS * BLOCKS * 3
_VERSION = 1
_FIELDS = {"version", "blocks", "weights", "bias"}
_MOST = 1e6  # of a weight; blocks are in [0, 1]
_AT_ONCE = 1 << 22  # pixels


def mask_state(probability: float) -> bool | None:
    """Whether a mask is worn, None where that is unknown: a probability within ``UNSURE``."""
    return None if UNSURE[0] < probability < UNSURE[1] else probability >= UNSURE[1]


def block_means(canvases: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of each colour over ``BLOCKS`` x ``BLOCKS`` blocks of equal area, row by row.

    Blocks of any canvas cover the same parts of the face: a pixel on an edge counts for both sides by its area.

    Args:
        canvases: uint8 RGB ``(n, H, W, 3)``.

    Returns:
        float64 ``(n, BLOCKS * BLOCKS * 3)`` in [0, 1].

    Raises:
        ValueError: another shape or type.
    """
    if canvases.ndim != 4 or canvases.shape[3] != 3 or not canvases.shape[1] * canvases.shape[2]:
        raise ValueError(f"expected faces of shape (n, height, width, 3), not {canvases.shape}")
    if canvases.dtype != np.uint8:
        raise ValueError(f"expected uint8 faces, not {canvases.dtype}")
    height, width = canvases.shape[1:3]
    down, across = _shares(height), _shares(width)
    step = max(1, _AT_ONCE // (height * width))
    means = np.empty((len(canvases), BLOCKS, BLOCKS, 3))
    for start in range(0, len(canvases), step):
        part = canvases[start : start + step]
        rows = down @ part.reshape(len(part), height, width * 3)
        means[start : start + step] = across @ rows.reshape(len(part), BLOCKS, width, 3)
    return means.reshape(len(canvases), _NUMBERS) / 255


def _shares(size: int) -> NDArray[np.float64]:
    """The share of each pixel in each block's mean along one axis: ``(BLOCKS, size)``, rows sum to 1."""
    edges = np.arange(BLOCKS + 1) * (size / BLOCKS)
    pixels = np.arange(size)
    low, high = np.maximum(edges[:-1, None], pixels), np.minimum(edges[1:, None], pixels + 1)
    return np.asarray(np.maximum(high - low, 0.0) * (BLOCKS / size))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaskProbe:
    """A logistic regression on ``block_means``.

    Args:
        weights: float64 ``(BLOCKS * BLOCKS * 3,)``, of the means themselves.
        bias: added to the weighted sum.
    """

    weights: NDArray[np.float64]
    bias: float

    def __repr__(self) -> str:
        return f"MaskProbe({len(self.weights)} weights, bias {self.bias:.3g})"

    def probability(self, canvases: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The probability that a mask is worn, equally many faces with and without one expected.

        Args:
            canvases: uint8 RGB ``(n, H, W, 3)`` of any size, aligned as the faces that it was fitted on.

        Returns:
            float64 ``(n,)``.

        Raises:
            ValueError: another shape or type.
        """
        logits = np.clip(block_means(canvases) @ self.weights + self.bias, -700.0, 700.0)  # exp stays finite
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"version": _VERSION, "blocks": BLOCKS, "weights": self.weights.tolist(), "bias": self.bias}

    @classmethod
    def from_plain(cls, plain: Any) -> MaskProbe:
        """What ``to_plain`` gave, perhaps by way of somebody else's file.

        Raises:
            ValueError: it has another form or version, or numbers that are not finite or beyond 1e6; one sentence.
        """
        if not isinstance(plain, Mapping) or set(plain) != _FIELDS:
            raise ValueError(f"a mask probe has the fields {', '.join(sorted(_FIELDS))} and no others")
        if plain["version"] != _VERSION or isinstance(plain["version"], bool):
            raise ValueError(f"the mask probe's version is not {_VERSION}; update maskrec, or evaluate the model again")
        weights = plain["weights"]
        if plain["blocks"] != BLOCKS or not isinstance(weights, list) or len(weights) != _NUMBERS:
            raise ValueError(f"a mask probe has {_NUMBERS} weights, for {BLOCKS} x {BLOCKS} blocks of three colours")
        if not all(map(_is_plain_number, (*weights, plain["bias"]))):
            raise ValueError(f"a mask probe's weights and bias are finite numbers within {_MOST:g}")
        return cls(np.array(weights, np.float64), float(plain["bias"]))


def _is_plain_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MOST
