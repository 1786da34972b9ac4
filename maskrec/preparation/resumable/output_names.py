"""Names of a data set's files, derived from the photos that they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from maskrec.preparation.sources.photo_columns import Item

_LONGEST = 180  # bytes of one part of a path; file systems allow 255, and endings are added


def output_names(items: Sequence[Item], *, dots: bool = True) -> list[str]:
    """A name for each photo, ``identity/photo`` without an ending: unique, inside its folder, short enough for a file.

    Args:
        items: the whole sorted list of a source; a part would give other names.
        dots: whether dots are kept (webdataset takes everything after the first as the ending).
    """
    taken: set[str] = set()
    names = []
    for item in items:
        stem = _own_name(item)
        name = f"{safe_part(item.identity or '_')}/{safe_part(stem if dots else stem.replace('.', '_'))}"
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name}~{count}"
        taken.add(unique)
        names.append(unique)
    return names


def _own_name(item: Item) -> str:
    """What follows the person's folder in the key, or its last part; without the ending."""
    _, there, own = f"/{item.key}".partition(f"/{item.identity}/")
    path = PurePosixPath(own if there else PurePosixPath(item.key).name)
    return str(path.with_suffix("")) if path.name else item.key


def safe_part(name: str) -> str:
    """A name as one part of a path: no separators, not hidden, not empty, at most 180 bytes."""
    part = name.replace("/", "_").replace("\\", "_").replace("\0", "_")
    part = "_" + part[1:] if part.startswith(".") else part or "_"
    data = part.encode("utf-8", "backslashreplace")
    if len(data) <= _LONGEST:
        return data.decode()
    return data[: _LONGEST - 13].decode("utf-8", "ignore") + "-" + hashlib.sha256(data).hexdigest()[:12]
