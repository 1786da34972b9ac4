"""Faces in tar shards, in webdataset's layout: KEY.jpg with KEY.json, KEY.cls or the folder for its identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.packed.face_index import ENTRY, DataFile, FaceIndex, name_columns, read_face_index
from maskrec.images.people_by_place import folder_fault, person_by_place
from maskrec.images.photos import PHOTO_ENDINGS
from maskrec.images.random_access import Readable
from maskrec.images.tars.sidecars import read_sidecars
from maskrec.images.tars.tarfiles import TarSample, group_samples, members_in

STEM = "tars"
IMAGE_ENDINGS = tuple(ending.removeprefix(".") for ending in PHOTO_ENDINGS)


@dataclass(slots=True)
class _Found:
    """The content of the tars, face by face."""

    names: list[str] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)  # file, offset, size
    people: list[str] = field(default_factory=list)
    landmarks: list[list[float] | None] = field(default_factory=list)
    masked: list[bool] = field(default_factory=list)
    mask_types: list[str] = field(default_factory=list)
    by_place: list[str] = field(default_factory=list)  # names of those whose folder or name is the identity


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
    """The index that `maskrec data index` left beside the tars; None where it is missing.

    Raises:
        UsageError: it is damaged, or belongs to other tars.
    """
    if not (folder / f"{STEM}.json").exists():
        return None
    index = read_face_index(folder, STEM)
    if list(index.files) != list(files):
        other = min((file.name for file in {*index.files} ^ {*files}), default="their order")
        raise UsageError(
            f"{folder / STEM}.json: made for other tars than those in this folder ({other} differs); run "
            f"`maskrec data index {folder}`"
        )
    return index


def index_tars(tars: Sequence[Readable], where: str) -> FaceIndex:
    """Read the tars' headers and the small files beside the images.

    The identity of an image is ``identity``, ``label`` or ``target`` in its ``.json``, its ``.cls`` or ``.id``, the
    folder in which it lies, or its name (NAME_0001.jpg), whichever exists first. A ``.json`` may also hold the landmark
    columns (numbers, as text or not), ``masked`` and ``mask_type``; a ``.txt`` is a caption and is ignored. The last
    dot parts a name. Labels number the people in the order of their names, or numerically where names are numbers.

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
    if fault := folder_fault(found.by_place):
        problems.add(where, fault)
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
        said = read_sidecars(sample.parts, lambda member: tar.read(member.offset, member.size))
    except ValueError as error:
        problems.add(place, str(error))
        return
    person = said.person or person_by_place(images[0].name)
    if not person:
        problems.add(place, "it has no identity: put it into a folder, or add a .cls")
        return
    if not said.person:
        found.by_place.append(images[0].name)
    found.names.append(images[0].name)
    found.places.append((file, images[0].offset, images[0].size))
    found.people.append(person)
    found.landmarks.append(said.landmarks)
    found.masked.append(said.masked)
    found.mask_types.append(said.mask_type)
