"""Photos read by path, from separate files or from within tars."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.words import os_reason
from maskrec.images.decoding import read_bytes
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
            return read_bytes(file)
        except FileNotFoundError:
            raise UsageError(f"{file}: no such file") from None
        except NotADirectoryError:
            return _member(file)
        except (OSError, ValueError) as error:
            raise UsageError(f"{file}: cannot be read ({os_reason(error)})") from error


def _member(file: str) -> bytes:
    tar, found, name = file.partition(".tar/")
    if not found or (member := _members(f"{tar}.tar", Path.cwd()).get(name)) is None:
        raise UsageError(f"{file}: no such file")
    with open_regular(f"{tar}.tar") as stream:
        stream.seek(member.offset)
        return stream.read(member.size)


@lru_cache(maxsize=1024)
def _members(tar: str, current: Path) -> dict[str, Member]:
    """By name; a relative path is another file in another current folder."""
    return {member.name: member for member in read_members(Path(tar))}
