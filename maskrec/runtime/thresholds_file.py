"""The file of decision thresholds: which weights they hold for, and which other files were measured with them.

The form ``maskrec-thresholds-2`` is a JSON object::

    {"form": "maskrec-thresholds-2", "weights": CHECKSUM, "measured_on": "...", "files": {NAME: SHA-256, ...},
     "thresholds": {LABEL: {NAME: {"value": 1.04, "distance": "l2", ...}}}}

The form before it was the value of ``thresholds`` alone. ``inference.stored_decisions`` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskrec.base.files import write_json

THRESHOLDS_FORM = "maskrec-thresholds-2"


def write_thresholds(
    path: Path,
    thresholds: Mapping[str, Mapping[str, Any]],
    weights: str,
    files: Mapping[str, str] | None = None,
    measured_on: str = "",
) -> None:
    """Write the file atomically.

    Args:
        path: the file.
        thresholds: by the evaluator's label and the threshold's name, as plain values.
        weights: checksum of the weights, 64 hexadecimal digits.
        files: SHA-256 of the files that were measured with the same weights, by name.
        measured_on: the pairs, in words.

    Raises:
        MaskrecError: a disk that takes no more.
    """
    content = {"form": THRESHOLDS_FORM, "weights": weights, "measured_on": measured_on, "files": dict(files or {})}
    write_json(path, {**content, "thresholds": thresholds})


def thresholds_beside(path: Path) -> Path:
    """The file of thresholds beside a checkpoint."""
    return path.with_name(f"{path.stem}.thresholds.json")
