"""Tables of protocols that compare people instead of listed pairs, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

_NAMED_BY = {"mask_types": ("mask", "far"), "cmc": ("probes", "rank"), "open_set": ("probes", "fpir")}
"""Of each table, the columns that name a row."""
_INTERVALS = ("far", "ratio", "tar")
_HIDDEN = ("compared", "note", "threshold")


def protocol_tables(tables: Mapping[str, Rows]) -> Iterator[str]:
    """Lines of the tables ``mask_types``, ``cmc``, ``open_set`` and ``groups``.

    An evaluator of somebody else's may call other things so: what is not in this form is left out.
    """
    for name, keys in _NAMED_BY.items():
        yield from _table(tables.get(name, ()), keys)
    groups = [row for row in tables.get("groups", ()) if {"compared", "group"} <= row.keys()]
    for compared in dict.fromkeys(str(row["compared"]) for row in groups):
        yield f"{compared}, by group:"
        yield from _table([row for row in groups if row["compared"] == compared], ("group",))


def _table(rows: Rows, keys: Sequence[str]) -> Iterator[str]:
    shown: dict[str, dict[str, str]] = {}
    for row in rows:
        if set(keys) <= row.keys():
            title = str(row[keys[0]]).replace("_", " ") + "".join(f", {key} {row[key]:g}" for key in keys[1:])
            shown[title] = _cells({key: value for key, value in row.items() if key not in (*keys, *_HIDDEN)})
    if shown:
        yield from aligned(shown, list(dict.fromkeys(name for row in shown.values() for name in row)))


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """The cells of a row, an interval beside what it is of, and empty columns left out."""
    cells: dict[str, str] = {}
    before = ""
    for name, value in row.items():
        if name in ("low", *(f"{each}_low" for each in _INTERVALS)) and before:
            high = row.get(name.replace("low", "high"))
            ends = "" if value is None else f" [{_number(value)}, {_number(high)}]"
            cells[f"{before} [95 %]"] = cells.pop(before) + ends
        elif not name.endswith("high"):
            cells[name] = _number(value)
            before = name
    return cells


def _number(value: Any) -> str:
    """Four digits after the point; of small numbers, which rates often are, four digits in all."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if abs(value) >= 10:
        return f"{value:,.1f}"
    return f"{value:.4f}" if not 0 < abs(value) < 0.01 else f"{value:.3g}"


def aligned(rows: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> list[str]:
    """A line of the names above one line a row; numbers end below their name's end."""
    shown = {name: name.replace("called_", "called ") for name in names}
    widths = {name: max([len(shown[name]), *(len(row.get(name, "")) for row in rows.values())]) for name in names}
    first = max((len(title) for title in rows), default=0)
    lines = [" " * first + "".join(f"  {shown[name]:>{widths[name]}}" for name in names)]
    for title, row in rows.items():
        lines.append(f"{title:<{first}}" + "".join(f"  {row.get(name, ''):>{widths[name]}}" for name in names))
    return [line.rstrip() for line in lines]
