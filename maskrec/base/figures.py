"""Figures as PNG bytes: matplotlib without pyplot or a window, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


_drawn: ContextVar[bool] = ContextVar("drawn", default=True)


@contextmanager
def figures_left_out() -> Iterator[None]:
    """In the block `draw_png` answers one white pixel: for a trial whose figures nobody sees, half a second each."""
    before = _drawn.set(False)
    try:
        yield
    finally:
        _drawn.reset(before)


def draw_png(draw: Callable[[Any], None], width: float = 7.2, height: float = 4.2) -> bytes:
    """The PNG of one pair of axes.

    Args:
        draw: gets a matplotlib ``Axes``.
        width: in inches at 120 dots an inch.
        height: likewise.
    """
    if not _drawn.get():
        return _one_pixel()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained", facecolor="white")
        draw(figure.add_subplot())
        buffer = io.BytesIO()
        # Not `savefig`, which draws everything twice. The version would change the bytes.
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _one_pixel() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (1, 1), 255).save(buffer, "png")
    return buffer.getvalue()
