"""Plain scalars by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema)."""

from __future__ import annotations

import math
import re

from maskrec.recipe.node import Scalar

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)")
_NAN = re.compile(r"\.nan|\.NaN|\.NAN")

_LONGEST_NUMBER = 400
"""Characters; a float has at most 309 digits before the point."""


def read_plain(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar.

    ``1e-4`` is a number and ``.inf`` too; ``no``, ``1:30``, ``2001-01-01``, ``1_000`` and ``=`` are strings.

    Raises:
        ValueError: a number beyond what a float holds, or not a number at all (``.nan``).
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return _integer(text, base)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _INFINITE.fullmatch(text):
        return -math.inf if text.startswith("-") else math.inf
    if _NAN.fullmatch(text):
        raise ValueError("`.nan` is not a value that a recipe can use")
    return text


def _integer(text: str, base: int) -> int:
    digits = text if base == 10 else text[2:]
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError("this number is beyond what a float holds")
    number = int(digits, base)
    try:
        float(number)
    except OverflowError:
        raise ValueError("this number is beyond what a float holds") from None
    return number


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("this number is beyond what a float holds; write .inf if infinity is meant")
    return number


def write_plain(value: bool | int | float | None) -> str:
    """The plain scalar that ``read_plain`` reads as this value and type.

    >>> write_plain(1e-05), write_plain(2.0), write_plain(None)
    ('1e-05', '2.0', 'null')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)
