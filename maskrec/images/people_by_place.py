"""Who is on a photo by its place: the folder in which it lies, or its name in LFW's naming."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_NUMBERED = re.compile(r"(.+)_\d+$", re.DOTALL)


def person_by_place(name: str) -> str:
    """The folder in which a photo lies, or the part before LFW's ``_0001``; else empty.

    >>> person_by_place("lfw/Ann_B/Ann_B_0001.jpg"), person_by_place("Ann_B_0001.jpg"), person_by_place("photo.jpg")
    ('Ann_B', 'Ann_B', '')

    Args:
        name: with ``/`` between its folders.
    """
    folder = name.rpartition("/")[0]
    if folder:
        return folder.rpartition("/")[2]
    matched = _NUMBERED.match(PurePosixPath(name).stem)
    return matched.group(1) if matched else ""


def folder_fault(names: Iterable[str]) -> str:
    """Why the folders of these photos cannot each be one person, as a sentence; empty when they can.

    A folder of photos inside another one, and two of one name in different folders, may be one person or two.

    Args:
        names: of the photos that have no other identity; with ``/`` between their folders.
    """
    folders = sorted({name.rpartition("/")[0] for name in names if "/" in name})
    known, by_name = set(folders), dict[str, str]()
    remedy = "keep one folder per person, or name a CSV of path,identity"
    for folder in folders:
        parts = folder.split("/")
        if above := next((one for end in range(1, len(parts)) if (one := "/".join(parts[:end])) in known), ""):
            return f"photos are in the folder {above!r} and in {folder!r} within it, so people are unknown; {remedy}"
        if (other := by_name.setdefault(parts[-1], folder)) != folder:
            return f"the folders {other!r} and {folder!r} have one name, so people are unknown; {remedy}"
    return ""
