"""Evaluations as plain values, and their figures as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskrec.base.files import compact_json, write_bytes
from maskrec.contracts.evaluation import Evaluation, Threshold


def to_plain(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation without its figures, as JSON knows it."""
    said = {name: list(getattr(evaluation, name)) for name in ("notes", "failed") if getattr(evaluation, name)}
    return {
        "metrics": dict(evaluation.metrics),
        "thresholds": {name: asdict(threshold) for name, threshold in evaluation.thresholds.items()},
        "tables": {name: [dict(row) for row in rows] for name, rows in evaluation.tables.items()},
        **said,
    }


def from_plain(plain: Mapping[str, Any]) -> Evaluation:
    """What `to_plain` made, as an evaluation again."""
    thresholds = {name: Threshold(**fields) for name, fields in plain["thresholds"].items()}
    notes, failed = (tuple(plain.get(name, ())) for name in ("notes", "failed"))
    return Evaluation(plain["metrics"], thresholds, plain["tables"], notes=notes, failed=failed)


def write_figures(folder: Path, label: str, occasion: str, evaluation: Evaluation) -> None:
    """Write the evaluation's PNGs as ``folder/LABEL/OCCASION-NAME.png``."""
    for name, png in evaluation.figures.items():
        path = folder / label / f"{occasion}-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, bytes(png))


def write_evaluation(folder: Path, label: str, occasion: str, evaluation: Evaluation, **about: Any) -> None:
    """Write all of the evaluation but its figures as ``folder/LABEL-OCCASION.json``, for reports and comparisons.

    Args:
        folder: made where it is missing.
        label: of the evaluator.
        occasion: ``evaluate``, ``epoch-006`` or ``test``.
        evaluation: the answer.
        about: which one it is: ``stage``, and ``epoch`` and ``step`` of a run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"version": 1, "label": label, **about, **to_plain(evaluation), "details": dict(evaluation.details)}
    write_bytes(folder / f"{label}-{occasion}.json", compact_json(whole) + b"\n")
