"""Faces in tar shards, in webdataset's layout: KEY.jpg with KEY.json, KEY.cls or the folder for its identity."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import flag, number
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.packed.face_index import ENTRY, DataFile, FaceIndex, name_columns, read_face_index
from maskrec.images.random_access import Readable
from maskrec.images.tars.tarfiles import Member, TarSample, group_samples, members_in

STEM = "tars"
IMAGE_ENDINGS = ("jpg", "jpeg", "png", "webp", "bmp")

_IDENTITY_KEYS = ("identity", "label", "target")
_NUMBERED = re.compile(r"(.+)_\d+$", re.DOTALL)
_LONGEST = 1 << 20


@dataclass(slots=True)
class _Found:
    """The content of the tars, face by face."""

    names: list[str] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)  # file, offset, size
    people: list[str] = field(default_factory=list)
    landmarks: list[list[float] | None] = field(default_factory=list)
    masked: list[bool] = field(default_factory=list)
    mask_types: list[str] = field(default_factory=list)


def tars_in(folder: Path) -> list[Path]:
    """The ``.tar`` files of a folder by name, or the file itself.

    Raises:
        UsageError: there are none.
    """
    found = sorted(folder.glob("*.tar")) if folder.is_dir() else [folder] if folder.is_file() else []
    if not found:
        raise UsageError(f"{folder}: no .tar file in it; name a tar or a folder of tars")
    return found


def stored_index(folder: Path, files: Sequence[DataFile]) -> FaceIndex | None:
    """The index that `maskrec data index` left beside the tars; None where there is none.

    Raises:
        UsageError: it is damaged, or belongs to other tars.
    """
    if not (folder / f"{STEM}.json").exists():
        return None
    index = read_face_index(folder, STEM)
    if list(index.files) != list(files):
        raise UsageError(
            f"{folder / STEM}.json: made for other tars than those in this folder; run `maskrec data index {folder}`"
        )
    return index


def index_tars(tars: Sequence[Readable], where: str) -> FaceIndex:
    """Read the tars' headers and the small files beside the images.

    The identity of an image is ``identity``, ``label`` or ``target`` in its ``.json``, its ``.cls``, ``.id`` or
    ``.txt``, its folder, or its name (NAME_0001.jpg), whichever exists first. A ``.json``
    may also hold the landmark columns (numbers, as text or not), ``masked`` and ``mask_type``. Labels number the people
    in the order of their names, or numerically where names are numbers.

    Args:
        tars: open files.
        where: their common name in messages.

    Raises:
        UsageError: the tars are damaged, or samples have no image or identity; all at once.
    """
    problems, found = Problems(), _Found()
    for file, tar in enumerate(tars):
        for sample in group_samples(members_in(tar), str(tar.path)):
            _add(found, file, tar, sample, problems)
    if not found.names and not problems.errors:
        problems.add(where, f"no images in it (files ending in {', '.join(IMAGE_ENDINGS)})")
    some = [name for name, points in zip(found.names, found.landmarks, strict=True) if points is None]
    if some and len(some) < len(found.names):
        problems.add(where, f"{len(some)} faces have no landmarks but the others do ({some[0]!r} is the first)")
    problems.raise_errors(where)
    return _index(found, [DataFile(str(tar.path).rpartition("/")[2], tar.size) for tar in tars], has=not some)


def _index(found: _Found, files: list[DataFile], has: bool) -> FaceIndex:
    identities = sorted(set(found.people))
    if all(name.isdigit() for name in identities):
        identities.sort(key=int)
    labels = {name: label for label, name in enumerate(identities)}
    mask_types = ["", *sorted(set(found.mask_types) - {""})]
    kinds = {name: place for place, name in enumerate(mask_types)}
    entries = np.zeros(len(found.names), ENTRY)
    entries["file"], entries["offset"], entries["size"] = np.array(found.places, dtype=np.uint64).T
    entries["label"] = [labels[name] for name in found.people]
    entries["masked"], entries["mask_type"] = found.masked, [kinds[name] for name in found.mask_types]
    ends, names = name_columns(found.names)
    landmarks = np.array(found.landmarks, dtype=np.float64).reshape(-1, 5, 2) if has else None
    return FaceIndex(files, "encoded", 0, identities, mask_types, entries, ends, names, landmarks)


def _add(found: _Found, file: int, tar: Readable, sample: TarSample, problems: Problems) -> None:
    place = f"{tar.path}:{sample.key}"
    images = [sample.parts[ending] for ending in IMAGE_ENDINGS if ending in sample.parts]
    if len(images) != 1:
        problems.add(place, f"{len(images)} images of this name, not one ({', '.join(sorted(sample.parts))})")
        return
    try:
        fields = _json_fields(tar, sample.parts.get("json"))
        person, points = _person(tar, sample, fields), _landmarks(fields)
        masked = flag(str(fields["masked"])) if "masked" in fields else False
    except ValueError as error:
        problems.add(place, str(error))
        return
    if not person or masked is None:
        what = "masked is not 0 or 1" if person else "it has no identity: put it into a folder, or add a .cls"
        problems.add(place, what)
        return
    found.names.append(images[0].name)
    found.places.append((file, images[0].offset, images[0].size))
    found.people.append(person)
    found.landmarks.append(points)
    found.masked.append(masked)
    found.mask_types.append(str(fields.get("mask_type", "")))


def _json_fields(tar: Readable, member: Member | None) -> dict[str, Any]:
    if member is None:
        return {}
    try:
        fields = json.loads(_text(tar, member))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its .json is damaged ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError("its .json is not an object")
    return fields


def _text(tar: Readable, member: Member) -> str:
    if member.size > _LONGEST:
        raise ValueError(f"{member.name} has {member.size} bytes, too many for an identity")
    return tar.read(member.offset, member.size).decode("utf-8").strip()


def _person(tar: Readable, sample: TarSample, fields: dict[str, Any]) -> str:
    for key in _IDENTITY_KEYS:
        if isinstance(fields.get(key), (str, int)) and str(fields[key]).strip():
            return str(fields[key]).strip()
    for ending in ("cls", "id", "txt"):
        if ending in sample.parts:
            return _text(tar, sample.parts[ending])
    first, slash, _ = sample.key.partition("/")
    matched = _NUMBERED.match(sample.key)
    return first if slash else matched.group(1) if matched else ""


def _landmarks(fields: dict[str, Any]) -> list[float] | None:
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
