"""The folder of an unfinished data set: what is finished, which process works on it, and what it will be."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import Lock, json_bytes, not_written, write_atomically
from maskrec.base.plain_json import read_json_object
from maskrec.base.regular_files import memory_size, read_regular
from maskrec.base.words import differences, os_reason
from maskrec.preparation.resumable.other_work import Differ, other_work
from maskrec.preparation.sources.photo_source import FACES_FILE, UNFINISHED

WORK = "work.json"
FACES = FACES_FILE
REJECTED = "rejected.csv"
REJECTED_COLUMNS = ("source", "reason", "detail")
PARTS = UNFINISHED
FINISHED = ".parts.finished"

_LOCK = re.compile(r"lock-(\d+)-of-(\d+)$")


@dataclass(frozen=True)
class JobFolder:
    """The folder of a data set and, in ``.parts``, the records of its groups.

    A group's record is written after its files, and holds each file's size and CRC-32: a kill at any moment leaves a
    group either finished or not, and files lost in a power cut are detected when a later run reads them again.

    Args:
        destination: the data set's folder.
    """

    destination: Path

    @property
    def folder(self) -> Path:
        """The folder of records, locks and temporary files."""
        return self.destination / PARTS

    @property
    def finished(self) -> bool:
        """Whether the data set is complete."""
        return (self.destination / FACES).is_file() and not self.folder.exists()

    def work(self) -> dict[str, Any] | None:
        """What the folder's data set is to be; None where none was started.

        Raises:
            UsageError: its ``work.json`` is damaged.
        """
        path = self.destination / WORK
        if not path.exists():
            return None
        try:
            return read_json_object(path)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: damaged ({error}); empty the folder or choose another") from error

    def begin(self, work: dict[str, Any], differ: Differ = differences) -> None:
        """Start a data set here, or continue the same one.

        Args:
            work: what it is to be.
            differ: describes other settings.

        Raises:
            UsageError: the folder holds something else; nothing in it is touched.
        """
        there = self.work()
        if there is not None and (fault := other_work(self.destination, there, work, differ)):
            raise UsageError(fault)
        if there is None:
            self._begin_new(work)
        shutil.rmtree(self.destination / FINISHED, ignore_errors=True)
        if not self.finished:
            self.folder.mkdir(exist_ok=True)

    def _begin_new(self, work: dict[str, Any]) -> None:
        try:
            self.destination.mkdir(parents=True, exist_ok=True)
            others = sorted(entry.name for entry in self.destination.iterdir() if entry.name != PARTS)
        except OSError as error:
            raise UsageError(f"{self.destination}: {os_reason(error)}; name a folder that can be created") from error
        if others:
            raise UsageError(
                f"{self.destination}: holds {others[0]!r} but not a data set that was started here; name a new folder"
            )
        self.folder.mkdir(exist_ok=True)
        self.place(self.destination / WORK, json_bytes(work))

    def place(self, path: Path, data: bytes, *, durable: bool = False) -> None:
        """Write a file atomically; a kill leaves at most a temporary file in ``.parts``.

        Raises:
            MaskrecError: the disk is full, or the folder is not writable.
        """
        temporary = self.folder / f"temporary-{os.getpid()}"
        write_atomically(path, lambda place: place.write_bytes(data), durable=durable, temporary=temporary)

    def record_path(self, group: int) -> Path:
        """The path of a group's record, once it is finished."""
        return self.folder / f"{group:08d}.json"

    def data_path(self, group: int) -> Path:
        """The path of a group's files, one after the other, until they go into a tar."""
        return self.folder / f"{group:08d}.data"

    def record(self, group: int) -> dict[str, Any] | None:
        """The record of a group; None when it is not finished."""
        try:
            return read_json_object(self.record_path(group))
        except (OSError, ValueError):  # absent, or lost in a power cut: the group is done again
            return None

    def records(self, groups: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and record of each of the first ``groups`` groups, which must all be finished.

        Raises:
            MaskrecError: a record is missing or damaged.
        """
        for group in range(groups):
            record = self.record(group)
            if record is None or not _is_group_record(record):
                raise MaskrecError(f"{self.record_path(group)}: missing or damaged; run the same command again")
            yield group, record

    def holds(self, group: int, tar: Path | None = None) -> bool:
        """Whether a group is finished; see `finished_record`."""
        return self.finished_record(group, tar) is not None

    def finished_record(self, group: int, tar: Path | None = None) -> dict[str, Any] | None:
        """The record of a group that is finished and whose files match it, which reads them; else None.

        Args:
            group: its number.
            tar: the finished tar that would contain the group, for a data set in tars.
        """
        record = self.record(group)
        if record is None or not _is_group_record(record):
            return None
        if tar is not None and tar.exists():
            return record
        data = _read(self.data_path(group)) if tar and self.data_path(group).exists() else None
        start = 0
        for name, size, checksum in record["files"]:
            piece = data[start : start + size] if data is not None else _read(self.destination / name)
            start += size
            if piece is None or len(piece) != size or zlib.crc32(piece) != checksum:
                return None
        return record

    def lock(self, shard: int, shards: int) -> Lock:
        """The lock of a shard; 1 of 1 is the whole."""
        return Lock(self.folder / f"lock-{shard}-of-{shards}", f"the data set {self.destination}")

    def shard_locks(self) -> Iterator[tuple[int, int, Lock]]:
        """Locks that exist here, by shard and number of shards."""
        for path in sorted(self.folder.iterdir()):
            if matched := _LOCK.match(path.name):
                shard, shards = int(matched[1]), int(matched[2])
                yield shard, shards, Lock(path, f"shard {shard}/{shards} of {self.destination}")

    def take(self, shard: int, shards: int) -> Lock:
        """Acquire a shard's lock; the whole (1 of 1) and any shard exclude each other.

        Raises:
            MaskrecError: another process works on it.
        """
        own = self.lock(shard, shards)
        try:
            own.take()
            for other, of, lock in list(self.shard_locks()):
                if (other, of) != (shard, shards) and 1 in (shards, of):
                    _probe(lock)
        except OSError as error:
            raise not_written(self.folder, error) from error
        except MaskrecError:
            own.give_back()
            raise
        return own

    def finish(self) -> None:
        """Flush everything to disk, then remove the records."""
        os.sync()
        # In one step: a kill during the removal must not leave half of the records.
        self.folder.replace(self.destination / FINISHED)
        shutil.rmtree(self.destination / FINISHED, ignore_errors=True)


def _is_group_record(record: dict[str, Any]) -> bool:
    """Whether a group's record has the form that ``job.outcome_record`` gives it."""
    files, rows, rejected = (record.get(name) for name in ("files", "rows", "rejected"))
    return (
        all(isinstance(part, list) for part in (files, rows, rejected))
        and all(_is_list_of(file, str, int, int) for file in record["files"])
        and all(_is_row(row) for row in record["rows"])
        and all(_is_list_of(row, str, str, str) for row in record["rejected"])
    )


def _is_list_of(value: Any, *kinds: type) -> bool:
    return isinstance(value, list) and list(map(type, value)) == list(kinds)


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and all(isinstance(text, str) for text in row.values())
        and {"path", "identity", "source"} <= row.keys()
    )


def _probe(lock: Lock) -> None:
    """Raise MaskrecError where another process holds the lock; the holder's own text stays as it is."""
    import fcntl

    with lock.path.open("a+") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MaskrecError(f"{lock.what} is being written by another process; wait until it ends") from error


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(path, memory_size())
    except OSError:
        return None
