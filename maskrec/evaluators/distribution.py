"""The plot of the reference protocol: how the distances of same and different pairs are distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.figures import DARK, GREEN, RED, draw_png
from maskrec.metrics import histograms

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Threshold
    from maskrec.evaluators.measuring import Measured


def distribution_png(measured: Measured, threshold: Threshold, bins: int, iou: float) -> bytes:
    """PNG of both histograms with the threshold.

    Args:
        measured: the pairs and their L2 distances.
        threshold: drawn as a line; it may come from other pairs.
        bins: of each histogram.
        iou: of these pairs, for the title.
    """
    edges, same, different = histograms(*measured.both(), bins)

    def draw(axes: Any) -> None:
        for counts, name, color in (
            (same, "same person", GREEN),
            (different, "different people", RED),
        ):
            axes.stairs(counts, edges, fill=True, alpha=0.35, color=color, linewidth=0)
            axes.stairs(counts, edges, color=color, linewidth=1.3, label=f"{name}: {counts.sum():,} pairs")
        note = ", collapsed" if threshold.collapsed else ""
        axes.axvline(
            threshold.value,
            color=DARK,
            linewidth=1.3,
            linestyle="--",
            label=f"threshold {threshold.value:.4g}{note}",
        )
        axes.set_title(f"{measured.pairs.label}: distances of pairs, IOU {iou:.4f}", parse_math=False)
        axes.set_xlabel(f"L2 distance between {'unit' if threshold.normalize else 'raw'} embeddings")
        axes.set_ylabel(f"pairs per bin of {edges[1] - edges[0]:.4g}")
        axes.set_xlim(*_span(edges, same + different, threshold.value))
        axes.set_ylim(bottom=0)
        axes.figure.legend(loc="outside lower center", ncols=3)

    return draw_png(draw)


def _span(edges: NDArray[np.float64], counts: NDArray[np.int64], threshold: float) -> tuple[float, float]:
    """The bins that hold pairs and the threshold, with a little air."""
    filled = np.flatnonzero(counts)
    low, high = min(edges[filled[0]], threshold), max(edges[filled[-1] + 1], threshold)
    air = 0.03 * (high - low)
    return float(low - air), float(high + air)
