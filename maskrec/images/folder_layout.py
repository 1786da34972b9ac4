"""Folders called ``masked`` and ``bare`` in a folder of photos: how a layout says which photos wear a mask."""

from __future__ import annotations

WORN = {"masked": True, "bare": False}
"""Folder names, in lower case, and whether the photos below wear a mask."""


def worn_by_folder(place: str) -> tuple[str, bool | None]:
    """A photo's path without such folders, and whether the photo wears a mask.

    ``Ann/masked/1.jpg`` and ``masked/Ann/1.jpg`` are ``Ann/1.jpg`` with a mask. Capital letters count as small ones.

    Args:
        place: relative to the folder of photos, with ``/`` between its parts.

    Returns:
        The path, and None where no folder says it; of several the innermost counts.
    """
    *folders, name = place.split("/")
    said = [WORN[folder.lower()] for folder in folders if folder.lower() in WORN]
    plain = "/".join([*(folder for folder in folders if folder.lower() not in WORN), name])
    return plain, said[-1] if said else None
