"""Tar shards: their members by position, samples as webdataset groups them, and a deterministic writer."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from maskrec.base.errors import UsageError
from maskrec.base.files import write_atomically
from maskrec.images.random_access import RandomAccessFile, Readable
from maskrec.images.tars.headers import BLOCK, entries


class Member(NamedTuple):
    """A regular file in a tar: its name ("/" between folders), the offset of its bytes, and their number."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class TarSample:
    """Members of one key.

    Args:
        key: the name up to the last dot of its last part, as names have dots (``A.B._Bell_0001.jpg``); webdataset
            splits it at the first one.
        parts: members by what follows that dot, in lower case (``jpg``, ``cls``, ``json``).
    """

    key: str
    parts: dict[str, Member]


def read_members(path: Path) -> list[Member]:
    """The regular files of a tar in their order, without extracting anything; folders are skipped.

    Raises:
        UsageError: it is truncated, damaged or compressed, or holds links, devices, or names that are absolute, empty,
            lead outside or repeat.
    """
    return members_in(RandomAccessFile(path))


def members_in(file: Readable) -> list[Member]:
    """``read_members`` of a tar that is already open, or remote."""
    members: list[Member] = []
    seen: set[str] = set()
    for entry in entries(file):
        name = _safe_name(file.path, entry.name)
        if entry.folder:
            continue
        if not name or name in seen:
            raise UsageError(f"{file.path}: {name or entry.name!r} is listed twice or has no name; pack it again")
        seen.add(name)
        members.append(Member(name, entry.offset, entry.size))
    return members


def _safe_name(path: Path | str, name: str) -> str:
    """The name without ``.`` parts; rejected where it would lead out of a folder."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise UsageError(f"{path}: the name {name!r} leads outside of the archive; do not use it, or pack it again")
    return "/".join(parts)


def group_samples(members: Iterable[Member], where: str = "the tar") -> list[TarSample]:
    """Members of one key together, keys in order of first appearance.

    Args:
        members: of one tar.
        where: names the tar in messages.

    Raises:
        UsageError: a name has no extension (except hidden files, which are skipped as in webdataset), or a key has
            one extension twice.
    """
    samples: dict[str, TarSample] = {}
    for member in members:
        if is_hidden(member.name):
            continue
        key, extension = key_of(member.name)
        if key == member.name:
            raise UsageError(f"{where}: {member.name!r} has no extension; name it KEY.jpg, KEY.cls or KEY.json")
        parts = samples.setdefault(key, TarSample(key, {})).parts
        if (before := parts.setdefault(extension, member)) is not member:
            raise UsageError(f"{where}: {before.name!r} and {member.name!r} are the same part of sample {key!r}")
    return list(samples.values())


def key_of(name: str) -> tuple[str, str]:
    """A member's key and its ending in lower case, split at the last dot; the whole name without a dot."""
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    return (folder + slash + stem, ending.lower()) if dot else (name, "")


def is_hidden(name: str) -> bool:
    """Whether a member is a hidden file, such as those that macOS adds (``._photo.jpg``)."""
    return name.rpartition("/")[2].startswith(".")


def write_tar(path: Path, files: Iterable[tuple[str, bytes]], *, durable: bool = True) -> list[Member]:
    """Write a tar of these files atomically; the same files give the same bytes (no times, no owners).

    Args:
        path: of the tar; its folder must exist.
        files: name and content of each, in order.
        durable: whether to wait until it is on disk.

    Returns:
        What ``read_members`` would return.

    Raises:
        UsageError: a name that ``read_members`` would reject.
        MaskrecError: the disk is full or not writable.
    """
    members: list[Member] = []
    seen: set[str] = set()

    def write(temporary: Path) -> None:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
            for name, content in files:
                if _safe_name(path, name) != name or not name or name in seen:
                    raise UsageError(f"{path}: {name!r} cannot be a member's name, or is listed twice")
                seen.add(name)
                header = tarfile.TarInfo(name)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
                offset = archive.offset - len(content) - -len(content) % BLOCK
                members.append(Member(name, offset, len(content)))

    write_atomically(path, write, durable=durable)
    return members
