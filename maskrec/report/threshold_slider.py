"""The threshold of a pair set as something to drag, over the distances of each condition."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from maskrec.report.answer_facts import CONDITION_WORDS, AnswerFacts, Histograms
from maskrec.report.figure_words import count, distance, percent, rate
from maskrec.report.page_parts import PageTable, Plot, ThresholdSlider
from maskrec.report.page_plots import distribution_plot, histogram_edges
from maskrec.report.plain_values import number

KINDS = (("same", "same person"), ("different", "different people"))
_ROWS = 20  # of a table of distances


def threshold_slider(answer: AnswerFacts, histograms: Histograms, name: str) -> ThresholdSlider:
    """The slider of an answer; it starts at the threshold that decides all pairs.

    Args:
        answer: has the thresholds.
        histograms: of its distances.
        name: of the slider, unique in the page.
    """
    edges = histogram_edges(histograms)
    value = answer.deciding
    place = _place(edges, edges[len(edges) // 2] if value is None else value)
    plots, boxes = [], {}
    for condition in histograms.conditions:
        if condition == "all" and _is_one_condition(histograms):
            continue
        plot, box = _plot(histograms, condition, f"{name}-{condition.replace('_', '-')}", answer.distance, place)
        plots.append(plot)
        boxes[condition] = box
    stored = [(_threshold_words(key), number(each.get("value"))) for key, each in answer.thresholds.items()]
    marks = [(words, _place(edges, each)) for words, each in stored if each is not None]
    counts = {key: {"same": same, "different": other} for key, (same, other) in histograms.conditions.items()}
    data = {"low": histograms.low, "high": histograms.high, "bins": histograms.bins, "counts": counts, "boxes": boxes}
    data["order"] = list(histograms.conditions)  # JSON objects that are sorted lose it
    rates = _rates(histograms, place)
    return ThresholdSlider(name, plots, rates, histograms.bins, place, distance(edges[place]), marks, data)


def _is_one_condition(histograms: Histograms) -> bool:
    """Whether all pairs are of one condition, which is then shown alone."""
    every = histograms.conditions.get("all")
    return any(both == every for condition, both in histograms.conditions.items() if condition != "all")


def _place(edges: Sequence[float], value: float) -> int:
    """The edge nearest to a threshold."""
    after = min(bisect_left(edges, value), len(edges) - 1)
    return after - 1 if after and value - edges[after - 1] < edges[after] - value else after


def _threshold_words(key: str) -> str:
    rule, _, condition = key.partition("/")
    far = rule.removeprefix("far=")
    words = f"FAR {far}" if far != rule else {"best": "highest accuracy", "histogram": "crossing"}.get(rule, rule)
    return f"{words}, {CONDITION_WORDS.get(condition or 'all', condition)}"


def _plot(histograms: Histograms, condition: str, name: str, unit: str, place: int) -> tuple[Plot, tuple[float, float]]:
    svg, box = distribution_plot(name, histograms, condition, unit)
    across = box.left + (box.right - box.left) * place / histograms.bins
    line = (
        f'<line class="threshold s-text" data-condition="{condition}" x1="{across:.2f}" x2="{across:.2f}" '
        f'y1="{box.top:.2f}" y2="{box.bottom:.2f}" stroke-width="1.4" stroke-dasharray="4 2"/>'
    )
    whole = svg.removesuffix("</svg>") + line + "</svg>"
    plot = Plot(CONDITION_WORDS[condition], whole, KINDS, _distances_table(histograms, condition))
    return plot, (box.left, box.right)


def _distances_table(histograms: Histograms, condition: str) -> PageTable:
    """Numbers of pairs by distance, in fewer and wider bins."""
    edges, (same, different) = histogram_edges(histograms), histograms.conditions[condition]
    step = -(-histograms.bins // _ROWS)
    rows = []
    for start in range(0, histograms.bins, step):
        end = min(start + step, histograms.bins)
        span = f"{edges[start]:.4g} to {edges[end]:.4g}"
        rows.append([span, count(sum(same[start:end])), count(sum(different[start:end]))])
    caption = f"Distances, {CONDITION_WORDS[condition]}"
    return PageTable(caption, ["distance", "same person", "different people"], rows, frozenset({1, 2}), folded=True)


def _rates(histograms: Histograms, place: int) -> PageTable:
    """FAR, FRR and accuracy by condition at an edge; the script writes the same."""
    rows = []
    for condition, (same, different) in histograms.conditions.items():
        accepted, rejected = sum(different[:place]), sum(same[place:])
        pairs = sum(same) + sum(different)
        rows.append(
            [
                CONDITION_WORDS[condition],
                rate(accepted / sum(different)) if any(different) else rate(None),
                rate(rejected / sum(same)) if any(same) else rate(None),
                percent((pairs - accepted - rejected) / pairs) if pairs else rate(None),
                f"{accepted:,}",
                f"{rejected:,}",
            ]
        )
    columns = ["pairs", "FAR", "FRR", "decided correctly", "accepted wrongly", "rejected wrongly"]
    return PageTable("At this threshold", columns, rows, frozenset(range(1, 6)))
