"""Who is on a photo by its place: the folder in which it lies, or its name in LFW's naming."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_NUMBERED = re.compile(r"(.+)_\d+$", re.DOTALL)
_CAMERAS = frozenset(
    (
        *("img", "imgp", "image", "mg", "dsc", "dscn", "dscf", "dcim", "cimg", "pxl", "pano", "mvi", "mvimg", "vid"),
        *("gopr", "wp", "p", "photo", "picture", "pic", "foto", "bild", "scan", "screenshot", "capture", "frame"),
        "face",
    )
)
"""What cameras, phones and programs write in front of a number, in lower case."""
_WORD = re.compile(r"([^\W\d_]+)(?:\d{4,})?")
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


def person_by_place(name: str) -> str:
    """The folder in which a photo lies, or the part before LFW's ``_0001``; else empty.

    What a camera writes in front of a number is nobody's name.

    >>> person_by_place("lfw/Ann_B/Ann_B_0001.jpg"), person_by_place("Ann_B_0001.jpg"), person_by_place("photo.jpg")
    ('Ann_B', 'Ann_B', '')
    >>> person_by_place("IMG_0001.jpg"), person_by_place("PXL_20240501_101112.jpg"), person_by_place("IMG/1.jpg")
    ('', '', 'IMG')

    Args:
        name: with ``/`` between its folders.
    """
    folder = name.rpartition("/")[0]
    if folder:
        return folder.rpartition("/")[2]
    matched = _NUMBERED.match(PurePosixPath(name).stem)
    return "" if matched is None or _by_camera(matched.group(1)) else matched.group(1)


def _by_camera(name: str) -> bool:
    """Whether what is in front of a photo's number is a camera's word, the day on which it was taken, or both."""
    words = [word for word in re.split(r"[_\W]+", name) if word]
    known = [bool(_DATE.fullmatch(word)) or _camera_word(word) for word in words]
    return any(known) and all(word.isdigit() or one for word, one in zip(words, known, strict=True))


def _camera_word(word: str) -> bool:
    matched = _WORD.fullmatch(word)
    return matched is not None and matched.group(1).lower() in _CAMERAS


def one_identity(people: Sequence[str]) -> str:
    """A sentence where several photos have one identity; empty where they have none or several."""
    known = [name for name in people if name]
    if len(known) < 2 or len(set(known)) > 1:
        return ""
    which = "" if len(known) == len(people) else " with an identity"
    return (
        f"all {len(known):,} photos{which} are of one person, {known[0]!r}; where they show several people, put each "
        "person's photos into a folder of their own"
    )


def folder_fault(names: Iterable[str], mask_folders: bool = False) -> str:
    """Why the folders of these photos cannot each be one person, as a sentence; empty when they can.

    A folder of photos inside another one, and two of one name in different folders, may be one person or two.

    Args:
        names: of the photos that have no other identity; with ``/`` between their folders.
        mask_folders: whether folders called ``masked`` and ``bare`` say which photos wear a mask (and are not in the
            names any more), so that the sentence can advise them.
    """
    folders = sorted({name.rpartition("/")[0] for name in names if "/" in name})
    known, by_name = set(folders), dict[str, str]()
    remedy = "keep one folder per person, or name a CSV of path,identity" + (
        _mask_advice(folders) if mask_folders else ""
    )
    for folder in folders:
        parts = folder.split("/")
        if above := next((one for end in range(1, len(parts)) if (one := "/".join(parts[:end])) in known), ""):
            return f"photos are in the folder {above!r} and in {folder!r} within it, so people are unknown; {remedy}"
        if (other := by_name.setdefault(parts[-1], folder)) != folder:
            return f"the folders {other!r} and {folder!r} have one name, so people are unknown; {remedy}"
    return ""


def _mask_advice(folders: Sequence[str]) -> str:
    """For folders whose name seems to say that masks are worn, or that are called the same inside several people's."""
    known = set(folders)
    inner = Counter(folder.rpartition("/")[2] for folder in folders if folder.rpartition("/")[0] in known)
    common = list(inner) if len(inner) == 1 and inner.total() > 1 else []
    said = [part for folder in folders for part in folder.split("/") if "mask" in part.lower()]
    name = next(iter([*said, *common]), "")
    return f"; where {name!r} says that a mask is worn, call the folder masked (or bare, where none is)" if name else ""
