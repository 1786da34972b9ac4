"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.files import not_written


def refuse_folder(place: Path, sign: str, overwrite: bool) -> None:
    """Refuse a place where a folder must not be written.

    Args:
        place: where it is to be.
        sign: a file that every folder of this kind has.
        overwrite: whether one of this kind is replaced.

    Raises:
        UsageError: a file is there, a folder with other files, or one of this kind that is not to be replaced.
    """
    around = next((parent for parent in place.absolute().parents if os.path.lexists(parent)), None)
    if around is not None and not around.is_dir():
        raise UsageError(f"{place} cannot be made: {around} is not a folder; name another place")
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise UsageError(f"{place} is not a folder; name one that does not exist yet")
    held = sorted(entry.name for entry in place.iterdir())
    if not held:
        return
    if sign not in held:
        raise UsageError(f"{place} holds other files ({held[0]}); name an empty folder, or one that does not exist yet")
    if not overwrite:
        raise UsageError(f"{place} holds results already; name another folder, or replace them with --overwrite")


@contextmanager
def whole_folder(place: Path, sign: str, overwrite: bool = False) -> Iterator[Path]:
    """The block fills a folder that lies beside ``place``; then it is moved there. Where it fails nothing is left.

    Args:
        place: where the folder is to be.
        sign: a file that every folder of this kind has.
        overwrite: whether one of this kind is replaced.

    Raises:
        UsageError: as in `refuse_folder`.
        MaskrecError: it cannot be written.
    """
    place = Path(os.path.abspath(place))  # noqa: PTH100 - keeps links
    refuse_folder(place, sign, overwrite)
    building, before = (place.with_name(f".{place.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(place)
        building.mkdir()
        yield building
        refuse_folder(place, sign, overwrite)
        if os.path.lexists(place):
            place.rename(before)
        building.rename(place)
    except OSError as error:
        raise not_written(place, error) from error
    finally:
        if before.exists() and not os.path.lexists(place):
            before.rename(place)
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def _remove_leftovers(place: Path) -> None:
    """What processes that were killed have left of this folder."""
    pattern = re.compile(rf"\.{re.escape(place.name)}\.(\d+)\.(part|old)")
    for path in place.parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found is None or is_running(int(found[1])):
            continue
        if found[2] == "old" and not os.path.lexists(place):  # it was killed between the two moves
            path.rename(place)
        else:
            shutil.rmtree(path, ignore_errors=True)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True
