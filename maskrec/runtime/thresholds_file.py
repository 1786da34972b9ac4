"""The file of decision thresholds: which weights they hold for, and which other files were measured with them.

The form ``maskrec-thresholds-2`` is a JSON object::

    {"form": "maskrec-thresholds-2", "weights": CHECKSUM, "measured_on": "...", "files": {NAME: SHA-256, ...},
     "thresholds": {LABEL: {NAME: {"value": 1.04, "distance": "l2", ...}}}}

The form before it was the value of ``thresholds`` alone; it can still be read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from maskrec.base.errors import UsageError
from maskrec.base.files import write_json
from maskrec.base.plain_json import read_json_object
from maskrec.contracts.evaluation import Distance, Threshold

THRESHOLDS_FORM = "maskrec-thresholds-2"
_LARGEST = 16 << 20  # bytes
_LONGEST = 1000  # characters of a text
_MOST = 10_000  # thresholds
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
# Best thresholds of evaluators are -1 where calling every pair different is best.
_LOWEST = -1.0
_HIGHEST: Mapping[str, float] = {"l2": 2.001, "squared_l2": 4.001, "cosine": 2.001}


@dataclass(frozen=True, slots=True)
class StoredThresholds:
    """What the file holds.

    Args:
        thresholds: by the evaluator's label and the threshold's name.
        weights: checksum of the weights that they hold for; None in the form before this one.
        files: SHA-256 of the files that were measured with the same weights, by name.
        measured_on: the pairs, in words.
    """

    thresholds: Mapping[str, Mapping[str, Threshold]]
    weights: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    measured_on: str = ""

    def flat(self) -> dict[str, Threshold]:
        """The thresholds as ``LABEL.NAME``."""
        return {f"{label}.{name}": each for label, found in self.thresholds.items() for name, each in found.items()}


def write_thresholds(
    path: Path,
    thresholds: Mapping[str, Mapping[str, Mapping[str, Any]]],
    weights: str,
    files: Mapping[str, str] | None = None,
    measured_on: str = "",
) -> None:
    """Write the file atomically.

    Args:
        path: the file.
        thresholds: by label and name, as plain values.
        weights: checksum of the weights, 64 hexadecimal digits.
        files: SHA-256 of the files that were measured with the same weights, by name.
        measured_on: the pairs, in words.

    Raises:
        MaskrecError: a disk that takes no more.
    """
    content = {"form": THRESHOLDS_FORM, "weights": weights, "measured_on": measured_on, "files": dict(files or {})}
    write_json(path, {**content, "thresholds": thresholds})


def read_thresholds(path: Path) -> StoredThresholds:
    """The file's content, in this form or the one before it.

    Raises:
        FileNotFoundError: the file does not exist.
        UsageError: it cannot be read, or is of another form.
    """
    try:
        content = read_json_object(path, _LARGEST)
        if not isinstance(content.get("form"), str):
            return StoredThresholds(_by_label(content))
        if content["form"] != THRESHOLDS_FORM:
            raise ValueError(f"its form is {content['form'][:60]!r}, and this maskrec reads {THRESHOLDS_FORM!r}")
        files, weights = content.get("files", {}), content.get("weights")
        if not isinstance(files, dict) or not all(map(is_checksum, [weights, *files.values()])):
            raise ValueError("its checksums are not 64 hexadecimal digits")
        return StoredThresholds(
            _by_label(content.get("thresholds")), weights, files, str(content.get("measured_on", ""))[:_LONGEST]
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read ({said}); make it again with maskrec evaluate") from error


def is_checksum(value: object) -> bool:
    """Whether the value is a SHA-256 as 64 hexadecimal digits."""
    return isinstance(value, str) and _CHECKSUM.fullmatch(value) is not None


def threshold_from_plain(plain: Any) -> Threshold:
    """A threshold as JSON has it.

    Raises:
        ValueError: another form, a value that is not finite or outside the range of its distance.
    """
    known = {each.name for each in fields(Threshold)}
    if not isinstance(plain, dict) or not plain.keys() <= known or not known - {"far", "collapsed"} <= plain.keys():
        raise ValueError(f"a threshold has other fields than {', '.join(sorted(known))}")
    distance, value, far = plain["distance"], plain["value"], plain.get("far")
    if distance not in get_args(Distance):
        raise ValueError(f"the threshold of another distance ({str(distance)[:60]!r})")
    if not (isinstance(plain["normalize"], bool) and isinstance(plain.get("collapsed", False), bool)):
        raise ValueError("a threshold's `normalize` and `collapsed` must be true or false")
    if not isinstance(plain["source"], str) or len(plain["source"]) > _LONGEST:
        raise ValueError("a threshold's `source` must be a short text")
    highest = _HIGHEST[distance] if plain["normalize"] or distance == "cosine" else math.inf
    if not _is_number(value) or not _LOWEST <= value <= highest or not math.isfinite(value):
        raise ValueError(f"the threshold {value!r} is outside the range of the distance {distance}")
    if far is not None and not (_is_number(far) and 0 < far < 1):
        raise ValueError(f"the threshold's false accept rate {far!r} is not inside (0, 1)")
    return Threshold(**plain)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _by_label(plain: Any) -> dict[str, dict[str, Threshold]]:
    if not isinstance(plain, dict) or not all(isinstance(found, dict) for found in plain.values()):
        raise ValueError("its thresholds are not an object of objects")
    if sum(map(len, plain.values())) > _MOST:
        raise ValueError(f"it has more than {_MOST} thresholds")
    return {label: {name: threshold_from_plain(each) for name, each in found.items()} for label, found in plain.items()}
