"""Assembling a data set: faces.csv, rejected.csv, tars; merging what shards wrote."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskrec.base.csv_writing import csv_bytes
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import compact_json, not_written
from maskrec.base.regular_files import memory_size, open_regular, read_regular
from maskrec.base.words import counted
from maskrec.images.tars.tarfiles import write_tar
from maskrec.preparation.resumable.job_folder import FACES, REJECTED, REJECTED_COLUMNS, WORK, JobFolder
from maskrec.preparation.resumable.kept_pairs import PAIRS, kept_pairs
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.resumable.rejected_photos import rejected_photos

TAR_GROUPS = 128  # 4,096 photos per tar: about 20 MB of JPEG at 112 px

_ANEW = "move the folder away and run the command again: it writes the same bytes"

_REMEDIES = {
    "several_faces": "--central (or --largest, --all) to add photos with several faces",
    "no_face": "a smaller --min-face to look for smaller faces",
}
"""By the reason of rejected photos: options that only add faces, which go on in the same folder."""

_ADVICE = {
    "unreadable": f"{REJECTED} says what is wrong with unreadable files: repair them and use a new folder",
    "no_identity": "to add photos without a person, move them to their person's folder and use a new folder",
    "bad_landmarks": "`maskrec data align --detect` finds other landmarks where these do not fit the photo",
    "no_landmarks": "`maskrec data align` finds the landmarks of faces without any",
    "not_a_photo": "text files are not photos and may stay",
}
"""By the reason: what else can be done, where no option of the same command helps."""

_Row = tuple[str, str, dict[str, str]]


def tar_path(parts: JobFolder, group: int) -> Path:
    """The tar that a group's files go into."""
    return parts.destination / f"faces-{group // TAR_GROUPS:06d}.tar"


def pack_record(record: dict[str, Any]) -> bytes:
    """A record as it is stored."""
    return compact_json(record)


def merge(destination: Path, meter: Meter) -> None:
    """Merge what all shards wrote, once each is complete.

    Raises:
        UsageError: no data set was started there.
        MaskrecError: a shard is running, or groups are missing; the message says which shards to run again.
    """
    parts = JobFolder(destination)
    work = parts.work()
    if work is None:
        raise UsageError(f"{destination}: no data set was started there (no work.json)")
    if "output" not in work:
        raise UsageError(
            f"{destination}: written by maskrec data pack, which makes no shards; there is nothing to merge"
        )
    if not isinstance(work.get("groups"), int) or not isinstance(work.get("columns"), list):
        raise UsageError(f"{destination / WORK}: damaged (no groups or columns); {_ANEW}")
    if parts.finished:
        say_complete(parts, meter)
        return
    parts.folder.mkdir(exist_ok=True)
    shards = [(shard, of) for shard, of, _ in parts.shard_locks()]
    lock = parts.take(1, 1)
    try:
        tars = work["output"] == "tars"
        meter.start(work["groups"])
        missing = []
        for group in range(work["groups"]):
            if not parts.holds(group, tar_path(parts, group) if tars else None):
                missing.append(group)
            meter.skip(1)
        if missing:
            raise MaskrecError(_what_is_missing(destination, missing, work["groups"], shards))
        assemble(parts, meter)
    finally:
        meter.stop()
        lock.give_back()


def say_complete(parts: JobFolder, meter: Meter) -> None:
    """Report that a data set is complete, if every file that it lists exists.

    Raises:
        MaskrecError: files are missing, or faces.csv cannot be read; the message gives the first.
    """
    path, tars = parts.destination / FACES, (parts.work() or {}).get("output") == "tars"
    try:
        with io.TextIOWrapper(open_regular(path), "utf-8", newline="") as stream:
            listed = dict.fromkeys(row["path"] for row in csv.DictReader(stream))
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise MaskrecError(f"{path}: damaged ({error}); {_ANEW}") from error
    files = dict.fromkeys(name.partition("/")[0] for name in listed) if tars else listed
    gone = [name for name in files if not (parts.destination / name).is_file()]
    if gone:
        raise MaskrecError(
            f"{parts.destination}: was complete, but {len(gone):,} of its {len(files):,} files are missing now, the "
            f"first of them {gone[0]!r}; {_ANEW}"
        )
    if not listed:
        raise MaskrecError(_nothing(parts.destination))
    meter.say(f"{parts.destination} is already complete")


