"""The plots of a report, as SVG elements whose colours are the page's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from maskrec.report.answer_facts import CONDITION_WORDS, Histograms
from maskrec.report.themed_svg import INK, Box, draw_svg

Points = Sequence[tuple[float, float]]

_DASHED = {"all": "--"}
_SPREAD = 50.0  # times the smallest value from which on an axis is logarithmic
_GROUPED = 5  # bins of a histogram that are drawn as one


def line_plot(name: str, title: str, lines: Mapping[str, Points], unit: str) -> str:
    """Values over optimizer steps; a logarithmic axis where they spread widely.

    Args:
        name: of the element, unique in its page.
        title: of the plot.
        lines: by the class of their colour.
        unit: of the values, in words.
    """
    values = [value for points in lines.values() for _, value in points]

    def draw(axes: Any) -> None:
        for color, points in lines.items():
            marker = "o" if len(points) < 20 else ""
            axes.plot(*zip(*points, strict=True), color=INK[color], linewidth=1.4, marker=marker, markersize=3)
        if min(values) > 0 and max(values) > _SPREAD * min(values):
            axes.set_yscale("log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("optimizer steps")
        axes.set_ylabel(unit)

    ends = f"It goes from {values[0]:.4g} to {values[-1]:.4g}." if len(lines) == 1 else ""
    return draw_svg(draw, name, title, f"{unit} over optimizer steps. {ends}".strip(), width=4.2, left=0.72)[0]


def distribution_plot(name: str, histograms: Histograms, condition: str, unit: str) -> tuple[str, Box]:
    """Distances of the same and the different pairs of a condition, each as shares of their own number."""
    edges = histogram_edges(histograms)[::_GROUPED]
    words = CONDITION_WORDS[condition]

    def draw(axes: Any) -> None:
        for kind, counts in zip(("same", "different"), histograms.conditions[condition], strict=True):
            grouped = [sum(counts[start : start + _GROUPED]) for start in range(0, len(counts), _GROUPED)]
            total = sum(grouped) or 1
            shares = [each / total for each in grouped]
            ends = edges if len(edges) == len(shares) + 1 else [*edges, histograms.high]
            axes.stairs(shares, ends, fill=True, alpha=0.3, color=INK[kind], linewidth=0)
            axes.stairs(shares, ends, color=INK[kind], linewidth=1.2)
        axes.set_xlim(histograms.low, histograms.high)
        axes.set_ylim(bottom=0)
        # In percent at round steps: short numbers, so that the label beside them stays in the picture.
        axes.yaxis.get_major_locator().set_params(steps=[1, 2, 5, 10])
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
        axes.set_xlabel(unit)
        axes.set_ylabel("% of the pairs")

    description = f"How the distances of same and of different people are distributed: {words}."
    return draw_svg(draw, name, f"Distances, {words}", description, height=2.3)


def histogram_edges(histograms: Histograms) -> list[float]:
    """The ``bins + 1`` edges."""
    width = (histograms.high - histograms.low) / histograms.bins
    return [*(histograms.low + width * place for place in range(histograms.bins)), histograms.high]


def rates_at_edges(counts: Sequence[int]) -> list[float]:
    """The share of pairs at or below each edge, ``bins + 1`` numbers; zeros where there are none."""
    total = sum(counts) or 1
    return [0.0, *(each / total for each in accumulate(counts))]


def roc_plot(name: str, histograms: Histograms) -> str:
    """True accept rate over false accept rate by condition, on a logarithmic axis."""
    curves = _curves(histograms, lambda tar: tar)
    smallest = min((far for points in curves.values() for far, _ in points), default=1e-3)

    def draw(axes: Any) -> None:
        for condition, points in curves.items():
            axes.plot(
                *zip(*points, strict=True), color=INK[condition], linestyle=_DASHED.get(condition, "-"), linewidth=1.4
            )
        axes.set_xscale("log")
        axes.set_xlim(smallest, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("false accept rate")
        axes.set_ylabel("true accept rate")

    return draw_svg(draw, name, "ROC", "True accept rate over false accept rate, a curve for each condition.")[0]


def det_plot(name: str, histograms: Histograms) -> str:
    """False reject rate over false accept rate by condition, both on logarithmic axes."""
    curves = _curves(histograms, lambda tar: 1 - tar)
    curves = {condition: [point for point in points if point[1] > 0] for condition, points in curves.items()}
    curves = {condition: points for condition, points in curves.items() if points}

    def draw(axes: Any) -> None:
        for condition, points in curves.items():
            axes.plot(
                *zip(*points, strict=True), color=INK[condition], linestyle=_DASHED.get(condition, "-"), linewidth=1.4
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("false accept rate")
        axes.set_ylabel("false reject rate")

    return draw_svg(draw, name, "DET", "False reject rate over false accept rate, a curve for each condition.")[0]


def _curves(histograms: Histograms, of_tar: Callable[[float], float]) -> dict[str, list[tuple[float, float]]]:
    """Points of each condition that has pairs of both kinds, from its smallest measurable false accept rate on."""
    found = {}
    for condition, (same, different) in histograms.conditions.items():
        if not (any(same) and any(different)):
            continue
        both = zip(rates_at_edges(different), rates_at_edges(same), strict=True)
        points = list(dict.fromkeys((far, of_tar(tar)) for far, tar in both if far > 0))
        if points:
            found[condition] = points
    return found


def confusion_plot(name: str, counts: Sequence[Sequence[int]]) -> str:
    """The confusion matrix: a row what pairs are, a column what they were called; shaded by the share of the row."""
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]

    def draw(axes: Any) -> None:
        for y, row in enumerate(counts):
            for x, count in enumerate(row):
                right = x == y
                color = INK["same" if right else "different"]
                axes.add_patch(_square(x, y, color, 0.08 + 0.6 * shares[y][x]))
                axes.text(
                    x,
                    y - 0.12,
                    f"{count:,}",
                    ha="center",
                    va="center",
                    fontsize=14,
                    fontweight="bold",
                    parse_math=False,
                )
                axes.text(x, y + 0.24, f"{100 * shares[y][x]:.1f} %", ha="center", va="center", parse_math=False)
        axes.set(xlim=(-0.5, 1.5), ylim=(1.5, -0.5))
        axes.set_xticks([0, 1], ["called same", "called different"])
        axes.set_yticks([0, 1], ["same\nperson", "different\npeople"])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)

    description = "Counts of pairs by what they are and what they were called."
    return draw_svg(draw, name, "Confusion matrix", description, 4.2, 2.4, left=0.7)[0]


def _square(x: int, y: int, color: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=color, alpha=alpha, linewidth=0)
