"""A folder of photos that enrolled photos are looked for in: by their bytes, or as ``NAME/photo``."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import NamedTuple

from maskrec.base.errors import UsageError
from maskrec.base.hashing import sha256_of
from maskrec.base.words import plain_name
from maskrec.inference.photos.photo_input import photo_file


def photos_in(folder: Path) -> list[Path]:
    """All files below a folder, in order of their names; hidden ones are left out.

    Raises:
        UsageError: it is not a folder, or has no files.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name a folder of photos")
    found = _files_below(folder)
    if not found:
        raise UsageError(f"{folder}: no photos are in the folder; name one that has some")
    return found


def _files_below(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


class PhotoOnDisk(NamedTuple):
    """A file that holds a photo.

    Args:
        path: the file.
        sha256: of its bytes, in hexadecimal.
    """

    path: Path
    sha256: str


class PhotoFolder:
    """All files below a folder but hidden ones, each read once when this is made.

    A gallery may name photos as it likes: a name is compared with the files that are there and never opened as a path.

    Args:
        folder: that has them.

    Attributes:
        unread: why files could not be read, a sentence each.

    Raises:
        UsageError: it is not a folder, or has no files.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder; name the one that the photos are in")
        self._by_hash: dict[str, PhotoOnDisk] = {}
        self._by_name: dict[tuple[str, str], PhotoOnDisk] = {}
        self.unread: list[str] = []
        for path in _files_below(folder):
            parts = path.relative_to(folder).parts
            try:
                found = PhotoOnDisk(path, sha256_of(photo_file(str(path), str(path))))
            except UsageError as error:
                self.unread.append(str(error))
                continue
            self._by_hash.setdefault(found.sha256, found)
            if len(parts) == 2:
                self._by_name.setdefault((plain_name(parts[0]), parts[1]), found)
        if not self._by_hash and not self.unread:
            raise UsageError(f"{folder} has no files; name the folder that the photos are in")

    def find(self, sha256: str, person: str, photo_name: str) -> PhotoOnDisk | None:
        """The file of an enrolled photo: the one of these bytes, else ``person/photo_name``; None where neither is.

        Args:
            sha256: of the photo, in hexadecimal; "" where not known.
            person: who is on it; folders are compared without case, underscores count as spaces.
            photo_name: of the photo; only its last part counts.
        """
        same = self._by_hash.get(sha256) if sha256 else None
        return same or self._by_name.get((plain_name(person), PurePath(photo_name).name))
