"""Photos read by path, from separate files or from within tars."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.images.tars.tarfiles import Member, read_members


class FileBytes:
    """Reads photo i's file, or its member of a tar where the path leads into one (``faces-000000.tar/Name/1.jpg``).

    Args:
        files: paths.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.files = files

    def __call__(self, index: int) -> bytes:
        """The file's bytes; UsageError where it cannot be read."""
        file = self.files[index]
        try:
            if not stat.S_ISREG(os.stat(file).st_mode):  # noqa: PTH116 - a Path for every photo is slow
                raise UsageError(f"{file}: not a file")
            with open(file, "rb") as stream:  # noqa: PTH123 - likewise
                return stream.read()
        except FileNotFoundError:
            raise UsageError(f"{file}: no such file") from None
        except NotADirectoryError:
            return _member(file)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UsageError(f"{file}: cannot be read ({reason})") from error


def _member(file: str) -> bytes:
    tar, found, name = file.partition(".tar/")
    if not found or (member := _members(f"{tar}.tar").get(name)) is None:
        raise UsageError(f"{file}: no such file")
    with open(f"{tar}.tar", "rb") as stream:  # noqa: PTH123 - as above
        stream.seek(member.offset)
        return stream.read(member.size)


@lru_cache(maxsize=1024)
def _members(tar: str) -> dict[str, Member]:
    return {member.name: member for member in read_members(Path(tar))}
