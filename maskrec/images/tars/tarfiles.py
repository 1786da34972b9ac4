"""Tar shards: their members by position, samples as webdataset groups them, and a deterministic writer."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from maskrec.base.errors import UsageError
from maskrec.base.files import write_atomically, write_text
from maskrec.base.plain_json import read_json_object
from maskrec.base.regular_files import LARGEST_TABLE
from maskrec.images.random_access import RandomAccessFile, Readable
from maskrec.images.tars.headers import BLOCK, check_header, entries, name_in

INDEX_SUFFIX = ".index"

_VERSION = 1


class Member(NamedTuple):
    """A regular file in a tar: its name ("/" between folders), the offset of its bytes, and their number."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class TarSample:
    """Members of one key.

    Args:
        key: the name up to the last dot of its last part, as names have dots (``A.B._Bell_0001.jpg``); webdataset parts
            it at the first one.
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


class TarIndex:
    """The members of a tar, read in any order; safe in threads and forks, can be pickled for workers.

    Reads ``NAME.tar.index`` where ``write_index`` has written a matching one, else scans the tar's headers. Every read
    checks the member's header, so an index of another tar is detected.

    Args:
        path: of the tar.

    Raises:
        UsageError: as in ``read_members``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = RandomAccessFile(path)
        found = _read_index(path, self._file.size)
        self.indexed = found is not None
        self.members: list[Member] = read_members(path) if found is None else found

    def __len__(self) -> int:
        return len(self.members)

    def read(self, member: Member) -> bytes:
        """A member's bytes.

        Raises:
            UsageError: the tar is truncated or damaged, or its index does not match it.
        """
        block = self._file.read(max(member.offset - BLOCK, 0), BLOCK)
        try:
            _, size = check_header(self._file, block, member.offset - BLOCK)
            fits = size == member.size or block[124:136].strip(b"\0 0") == b""
            if self.indexed and member.name.isascii() and len(member.name) <= 100:
                fits = fits and _safe_name(self.path, name_in(block).decode("latin-1")) == member.name
        except UsageError:
            fits = False
        if not fits:
            remedy = f"delete {self.path.name}{INDEX_SUFFIX}" if self.indexed else "download it again"
            raise UsageError(f"{self.path}: {member.name!r} is not at byte {member.offset}; {remedy}")
        return self._file.read(member.offset, member.size)

    def samples(self) -> list[TarSample]:
        """``group_samples`` of all members."""
        return group_samples(self.members, str(self.path))


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
    """A member's key and its ending in lower case, parted by the last dot; the whole name where there is none."""
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    return (folder + slash + stem, ending.lower()) if dot else (name, "")


def is_hidden(name: str) -> bool:
    """Whether a member is a hidden file, such as those that macOS adds (``._photo.jpg``)."""
    return name.rpartition("/")[2].startswith(".")


def write_index(path: Path, members: Sequence[Member] | None = None) -> Path:
    """``NAME.tar.index`` beside a tar: its size and members as JSON, the same bytes every time.

    Args:
        path: of the tar.
        members: what is in it; scanned by default.
    """
    members = read_members(path) if members is None else members
    content = {"version": _VERSION, "size": path.stat().st_size, "members": members}
    place = path.with_name(path.name + INDEX_SUFFIX)
    write_text(place, json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    return place


def _read_index(path: Path, size: int) -> list[Member] | None:
    """The members that an index lists; None when there is none, it is not an index, or the tar has another size."""
    place = path.with_name(path.name + INDEX_SUFFIX)
    try:
        content = read_json_object(place, LARGEST_TABLE)
        if content["version"] != _VERSION or content["size"] != size:
            return None
        members = [Member(str(name), int(offset), int(length)) for name, offset, length in content["members"]]
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None
    inside = all(member.offset > 0 and 0 <= member.size <= size - member.offset for member in members)
    return members if inside else None


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
