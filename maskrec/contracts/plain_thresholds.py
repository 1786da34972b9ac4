"""Thresholds, and caveats beside them, as plain values that somebody else may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskrec.base.plain_json import is_finite_number
from maskrec.contracts.evaluation import Threshold

_LARGEST = {"l2": 2.0, "squared_l2": 4.0, "cosine": 2.0}
"""Of unit embeddings; a cosine is always of those."""

_NO_PAIR = -1.0  # what `metrics.best_threshold` gives where calling every pair different is best
_KINDS: Mapping[str, tuple[type, ...]] = {
    "value": (float, int),
    "distance": (str,),
    "normalize": (bool,),
    "source": (str,),
    "far": (float, int, type(None)),
    "collapsed": (bool,),
}
_NEEDED = {"value", "distance", "normalize", "source"}
_MOST_THRESHOLDS, _LONGEST_NAME, _LONGEST_SOURCE = 1000, 200, 1000
_MOST_CAVEATS, _LONGEST_CAVEAT = 100, 4000  # those of several sets, and several sentences in one


def read_thresholds(plain: Mapping[str, Any]) -> dict[str, Threshold]:
    """Thresholds by name from the fields of each.

    Raises:
        ValueError: a field that is missing, not known or of another type; a value that is not finite or that the
            distance cannot reach; a FAR outside (0, 1).
    """
    if len(plain) > _MOST_THRESHOLDS:
        raise ValueError(f"it has more than {_MOST_THRESHOLDS} thresholds")
    return {name: _read_threshold(name, fields) for name, fields in plain.items()}


def _read_threshold(name: str, fields: Any) -> Threshold:
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"the name of a threshold has more than {_LONGEST_NAME} characters")
    if not isinstance(fields, Mapping) or not _NEEDED <= set(fields) <= set(_KINDS):
        raise ValueError(f"the threshold {name} has other fields than {', '.join(_KINDS)}")
    for field, value in fields.items():
        if not isinstance(value, _KINDS[field]) or (isinstance(value, bool) and bool not in _KINDS[field]):
            raise ValueError(f"the {field} of the threshold {name} is {value!r:.60}, of another type")
    threshold = Threshold(**fields)
    if threshold.distance not in _LARGEST:
        raise ValueError(f"the threshold {name} is of the distance {threshold.distance!r:.60}, not of {list(_LARGEST)}")
    of_units = threshold.normalize or threshold.distance == "cosine"
    largest = _LARGEST[threshold.distance] if of_units else float("inf")
    if not is_finite_number(threshold.value) or not (0 <= threshold.value <= largest or threshold.value == _NO_PAIR):
        raise ValueError(f"the threshold {name} is {threshold.value!s:.40}, which is not within 0 to {largest}")
    if threshold.far is not None and not 0 < threshold.far < 1:
        raise ValueError(f"the FAR of the threshold {name} is {threshold.far!s:.40}, which is not between 0 and 1")
    if len(threshold.source) > _LONGEST_SOURCE:
        raise ValueError(f"the source of the threshold {name} has more than {_LONGEST_SOURCE} characters")
    return threshold


def caveats_from_plain(plain: object) -> tuple[str, ...]:
    """Caveats that a file states.

    Raises:
        ValueError: they are not a short list of texts.
    """
    if not isinstance(plain, list) or len(plain) > _MOST_CAVEATS:
        raise ValueError("its `caveats` are not a short list")
    if not all(isinstance(each, str) and len(each) <= _LONGEST_CAVEAT for each in plain):
        raise ValueError("its `caveats` are not short texts")
    return tuple(plain)
