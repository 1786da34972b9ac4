"""An evaluator's metrics as a small table: a row per condition, a column per metric."""

from __future__ import annotations

from collections.abc import Mapping

from maskrec.contracts.pair_set import CONDITIONS

_ALL = "all pairs"


def overall(metrics: Mapping[str, float]) -> str:
    """The metrics over all pairs, in one line."""
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if "/" not in name)


def by_condition(metrics: Mapping[str, float]) -> list[str]:
    """Lines of an aligned table; metrics named ``NAME/CONDITION`` go into that condition's row."""
    rows: dict[str, dict[str, str]] = {}
    for key, value in metrics.items():
        name, _, condition = key.partition("/")
        rows.setdefault(condition or _ALL, {})[name] = f"{value:.4f}"
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    order = [each for each in (_ALL, *CONDITIONS) if each in rows] + [each for each in rows if each not in _KNOWN]
    widths = {name: max([len(name), *(len(row.get(name, "")) for row in rows.values())]) for name in names}
    first = max(len(condition) for condition in order) if order else 0
    head = " " * first + "".join(f"  {name:>{widths[name]}}" for name in names)
    body = [
        f"{condition:<{first}}" + "".join(f"  {rows[condition].get(name, ''):>{widths[name]}}" for name in names)
        for condition in order
    ]
    return [head, *(line.replace("_", " ", 1) if line.startswith(CONDITIONS) else line for line in body)]


_KNOWN = (_ALL, *CONDITIONS)
