"""What the small files beside a tar's photo say of it: who it is, its landmarks, its mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskrec.base.plain_json import parse_object
from maskrec.images.csv_table import flag, number
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.tars.tarfiles import Member

SIDECARS = ("json", "cls", "id", "txt")
"""Endings of files that belong to the photo of their name; a ``.txt`` is a caption, which nothing reads."""

_IDENTITY_KEYS = ("identity", "label", "target")
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Sidecars:
    """What a photo's sidecars say.

    Args:
        person: its identity; a number in its shortest form; empty where no sidecar says it.
        landmarks: the ten numbers, or None.
        masked: whether it wears a mask.
        mask_type: its name, or empty.
    """

    person: str = ""
    landmarks: list[float] | None = None
    masked: bool = False
    mask_type: str = ""


def read_sidecars(parts: Mapping[str, Member], read: Callable[[Member], bytes]) -> Sidecars:
    """The first of ``identity``, ``label`` or ``target`` in the ``.json``, the ``.cls`` and the ``.id`` is the person.

    Args:
        parts: members of one key by their ending; other endings are ignored.
        read: gives a member's bytes.

    Raises:
        ValueError: a sidecar is damaged, or a field is not what it must be; the message is a sentence.
    """
    fields = _fields(parts["json"], read) if "json" in parts else {}
    person = _person_in(fields)
    for ending in ("cls", "id"):
        if not person and ending in parts:
            person = _shortest(_text(parts[ending], read))
    masked = flag(str(fields["masked"])) if "masked" in fields else False
    if masked is None:
        raise ValueError(f"masked is {fields['masked']!r}, not 0 or 1")
    return Sidecars(person, _landmarks(fields), masked, str(fields.get("mask_type", "")))


def _fields(member: Member, read: Callable[[Member], bytes]) -> dict[str, Any]:
    text = _text(member, read)
    try:
        return parse_object(text)
    except ValueError as error:
        raise ValueError(f"its .json is damaged ({error})") from error


def _text(member: Member, read: Callable[[Member], bytes]) -> str:
    if member.size > _LONGEST:
        raise ValueError(f"{member.name} has {member.size} bytes, too many for an identity")
    try:
        return read(member).decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{member.name} is damaged: byte {error.start} is not UTF-8") from error


def _person_in(fields: Mapping[str, Any]) -> str:
    for key in _IDENTITY_KEYS:
        value = fields.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValueError(f"its .json has {key} {value!r}, which is not a name or a whole number")
        if person := _shortest(str(value).strip()):
            return person
    return ""


def _shortest(text: str) -> str:
    """A whole number without zeros in front: ``007`` in a ``.cls`` is person 7."""
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else text


def _landmarks(fields: Mapping[str, Any]) -> list[float] | None:
    there = [name for name in LANDMARK_COLUMNS if name in fields]
    if not there:
        return None
    values = [number(str(fields.get(name, ""))) for name in LANDMARK_COLUMNS]
    points = [value for value in values if value is not None]
    if len(points) != len(values):
        raise ValueError(f"its .json has {', '.join(there)}, but not all ten landmark columns as numbers")
    if max(np.ptp(points[::2]), np.ptp(points[1::2])) < 1.0:
        raise ValueError("the five landmarks coincide")
    return points
