"""ROC curves on a logarithmic FAR axis, the range in which verification systems work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maskrec.base.figures import DARK, GREEN, RED, YELLOW, draw_png

if TYPE_CHECKING:
    from maskrec.metrics import Roc

_COLORS = {"all": DARK, "bare": GREEN, "one_masked": YELLOW, "both_masked": RED}


def roc_png(curves: Mapping[str, Roc], label: str) -> bytes:
    """PNG of TAR against FAR.

    Args:
        curves: by condition; ``all`` is drawn dashed. Each is drawn from its smallest measurable FAR, one false accept.
        label: of the pair set, for the title.
    """
    smallest = min(1 / curve.different for curve in curves.values())

    def draw(axes: Any) -> None:
        for name, curve in curves.items():
            measurable = curve.false_accepts > 0  # a FAR of 0 has no logarithm
            axes.step(
                curve.far[measurable],
                curve.tar[measurable],
                where="post",
                color=_COLORS.get(name),
                linestyle="--" if name == "all" else "-",
                linewidth=1.6,
                label=f"{name.replace('_', ' ')}: AUC {curve.auc():.4f}",
            )
        axes.set_xscale("log")
        axes.set_xlim(smallest, 1)
        axes.set_ylim(0, 1.02)
        axes.set_title(f"{label}: ROC by condition", parse_math=False)
        axes.set_xlabel("false accept rate (share of different pairs accepted)")
        axes.set_ylabel("true accept rate")
        axes.figure.legend(loc="outside lower center", ncols=2)

    return draw_png(draw)