def _what_is_missing(destination: Path, missing: Sequence[int], groups: int, shards: list[tuple[int, int]]) -> str:
    of = max((count for _, count in shards), default=1)
    counts = Counter(group % of + 1 for group in missing)
    listed = ", ".join(f"{shard}/{of} ({count} groups)" for shard, count in sorted(counts.items())[:20])
    listed += ", ..." if len(counts) > 20 else ""
    return (
        f"{destination}: {len(missing)} of {groups} groups of photos are missing; run these shards again: {listed}"
        if of > 1
        else f"{destination}: {len(missing)} of {groups} groups of photos are missing; run the same command again"
    )


def assemble(parts: JobFolder, meter: Meter) -> None:
    """Write the two CSVs (and the tars) of a data set whose groups are all finished, then remove the records.

    Raises:
        MaskrecError: the disk is full (nothing is lost), or no photo gave a face (the CSVs are written).
    """
    meter.stop()
    work = parts.work()
    assert work is not None
    rows, rejected = _collect(parts, work)
    targets = {identity: target for target, identity in enumerate(sorted({row[1] for row in rows}))}
    if work["output"] == "tars":
        _write_tars(parts, work, targets)
    parts.place(parts.destination / REJECTED, csv_bytes(REJECTED_COLUMNS, rejected), durable=True)
    if _has_pairs(work):
        content, said = kept_pairs(rows, targets, work["source"]["photos"])
        parts.place(parts.destination / PAIRS, content, durable=True)
        meter.say(said)
    columns = work["columns"]
    filled = ([str(targets[row[1]]) if name == "target" else row[2][name] for name in columns] for row in rows)
    parts.place(parts.destination / FACES, csv_bytes(columns, filled), durable=True)
    try:
        parts.finish()
    except OSError as error:
        raise not_written(parts.folder, error) from error
    meter.say(_summary(parts.destination, len(rows), len(targets), Counter(reason for _, reason, _ in rejected)))
    if not rows:
        raise MaskrecError(_nothing(parts.destination))


def _has_pairs(work: Mapping[str, Any]) -> bool:
    """Whether the source is a verification file, whose photos are pairs."""
    source = work.get("source")
    known = isinstance(source, Mapping) and source.get("kind") == "bin" and type(source.get("photos")) is int
    return known and work.get("command") == "data align"


def _summary(destination: Path, faces: int, people: int, reasons: Counter[str]) -> str:
    made = f"{counted(faces, 'face')} of {counted(people, 'person')} in {destination / FACES}"
    return f"{made}; {rejected_photos(REJECTED, reasons, _REMEDIES, _ADVICE)}"


def _nothing(destination: Path) -> str:
    return f"{destination}: none of these photos gave a face; {destination / REJECTED} gives the reason for each"


def _collect(parts: JobFolder, work: dict[str, Any]) -> tuple[list[_Row], list[tuple[str, str, str]]]:
    """All rows by path, all rejected photos by source; paths of faces in tars begin with the tar's name."""
    rows: list[_Row] = []
    rejected: list[tuple[str, str, str]] = []
    for group, record in parts.records(work["groups"]):
        for row in record["rows"]:
            if work["output"] == "tars":
                row["path"] = f"{tar_path(parts, group).name}/{row['path']}"
            rows.append((row["path"], row["identity"], row))
        rejected += [(source, reason, detail) for source, reason, detail in record["rejected"]]
    return sorted(rows, key=lambda row: row[0]), sorted(rejected)


def _write_tars(parts: JobFolder, work: dict[str, Any], targets: dict[str, int]) -> None:
    """Tars of TAR_GROUPS groups each: image, ``.cls`` with the target, ``.json`` with the row."""
    for first in range(0, work["groups"], TAR_GROUPS):
        path = tar_path(parts, first)
        groups = range(first, min(first + TAR_GROUPS, work["groups"]))
        if not path.exists():
            temporary = parts.folder / path.name
            try:
                write_tar(temporary, _members(parts, groups, targets))
                temporary.replace(path)
            except OSError as error:
                raise not_written(path, error) from error
        for group in groups:
            parts.data_path(group).unlink(missing_ok=True)


def _members(parts: JobFolder, groups: Sequence[int], targets: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    for group in groups:
        record, data, start = parts.record(group), read_regular(parts.data_path(group), memory_size()), 0
        assert record is not None
        rows = {row["path"]: row for row in record["rows"]}
        for name, size, _ in record["files"]:
            yield name, data[start : start + size]
            start += size
            stem = name.rpartition(".")[0]
            row = rows[name]
            yield f"{stem}.cls", str(targets[row["identity"]]).encode()
            yield f"{stem}.json", json.dumps(row, ensure_ascii=False).encode()
