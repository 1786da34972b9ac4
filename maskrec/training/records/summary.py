"""An evaluation after an epoch, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maskrec.base.console import cells, table

WIDTH = 100
_SHORT = {"bare": "bare", "one_masked": "one masked", "both_masked": "both"}
_LONGEST_LABEL = 24


def epoch_line(epoch: int, label: str, metrics: Mapping[str, float], epochs: int = 1) -> str:
    """One line of at most ``WIDTH`` columns: the accuracy, overall and by condition, then as many others as fit.

    What fits depends on the names alone, so that every epoch's line has the same metrics: values count as six columns
    (those from 10 on make the line longer), and the epoch's number as wide as the last one's.

    Args:
        epoch: from 1.
        label: the evaluator's in the recipe; a long one is cut.
        metrics: those of a condition are named ``NAME/CONDITION``. Without an ``accuracy`` the first metric leads.
        epochs: of the run.
    """
    name = table([[label]], width=_LONGEST_LABEL)
    first = "accuracy" if any(key.partition("/")[0] == "accuracy" for key in metrics) else _first_name(metrics)
    others = [key for key in metrics if "/" not in key and key != first]
    line = f"epoch {epoch}  {name}:"
    width = cells(line) + len(str(max(epoch, epochs))) - len(str(epoch))
    usual = dict.fromkeys(metrics, 0.0)
    for part, wide in zip(_parts(first, others, metrics), _parts(first, others, usual), strict=True):
        if width + cells(wide) <= WIDTH:
            line, width = line + part, width + cells(wide)
    return line


def _parts(first: str, others: Sequence[str], metrics: Mapping[str, float]) -> list[str]:
    return [_leading(first, metrics), *(f"  {key} {metrics[key]:.4f}" for key in others)]


def _first_name(metrics: Mapping[str, float]) -> str:
    return next(iter(metrics), "").partition("/")[0]


def _leading(name: str, metrics: Mapping[str, float]) -> str:
    """A metric with its values by condition: ``accuracy 0.9632 (bare 0.9677, one masked 0.9610, both 0.9633)``."""
    whole = f" {name}" + (f" {metrics[name]:.4f}" if name in metrics else "") if name else ""
    parts = [
        f"{short} {metrics[f'{name}/{each}']:.4f}" for each, short in _SHORT.items() if f"{name}/{each}" in metrics
    ]
    return f"{whole} ({', '.join(parts)})" if parts else whole
