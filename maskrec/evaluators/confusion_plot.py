"""The confusion matrix as a picture: counts, and the share of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maskrec.base.figures import DARK, draw_png

if TYPE_CHECKING:
    from maskrec.metrics import Confusion


def confusion_png(counts: Confusion, label: str, threshold: float) -> bytes:
    """PNG of the matrix: a row what the pairs are, a column what they were called.

    Args:
        counts: the decisions.
        label: of the pair set, for the title.
        threshold: at or below which a pair was called same; written below.
    """
    rows = (
        (counts.same_as_same, counts.same_as_different),
        (counts.different_as_same, counts.different_as_different),
    )
    shares = [[count / sum(row) for count in row] for row in rows]

    def draw(axes: Any) -> None:
        axes.imshow(shares, cmap="Greens", vmin=0, vmax=1, aspect="auto")
        for y, row in enumerate(rows):
            for x, count in enumerate(row):
                color = "white" if shares[y][x] > 0.6 else DARK
                text = f"{count:,}\n{shares[y][x]:.2%}"
                axes.text(x, y, text, ha="center", va="center", color=color, fontsize=12, parse_math=False)
        axes.set_xticks([0, 1], ["called same", "called different"])
        axes.set_yticks([0, 1], ["same person", "different people"])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.set_title(f"{label}: confusion matrix", parse_math=False)
        axes.set_xlabel(f"threshold {threshold:.4g}, accuracy {counts.accuracy:.4f}")

    return draw_png(draw, height=3.6)
