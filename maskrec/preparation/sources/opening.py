"""Sources of every kind, opened by what is at a path."""

from __future__ import annotations

from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.preparation.sources.archives import open_bin, open_rec, open_tars
from maskrec.preparation.sources.csv_source import open_csv
from maskrec.preparation.sources.folder_source import open_folder
from maskrec.preparation.sources.photo_source import FACES_FILE, KINDS, NOT_FINISHED, PACKED_FILE, UNFINISHED, Source


def open_source(path: Path, people_needed: bool = True) -> Source:
    """A source of any kind, depending on what is at the path.

    Args:
        path: of the file or folder.
        people_needed: whether a folder of photos that says of nobody who it is must be refused.

    Raises:
        UsageError: nothing is there, or it is a packed set, or it cannot hold photos; the message lists what can.
    """
    if path.is_dir():
        if (path / PACKED_FILE).is_file():
            raise UsageError(
                f"{path}: a packed set, which is for training (image_packed); name what it was packed from, or {KINDS}"
            )
        if (path / FACES_FILE).is_file():
            return open_csv(path / FACES_FILE)
        if (path / UNFINISHED).is_dir():
            raise UsageError(f"{path}: {NOT_FINISHED}")
        tars = sorted(entry for entry in path.iterdir() if entry.suffix == ".tar" and entry.is_file())
        return open_tars(path, tars) if tars else open_folder(path, people_needed)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; the source of photos may be {KINDS}")
    kind = path.suffix.lower()
    if kind == ".csv":
        return open_csv(path)
    if kind == ".rec":
        return open_rec(path)
    if kind == ".bin":
        return open_bin(path)
    if kind == ".tar":
        return open_tars(path, [path])
    raise UsageError(f"{path}: not a source of photos; it may be {KINDS}")
