"""The file of decision thresholds: which weights they hold for, and which other files were measured with them.

The form ``maskrec-thresholds-2`` is a JSON object::

    {"form": "maskrec-thresholds-2", "weights": CHECKSUM, "measured_on": "...", "caveats": ["...", ...],
     "files": {NAME: SHA-256, ...}, "sha256": SHA-256,
     "thresholds": {LABEL: {NAME: {"value": 1.04, "distance": "l2", ...}}}}

``sha256`` is of ``thresholds`` as compact JSON, and shows values that were changed later; older files have neither it
nor ``caveats``.
The form before it was the value of ``thresholds`` alone; both are read. Single thresholds are those of
``contracts/plain_thresholds.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskrec.base.files import compact_json, write_json
from maskrec.base.hashing import sha256_of
from maskrec.base.plain_json import read_json_object
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.plain_thresholds import caveats_from_plain, read_thresholds

THRESHOLDS_FORM = "maskrec-thresholds-2"
_LARGEST = 16 << 20  # bytes
_LONGEST_TEXT = 1000  # characters
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ThresholdsFile:
    """What the file says.

    Args:
        thresholds: as ``LABEL.NAME``.
        weights: checksum of the weights that they hold for; None in the form before this one, which does not say.
        files: SHA-256 of the files that were measured with the same weights, by name.
        measured_on: the pairs, in words.
        changed: whether the thresholds are not those that were written.
        caveats: what must be said beside every figure on these pairs.
    """

    thresholds: Mapping[str, Threshold]
    weights: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    measured_on: str = ""
    changed: bool = False
    caveats: tuple[str, ...] = ()


def write_thresholds(
    path: Path,
    thresholds: Mapping[str, Mapping[str, Any]],
    weights: str,
    files: Mapping[str, str] | None = None,
    measured_on: str = "",
    caveats: Sequence[str] = (),
) -> None:
    """Write the file atomically.

    Args:
        path: the file.
        thresholds: by the evaluator's label and the threshold's name, as plain values.
        weights: checksum of the weights, 64 hexadecimal digits.
        files: as in ``ThresholdsFile``.
        measured_on: the pairs, in words.
        caveats: as in ``ThresholdsFile``.

    Raises:
        MaskrecError: the disk is full or not writable.
    """
    content: dict[str, Any] = {"form": THRESHOLDS_FORM, "weights": weights, "measured_on": measured_on}
    content |= {"caveats": list(caveats), "files": dict(files or {})}
    write_json(path, {**content, "sha256": _sha256(thresholds), "thresholds": thresholds})


def read_thresholds_file(path: Path) -> ThresholdsFile:
    """What ``write_thresholds`` wrote, or somebody else.

    Raises:
        OSError: it does not exist, or cannot be read.
        ValueError: it is of another form.
    """
    content = read_json_object(path, _LARGEST)
    form = content.get("form")
    if not isinstance(form, str):  # a label may be called so, whose value is an object
        return ThresholdsFile(_flat(content))
    if form != THRESHOLDS_FORM:
        raise ValueError(f"its form is {form[:60]!r}, and this maskrec reads {THRESHOLDS_FORM!r}")
    files, weights, measured_on = content.get("files"), content.get("weights"), content.get("measured_on")
    if not isinstance(files, dict) or not all(map(is_checksum, [weights, *files.values()])):
        raise ValueError("its checksums are not 64 hexadecimal digits")
    if not isinstance(measured_on, str) or len(measured_on) > _LONGEST_TEXT:
        raise ValueError("its `measured_on` is not a short text")
    plain = content.get("thresholds")
    changed = "sha256" in content and content["sha256"] != _sha256(plain)
    return ThresholdsFile(
        _flat(plain), weights, files, measured_on, changed, caveats_from_plain(content.get("caveats", []))
    )


def thresholds_beside(path: Path) -> Path:
    """The file of thresholds beside a checkpoint."""
    return path.with_name(f"{path.stem}.thresholds.json")


def is_checksum(value: object) -> bool:
    """Whether the value is a SHA-256 as 64 hexadecimal digits."""
    return isinstance(value, str) and _CHECKSUM.fullmatch(value) is not None


def _sha256(thresholds: Any) -> str:
    return sha256_of(compact_json(thresholds))


def _flat(plain: Any) -> dict[str, Threshold]:
    """The thresholds as ``LABEL.NAME``."""
    if not isinstance(plain, dict) or not all(isinstance(found, dict) for found in plain.values()):
        raise ValueError("its thresholds are not an object of objects")
    return read_thresholds({f"{label}.{name}": each for label, found in plain.items() for name, each in found.items()})
