"""Curves of rates as a picture: TAR at small FARs, CMC and DET."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maskrec.base.figures import DARK, GREEN, RED, YELLOW, draw_png

if TYPE_CHECKING:
    from maskrec.evaluators.measuring import Floats

_COLORS = (GREEN, YELLOW, RED, DARK)


def rate_curves_png(
    curves: Mapping[str, tuple[Floats, Floats]],
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = True,
    log_y: bool = False,
) -> bytes:
    """PNG of curves, each with its name below.

    Args:
        curves: x and y by name; on a logarithmic axis points at 0 are left out, and an axis with no others is linear.
        title: above the axes.
        x_label: of the axis.
        y_label: of the axis.
        log_x: whether x is logarithmic.
        log_y: whether y is logarithmic.
    """
    log_x = log_x and any(bool((x > 0).any()) for x, _ in curves.values())
    log_y = log_y and any(bool((y > 0).any()) for _, y in curves.values())

    def draw(axes: Any) -> None:
        for number, (name, (x, y)) in enumerate(curves.items()):
            shown = ((x > 0) | (not log_x)) & ((y > 0) | (not log_y))
            color = _COLORS[number % len(_COLORS)]
            axes.step(x[shown], y[shown], where="post", color=color, linewidth=1.6, label=name)
        if log_x:
            axes.set_xscale("log")
        if log_y:
            axes.set_yscale("log")
        else:
            axes.set_ylim(top=1.02)
        axes.set_title(title, parse_math=False)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.figure.legend(loc="outside lower center", ncols=2)

    return draw_png(draw)
