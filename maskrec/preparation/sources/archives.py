"""InsightFace's .rec and .bin, and webdataset's tars, as sources of photos."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from maskrec.base.errors import UsageError
from maskrec.images.face_columns import name_targets
from maskrec.images.insightface.binfile import BinPairs, read_bin
from maskrec.images.insightface.recordio import RecordFile
from maskrec.images.tars.tarfiles import Member, read_members
from maskrec.preparation.sources.folder_source import identity_by_name
from maskrec.preparation.sources.photo_columns import Item, PhotoColumns
from maskrec.preparation.sources.photo_source import (
    FileReader,
    Source,
    read_piece,
    sorted_source,
)

_NAMING = (".cls", ".json")  # what gives the identity; a .txt is a caption
_LONGEST_SIDECAR = 1_000_000
_SIDECARS = (*_NAMING, ".txt")

_record_file = lru_cache(maxsize=2)(RecordFile)
_bin_pairs = lru_cache(maxsize=1)(read_bin)


@dataclass(frozen=True, slots=True)
class RecReader:
    """Reads records; an item's ``place`` is its index."""

    path: Path

    def __call__(self, item: Item) -> bytes:
        """The record's image; UsageError where the file is damaged there."""
        try:
            return _record_file(self.path)[item.place][1]
        except UsageError as error:  # reported without the machine's folders
            raise UsageError(str(error).replace(str(self.path), self.path.name)) from error


def open_rec(path: Path) -> Source:
    """An InsightFace ``.rec``: identities are its labels, keys eight digits from ``00000000``.

    Raises:
        UsageError: the file or its index is damaged.
    """
    names = name_targets(RecordFile(path).identities().tolist())
    photos = PhotoColumns([f"{index:08d}" for index in range(len(names))], names, range(len(names)))
    return sorted_source(path, "rec", photos, RecReader(path.absolute()))


@dataclass(frozen=True, slots=True)
class BinReader:
    """Reads images of a ``.bin``; an item's ``place`` is its index."""

    path: Path

    def __call__(self, item: Item) -> bytes:
        """The image's file."""
        image: bytes = _bin_pairs(self.path).images[item.place]
        return image


def open_bin(path: Path) -> Source:
    """An InsightFace ``.bin`` of pairs, images 2i and 2i+1 being pair i.

    It has no names: the two images of a same-person pair have the identity ``pair000012``, those of another pair
    ``pair000012_left`` and ``pair000012_right``, although people may recur in other pairs.

    Raises:
        UsageError: the file is damaged, or its pickle is more than lists of images and flags.
    """
    pairs = read_bin(path)
    numbers = range(len(pairs.images))
    people = [_pair_name(pairs, index) for index in numbers]
    photos = PhotoColumns([f"{index:08d}" for index in numbers], people, numbers)
    return sorted_source(path, "bin", photos, BinReader(path.absolute()))


def _pair_name(pairs: BinPairs, index: int) -> str:
    pair, side = divmod(index, 2)
    return f"pair{pair:06d}" + ("" if pairs.same[pair] else ("_left", "_right")[side])


def open_tars(path: Path, tars: Sequence[Path]) -> Source:
    """Tars in webdataset's layout, or of folders per person.

    A photo's identity is ``identity``, ``label`` or ``target`` in its ``.json``, or its ``.cls``, or else its folder,
    or its name in LFW's naming. Keys are the members' names, with the tar's
    name in front where the source is a folder.

    Raises:
        UsageError: a tar is truncated, or its members point outside it.
    """
    folder = (path if path.is_dir() else path.parent).absolute()
    names: list[str] = []
    people: list[str] = []
    places: list[tuple[str, int, int]] = []
    for tar in tars:
        members = read_members(tar)
        named = _sidecar_identities(tar, members)
        for member in members:
            if _stem(member.name) in named and PurePosixPath(member.name).suffix in _SIDECARS:
                continue
            names.append(f"{tar.name}/{member.name}" if path.is_dir() else member.name)
            people.append(named.get(_stem(member.name)) or identity_by_name(member.name))
            places.append((tar.name, member.offset, member.size))
    return sorted_source(path, "tar", PhotoColumns(names, people, places), FileReader(folder))


def _stem(name: str) -> str:
    """Webdataset's key of a member: everything before the first dot of its last part."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _sidecar_identities(tar: Path, members: Iterable[Member]) -> dict[str, str]:
    names: dict[str, str] = {}
    telling = [(PurePosixPath(member.name).suffix, member) for member in members if member.size <= _LONGEST_SIDECAR]
    for suffix, member in sorted(one for one in telling if one[0] in _NAMING):  # .json last: it has names
        try:
            text = read_piece(tar, member.offset, member.size).decode("utf-8").strip()
            value = _from_json(text) if suffix == ".json" else _padded(text)
        except (OSError, ValueError) as error:
            raise UsageError(f"{tar}: {member.name} gives no identity: {error}") from error
        names[_stem(member.name)] = value or names.get(_stem(member.name), "")
    return names


def _padded(text: str) -> str:
    return f"{int(text):06d}" if text.isascii() and text.isdigit() and len(text) < 19 else text


def _from_json(text: str) -> str:
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError("its JSON is not an object")
    for key in ("identity", "label", "target"):
        if isinstance(value := fields.get(key), str):
            return value
        if isinstance(value, int):
            return _padded(str(value))
    return ""
