"""Figures as PNG bytes: matplotlib without pyplot or a window, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

GREEN, YELLOW, RED, DARK = "#1b7f79", "#edae49", "#d1495b", "#22223b"

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 9.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8d8d99",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e7e7ec",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "text.color": DARK,
    "axes.labelcolor": DARK,
    "xtick.color": "#55555f",
    "ytick.color": "#55555f",
}


def quiet_style(text: str, line: str) -> dict[str, Any]:
    """The settings of every figure, in two colours of its own: of texts, and of axes and grid."""
    lines = dict.fromkeys(("axes.edgecolor", "grid.color", "xtick.color", "ytick.color"), line)
    texts = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), text)
    return {**_STYLE, **lines, **texts}


def draw_png(draw: Callable[[Any], None], width: float = 7.2, height: float = 4.2) -> bytes:
    """The PNG of one pair of axes.

    Args:
        draw: gets a matplotlib ``Axes``.
        width: in inches at 120 dots an inch.
        height: likewise.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained", facecolor="white")
        draw(figure.add_subplot())
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})  # the version would change the bytes
    return buffer.getvalue()
