"""An evaluation as tables in lines: metrics by condition, decisions, intervals, and cautions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskrec.base.words import counted, counted_are
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.rate_names import tar_name
from maskrec.inference.evaluating.protocol_tables import aligned, protocol_tables

_ALL = "all pairs"
_KNOWN = (_ALL, *CONDITIONS)
_WIDE = 0.05  # of an accuracy's interval: what about a thousand pairs have


def final_tables(evaluation: Evaluation) -> Iterator[str]:
    """Lines of the metrics by condition, of the decisions on all pairs where they were counted, and of cautions."""
    yield from by_condition(evaluation.metrics)
    decisions = decision_rows(evaluation.tables)
    if decisions:
        names = list(dict.fromkeys(name for row in decisions.values() for name in row))
        yield from aligned(decisions, names)
    yield from protocol_tables(evaluation.tables)
    yield from caution_lines(evaluation.tables)
    yield from (f"note: {each}" for each in evaluation.notes)
    yield from (f"failed: {each}" for each in evaluation.failed)


def caution_lines(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """What the figures of all pairs cannot carry: rates of few false accepts, and an accuracy of few pairs.

    From the tables ``tar_at_far`` and ``applied_thresholds`` or ``accuracy``; what is not in their form is left out.
    """
    few = [row for row in tables.get("tar_at_far", ()) if row.get("condition") == "all" and row.get("note")]
    if few and all(_are_numbers(row, "far", "expected_false_accepts", "different_pairs") for row in few):
        rates = " and ".join(f"{row['expected_false_accepts']:.2g} at {tar_name(row['far'])}" for row in few)
        yield (
            f"note: of {counted(few[0]['different_pairs'], 'different pair')}, the false accepts to be expected are "
            f"{rates}; "
            "with fewer than ten, such a rate says little"
        )
    for name, ends in (("applied_thresholds", ("accuracy_low", "accuracy_high")), ("accuracy", ("low", "high"))):
        row = next((row for row in tables.get(name, ()) if row.get("condition") == "all"), {})
        if not _are_numbers(row, *ends, "same_pairs", "different_pairs"):
            continue
        low, high = (row[end] for end in ends)
        if high - low > _WIDE:
            pairs = row["same_pairs"] + row["different_pairs"]
            few_are = counted_are(pairs, "pair")
            yield f"note: {few_are} few: the 95 % interval of their accuracy is {low:.4f} to {high:.4f}"
        return


def _are_numbers(row: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(row.get(name), (int, float)) for name in names)


def by_condition(metrics: Mapping[str, float]) -> list[str]:
    """Lines of an aligned table; metrics named ``NAME/CONDITION`` go into that condition's row."""
    rows: dict[str, dict[str, str]] = {}
    for key, value in metrics.items():
        name, _, condition = key.partition("/")
        rows.setdefault(condition or _ALL, {})[name] = f"{value:.4f}"
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    order = [each for each in (_ALL, *CONDITIONS) if each in rows] + [each for each in rows if each not in _KNOWN]
    shown = {each.replace("_", " ", 1) if each in CONDITIONS else each: rows[each] for each in order}
    return aligned(shown, names)


def decision_rows(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, str]]:
    """How same and different pairs were decided: the tables ``confusion`` and ``classes``, one row a class.

    An evaluator of somebody else's may call other things so: what is not in this form is left out.
    """
    rows: dict[str, dict[str, str]] = {}
    for name, key in (("confusion", "pairs"), ("classes", "class")):
        for row in tables.get(name, ()):
            if key in row:
                cells_of = {column: _cell(value) for column, value in row.items() if column != key}
                rows.setdefault(f"{row[key]} pairs", {}).update(cells_of)
    return rows


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def interval_lines(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Lines of the accuracy and of TAR at each FAR by condition, with their 95 % intervals.

    From the tables ``accuracy`` and ``tar_at_far``; what is not in their form is left out.
    """
    rows: dict[str, dict[str, str]] = {}
    for row in tables.get("accuracy", ()):
        if _are_numbers(row, "accuracy", "low", "high", "same_pairs", "different_pairs"):
            shown = rows.setdefault(_condition(row), {"pairs": str(row["same_pairs"] + row["different_pairs"])})
            over_folds = _are_numbers(row, "standard_deviation")
            spread = f" +- {row['standard_deviation']:.4f}" if over_folds else ""
            name = "accuracy +- deviation of folds [95 %]" if over_folds else "accuracy [95 %]"
            shown[name] = f"{row['accuracy']:.4f}{spread} {_interval(row)}"
    for row in tables.get("tar_at_far", ()):
        if not {"accuracy", "applied_thresholds"} & tables.keys() and _are_numbers(
            row, "same_pairs", "different_pairs"
        ):
            rows.setdefault(_condition(row), {"pairs": f"{row['same_pairs'] + row['different_pairs']:,}"})
        if _condition(row) in rows and _are_numbers(row, "far", "tar", "low", "high"):
            rows[_condition(row)][f"{tar_name(row['far'])} [95 %]"] = f"{row['tar']:.4f} {_interval(row)}"
    if not rows:
        return []
    return aligned(rows, list(dict.fromkeys(name for row in rows.values() for name in row)))


def _condition(row: Mapping[str, Any]) -> str:
    condition = str(row.get("condition", ""))
    return _ALL if condition == "all" else condition.replace("_", " ", 1)


def _interval(row: Mapping[str, Any]) -> str:
    return f"[{row['low']:.4f}, {row['high']:.4f}]"
