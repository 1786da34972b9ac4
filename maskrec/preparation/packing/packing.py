"""Packing a source of faces into a few large files: copied as they are, or decoded to raw pixels.

A data file holds a fixed range of the sorted source and is written atomically, then its record; so a kill at any moment
loses at most one file, and the same command continues to the same bytes.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.csv_writing import csv_bytes
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import not_written, write_atomically
from maskrec.base.version import __version__
from maskrec.base.words import byte_size, counted
from maskrec.images.packed.face_index import VERSION, write_face_index
from maskrec.images.packed.packed import STEM, data_name, group_size, open_packed
from maskrec.preparation.packing.groups import RECORDED, GroupWriter, group_index
from maskrec.preparation.resumable.job_folder import REJECTED, REJECTED_COLUMNS, JobFolder
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.photo_source import Source


class PackParts(JobFolder):
    """The folder of an unfinished packed set."""

    @property
    def finished(self) -> bool:
        """Whether the set is complete."""
        return (self.destination / f"{STEM}.json").is_file() and not self.folder.exists()


@dataclass(frozen=True, slots=True)
class Packing:
    """A packed set to make.

    Args:
        source: the faces, each with an identity.
        destination: the folder; absent, or started by the same packing.
        side: of raw pixels; 0 copies the files as they are.
        fit: whether raw images of another size are cropped to their middle square and resized; else they are an error.
    """

    source: Source
    destination: Path
    side: int = 0
    fit: bool = False

    @property
    def groups(self) -> int:
        """The number of data files."""
        return -(-len(self.source.items) // group_size(self.side))

    def members(self, group: int) -> slice:
        """The items of a data file."""
        size = group_size(self.side)
        return slice(group * size, (group + 1) * size)

    def work(self) -> dict[str, Any]:
        """The content of ``work.json``."""
        return {
            "maskrec": __version__,
            "format": VERSION,
            "command": "data pack",
            "settings": {"side": self.side, "fit": self.fit},
            "source": {
                "kind": self.source.kind,
                "photos": len(self.source.items),
                "fingerprint": self.source.fingerprint(),
            },
        }


def pack(packing: Packing, meter: Meter | None = None) -> None:
    """Make a packed set, or continue it; a complete one is read again and compared with its checksums.

    Images that cannot be read or decoded are skipped and listed in ``rejected.csv``.

    Raises:
        UsageError: the destination holds something else or is inside the source, faces have no identity, or sizes
            differ.
        MaskrecError: the disk is full, another process works on it, or a complete set is damaged.
    """
    meter = meter or Meter()
    _check(packing)
    parts = PackParts(packing.destination)
    parts.begin(packing.work())
    if parts.finished:
        _verify(packing.destination, meter)
        return
    lock = parts.take(1, 1)
    try:
        for leftover in parts.folder.glob("temporary-*"):
            leftover.unlink()
        _write_groups(packing, parts, meter)
        _put_together(packing, parts, meter)
    finally:
        meter.stop()
        lock.give_back()


def _check(packing: Packing) -> None:
    packing.source.refuse_inside(packing.destination)
    nobody = [item.key for item in packing.source.items if not item.identity]
    if nobody:
        more = f" and {len(nobody) - 1} more" if len(nobody) > 1 else ""
        raise UsageError(
            f"{packing.source.path}: no identity for {nobody[0]!r}{more}; put "
            "photos into a folder per person, or name a CSV of path,identity"
        )


def _verify(destination: Path, meter: Meter) -> None:
    store = open_packed(destination)
    faults = list(store.verify())
    if faults:
        raise MaskrecError(f"{faults[0]} ({len(faults)} of {len(store)} images are damaged)")
    meter.say(f"{destination} is already complete: {len(store):,} images, and all match their checksums")


def _write_groups(packing: Packing, parts: PackParts, meter: Meter) -> None:
    items = packing.source.items
    todo = [group for group in range(packing.groups) if not _done(parts, group)]
    _check_room(packing, sum(len(items[packing.members(group)]) for group in todo))
    meter.start(len(items))
    meter.skip(len(items) - sum(len(items[packing.members(group)]) for group in todo))
    for group in todo:
        _write_group(packing, parts, group, meter)


def _write_group(packing: Packing, parts: PackParts, group: int, meter: Meter) -> None:
    """One data file, then its record: a file without a record is written again."""
    writer = GroupWriter(packing.source.reader, packing.side, packing.fit, meter)
    items = packing.source.items[packing.members(group)]
    record = write_atomically(
        parts.destination / data_name(group),
        lambda file: writer.write(file, items),
        durable=False,
        temporary=parts.folder / f"temporary-{os.getpid()}",
    )
    parts.place(parts.record_path(group), record, durable=True)


def _done(parts: PackParts, group: int) -> bool:
    """A record is written after its file, which has been flushed to disk."""
    record, path = _record(parts, group), parts.destination / data_name(group)
    return record is not None and path.is_file() and path.stat().st_size == sum(record["sizes"])


def _record(parts: PackParts, group: int) -> dict[str, Any] | None:
    """A group's record; None where it is missing or is not one that ``GroupWriter.write`` made."""
    record = parts.record(group)
    if record is None or not all(isinstance(record.get(name), list) for name in RECORDED):
        return None
    numbers = [*record["kept"], *record["sizes"], *record["checksums"]]
    counts = {len(record[name]) for name in ("kept", "sizes", "checksums")}
    return record if len(counts) == 1 and all(type(number) is int for number in numbers) else None


def _check_room(packing: Packing, images: int) -> None:
    needed, free = images * 3 * packing.side**2, shutil.disk_usage(packing.destination).free
    if needed > free:
        raise MaskrecError(
            f"{packing.destination}: raw pixels need {byte_size(needed)}, but {byte_size(free)} are free; free "
            "some space, or pack without --raw"
        )


def _put_together(packing: Packing, parts: PackParts, meter: Meter) -> None:
    records = []
    for group in range(packing.groups):
        record = _record(parts, group)
        if record is None:
            raise MaskrecError(f"{parts.record_path(group)}: missing or damaged; run the same command again")
        records.append(record)
    kept = [packing.source.items[packing.members(group).start + place] for group in range(packing.groups)
            for place in records[group]["kept"]]  # fmt: skip
    if not kept:
        images = counted(len(packing.source.items), "image")
        raise UsageError(f"{packing.source.path}: {images}, none of which can be decoded")
    rejected = [row for record in records for row in record["rejected"]]
    index = group_index(kept, records, packing.side)
    parts.place(parts.destination / REJECTED, csv_bytes(REJECTED_COLUMNS, rejected), durable=True)
    write_face_index(parts.folder, STEM, index)
    try:
        for name in (f"{STEM}.index", f"{STEM}.json"):
            (parts.folder / name).replace(parts.destination / name)
        parts.finish()
    except OSError as error:
        raise not_written(parts.destination, error) from error
    meter.say(_summary(packing, len(kept), len(index.identities), Counter(row[1] for row in rejected)))


def _summary(packing: Packing, faces: int, people: int, reasons: Counter[str]) -> str:
    size = sum(path.stat().st_size for path in packing.destination.iterdir())
    listed = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    rejected = f"{reasons.total():,} images in {REJECTED}" + (f" ({listed})" if listed else "")
    made = f"{counted(faces, 'face')} of {counted(people, 'person')} in {packing.destination}, {byte_size(size)}"
    return f"{made}; {rejected}"
