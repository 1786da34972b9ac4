"""A finished data set taken up again under options that only add faces: photos that gave a face keep it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol

from maskrec.base.errors import MaskrecError
from maskrec.base.files import json_bytes, not_written
from maskrec.base.regular_files import open_regular
from maskrec.images.decoding import read_bytes
from maskrec.preparation.resumable.job_folder import FACES, WORK, JobFolder
from maskrec.preparation.resumable.outcome import Outcome, Process
from maskrec.preparation.sources.photo_columns import Item

EARLIER = "earlier.csv"
"""In ``.parts``: the ``faces.csv`` whose faces stay."""

_STAGING = ".parts-extending"


class OnlyAdds(Protocol):
    """Whether later settings leave every face of a data set as it is, and can only add some."""

    def __call__(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        """For the settings of a folder's ``work.json`` and those of a command."""


def never(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Settings of a command that always makes a data set in one way."""
    return False


def reopen(parts: JobFolder, work: dict[str, Any], only_adds: OnlyAdds) -> bool:
    """Reopen a finished folder of files whose settings differ from ``work``'s in what only adds faces.

    A kill at any moment leaves the folder finished as it was, or reopened; the same command then goes on.

    Returns:
        Whether the folder was reopened; ``work.json`` then lists the earlier settings under ``earlier``.

    Raises:
        MaskrecError: the folder is not writable.
    """
    there = parts.work()
    if there is None or work["output"] != "folder":
        return False
    same = {name: value for name, value in there.items() if name not in ("settings", "earlier")}
    if same != {name: value for name, value in work.items() if name != "settings"}:
        return False
    if there["settings"] == work["settings"] or not only_adds(there["settings"], work["settings"]):
        return False
    if not (parts.finished or (parts.folder / EARLIER).is_file()):
        return False
    try:
        if parts.finished:
            staging = parts.destination / _STAGING
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            shutil.copyfile(parts.destination / FACES, staging / EARLIER)
            staging.replace(parts.folder)
    except OSError as error:
        raise not_written(parts.destination, error) from error
    earlier = [*there.get("earlier", []), there["settings"]]
    parts.place(parts.destination / WORK, json_bytes({**work, "earlier": earlier}))
    return True


@dataclass(frozen=True)
class KeepFaces:
    """Processes the photos of a group that gave no face before; the others keep the faces and rows that they have.

    Args:
        process: for the photos that gave none.
        destination: the data set's folder.
        rows: of each photo that gave a face, by its key.
    """

    process: Process
    destination: Path
    rows: Mapping[str, Sequence[dict[str, str]]]

    def __call__(self, items: Sequence[Item], names: Sequence[str]) -> Outcome:
        """The outcome of all; a photo whose files are gone is processed again."""
        kept = {item.key: files for item in items if (files := self._files(item.key)) is not None}
        again = [(item, name) for item, name in zip(items, names, strict=True) if item.key not in kept]
        outcome = self.process([item for item, _ in again], [name for _, name in again]) if again else Outcome()
        for key, files in kept.items():
            outcome.files.extend(files)
            outcome.rows.extend(self.rows[key])
        return outcome

    def _files(self, key: str) -> list[tuple[str, bytes]] | None:
        try:
            return [(row["path"], read_bytes(self.destination / row["path"])) for row in self.rows[key]]
        except (KeyError, OSError):
            return None


def keep_earlier(parts: JobFolder, process: Process) -> Process:
    """The process; in a folder that was reopened, for the photos without a face only.

    Raises:
        MaskrecError: the list of the earlier faces cannot be read.
    """
    path = parts.folder / EARLIER
    if not path.is_file():
        return process
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with TextIOWrapper(open_regular(path), "utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                rows.setdefault(row["source"], []).append(row)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise MaskrecError(f"{path}: damaged ({error}); make the data set in a new folder") from error
    return KeepFaces(process, parts.destination, rows)
