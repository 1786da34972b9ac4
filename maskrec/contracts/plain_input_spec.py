"""An input specification as plain values, as exported files and model folders keep it, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from maskrec.base.plain_json import is_finite_number
from maskrec.contracts.input_spec import LARGEST_CANVAS, AlignmentTemplate, InputSpec


def input_spec_to_plain(spec: InputSpec) -> dict[str, Any]:
    """For JSON: the fields of ``InputSpec``; a template as a map of its own fields."""
    return asdict(spec)


def input_spec_from_plain(plain: Any) -> InputSpec:
    """What ``input_spec_to_plain`` gave, perhaps by way of somebody else's file.

    Raises:
        ValueError: another form, or values out of range; the end of a sentence that begins with what it is in.
        TypeError: unknown fields.
    """
    if not isinstance(plain, Mapping):
        raise ValueError("its input specification is not a map")
    size = plain.get("size")
    if type(size) is not int:
        raise ValueError("its size is not a whole number")
    if size > LARGEST_CANVAS:
        raise ValueError(f"its size is {size} pixels, and the largest canvas has {LARGEST_CANVAS}")
    for name in ("mean", "std"):
        if name in plain and not _are_numbers(plain[name]):
            raise ValueError(f"its `{name}` is not a list of finite numbers")
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    if isinstance(plain.get("alignment"), Mapping):
        fields["alignment"] = _template(plain["alignment"])
    elif not isinstance(fields.get("alignment", ""), str) or not isinstance(fields.get("color", ""), str):
        raise ValueError("its color or alignment is not a word")
    spec = InputSpec(**fields)
    if spec.canvas[1] > LARGEST_CANVAS:
        raise ValueError(f"its canvas is {spec.canvas[1]} pixels wide, and none is wider than {LARGEST_CANVAS}")
    return spec


def _template(plain: Mapping[str, Any]) -> AlignmentTemplate:
    points = plain.get("points")
    if set(plain) != {"points", "height", "width"}:
        raise ValueError("its template has other fields than points, height and width")
    if not isinstance(points, list) or not all(map(_are_numbers, points)):
        raise ValueError("its template's points are not lists of finite numbers")
    return AlignmentTemplate(tuple(tuple(point) for point in points), plain["height"], plain["width"])


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(is_finite_number, values))
