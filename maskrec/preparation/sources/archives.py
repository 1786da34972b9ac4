"""InsightFace's .rec and .bin, and webdataset's tars, as sources of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.images.face_columns import LANDMARK_COLUMNS, name_targets
from maskrec.images.insightface.binfile import BinPairs, read_bin
from maskrec.images.insightface.recordio import RecordFile
from maskrec.images.people_by_place import folder_fault, person_by_place
from maskrec.images.tars.sidecars import SIDECARS, Sidecars, read_sidecars
from maskrec.images.tars.tarfiles import Member, group_samples, is_hidden, key_of, read_members
from maskrec.preparation.sources.photo_columns import Item, PhotoColumns
from maskrec.preparation.sources.photo_source import (
    FileReader,
    Source,
    read_piece,
    sorted_source,
)


@lru_cache(maxsize=2)
def _record_file(path: Path, current: Path) -> RecordFile:
    """A relative path is another file in another current folder; so for ``_bin_pairs``."""
    return RecordFile(path)


@lru_cache(maxsize=1)
def _bin_pairs(path: Path, current: Path) -> BinPairs:
    return read_bin(path)


@dataclass(frozen=True, slots=True)
class RecReader:
    """Reads records; an item's ``place`` is its index."""

    path: Path

    def __call__(self, item: Item) -> bytes:
        """The record's image; UsageError where the file is damaged there."""
        try:
            return _record_file(self.path, Path.cwd())[item.place][1]
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
        image: bytes = _bin_pairs(self.path, Path.cwd()).images[item.place]
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

    A photo's identity, landmarks and mask are what its sidecars say (see ``images.tars.sidecars``); without an identity
    there it is its folder, or its name in LFW's naming. Keys are the members' names, with the tar's name in front where
    the source is a folder. Hidden files are ignored.

    Raises:
        UsageError: a tar is truncated, its members point outside it, a sidecar is damaged or occurs twice, or its
            folders cannot be people.
    """
    folder = (path if path.is_dir() else path.parent).absolute()
    photos = _TarPhotos()
    for tar in tars:
        photos.add(tar, f"{tar.name}/" if path.is_dir() else "")
    if fault := folder_fault(photos.by_place):
        raise UsageError(f"{path}: {fault}")
    return sorted_source(path, "tar", photos.columns(), FileReader(folder))


@dataclass(slots=True)
class _TarPhotos:
    """Photos of tars, and the names of those whose folder or name is their identity."""

    names: list[str] = field(default_factory=list)
    places: list[tuple[str, int, int]] = field(default_factory=list)
    said: list[Sidecars] = field(default_factory=list)
    by_place: list[str] = field(default_factory=list)

    def add(self, tar: Path, prefix: str) -> None:
        """Every member of a tar but the photos' sidecars; files that are not photos are detected when they are read."""
        members = [member for member in read_members(tar) if not is_hidden(member.name)]
        beside = [member for member in members if key_of(member.name)[1] in SIDECARS]
        photos = [member for member in members if key_of(member.name)[1] not in SIDECARS]
        parts = {sample.key: sample.parts for sample in group_samples(beside, str(tar))}
        alone = parts.keys() - {key_of(member.name)[0] for member in photos}
        for member in (*photos, *(member for member in beside if key_of(member.name)[0] in alone)):
            key = key_of(member.name)[0]
            said = Sidecars() if key in alone else _sidecars(tar, key, parts.get(key, {}))
            if not said.person:
                self.by_place.append(member.name)
                said = replace(said, person=person_by_place(member.name))
            self.names.append(prefix + member.name)
            self.places.append((tar.name, member.offset, member.size))
            self.said.append(said)

    def columns(self) -> PhotoColumns:
        """All photos; landmarks and masks where a sidecar says them."""
        points = None
        if any(said.landmarks for said in self.said):
            rows = [said.landmarks or [float("nan")] * len(LANDMARK_COLUMNS) for said in self.said]
            points = np.array(rows).reshape(-1, 5, 2)
        masked = np.array([said.masked for said in self.said], np.bool_)
        types = [said.mask_type for said in self.said]
        people = [said.person for said in self.said]
        return PhotoColumns(self.names, people, self.places, points, masked=masked, mask_types=types)


def _sidecars(tar: Path, key: str, parts: Mapping[str, Member]) -> Sidecars:
    try:
        said = read_sidecars(parts, lambda member: read_piece(tar, member.offset, member.size))
    except (OSError, ValueError) as error:
        raise UsageError(f"{tar}:{key}: {error}") from error
    number = said.person if said.person.isascii() and said.person.isdigit() else ""
    return replace(said, person=name_targets([int(number)])[0]) if number else said
