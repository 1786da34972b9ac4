"""Files in object stores and on servers, read through fsspec: whole shards through a local cache, or by ranges."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.waiting import Watch
from maskrec.base.words import one_line

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_BLOCK = 1 << 20
_MAPS = 8


def expand(url: str) -> list[str]:
    """The addresses of webdataset's notation ``faces-{000000..000012}.tar``.

    Raises:
        UsageError: a range that runs backwards, or over more than 100,000 shards.
    """
    matched = _RANGE.search(url)
    if matched is None:
        return [url]
    first, last, digits = int(matched[1]), int(matched[2]), len(matched[1])
    if not first <= last < first + 100_000:
        raise UsageError(f"{url}: {matched[0]} is not a range of shards; write it as {{000000..000012}}")
    names = [f"{url[: matched.start()]}{number:0{digits}d}{url[matched.end() :]}" for number in range(first, last + 1)]
    return [each for name in names for each in expand(name)]


@dataclass
class RemoteFile:
    """A remote file, read by ranges; pickled as its address, every process opens its own connection.

    Args:
        url: ``s3://...``, ``gs://...``, ``https://...``, anything that fsspec opens.

    Raises:
        UsageError: fsspec or the package for this kind of address is missing, or the file cannot be read.
    """

    url: str

    def __post_init__(self) -> None:
        self._system: tuple[int, Any, str] | None = None
        self._block: tuple[int, bytes] = (0, b"")
        system, path = self._connect()
        try:
            self.size = int(system.size(path))
            self.version = str(system.ukey(path))
        except Exception as error:  # every store has its own
            raise _unreadable(self.url, error) from error

    @property
    def path(self) -> str:
        """The address."""
        return self.url

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``; small ones are read a block at a time, for sequential reading."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise UsageError(f"{self.url}: truncated or damaged: bytes {offset} to {offset + count} of {self.size}")
        start, block = self._block
        if count < _BLOCK and not start <= offset <= offset + count <= start + len(block):
            start, block = self._block = (offset, self.fetch(offset, min(_BLOCK, self.size - offset)))
        return block[offset - start : offset - start + count] if count < _BLOCK else self.fetch(offset, count)

    def fetch(self, offset: int, count: int) -> bytes:
        """Exactly this range."""
        system, path = self._connect()
        try:
            data = bytes(system.cat_file(path, start=offset, end=offset + count))
        except Exception as error:
            raise _unreadable(self.url, error) from error
        if len(data) != count:
            raise UsageError(
                f"{self.url}: returned {len(data)} of {count} bytes from byte {offset}; has it been replaced?"
            )
        return data

    def download(self, target: Path) -> None:
        """The whole file to a local one."""
        system, path = self._connect()
        try:
            system.get_file(path, str(target))
        except Exception as error:
            raise _unreadable(self.url, error) from error
        if target.stat().st_size != self.size:
            raise UsageError(
                f"{self.url}: returned {target.stat().st_size} of {self.size} bytes; has it been replaced?"
            )

    def _connect(self) -> tuple[Any, str]:
        """Connections do not outlive a fork."""
        if self._system is None or self._system[0] != os.getpid():
            self._system = (os.getpid(), *_system_of(self.url))
        return self._system[1], self._system[2]

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "size": self.size, "version": self.version}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.url, self.size, self.version = state["url"], state["size"], state["version"]
        self._system, self._block = None, (0, b"")


def exists(url: str) -> bool:
    """Whether the file exists."""
    system, path = _system_of(url)
    try:
        return bool(system.exists(path))
    except Exception as error:
        raise _unreadable(url, error) from error


def _system_of(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except ImportError as error:
        what = f"pip install 'maskrec[streaming]' ({error})"
        raise UsageError(f"{url}: the package that opens such addresses is missing: {what}") from error
    except Exception as error:
        raise _unreadable(url, error) from error
    return system, path


def _unreadable(url: str, error: Exception) -> UsageError:
    return UsageError(f"{url}: cannot be read ({type(error).__name__}: {one_line(error)[:200]})")


def cache_folder() -> Path:
    """The folder where shards are kept: ``maskrec/shards`` in XDG_CACHE_HOME, or in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskrec" / "shards"


class RangedFiles:
    """Requests every face separately; for faces read in random order, or where no disk is available."""

    def __init__(self, files: Sequence[RemoteFile]) -> None:
        self.files = files

    def read(self, file: int, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` of a file."""
        return self.files[file].fetch(offset, size)


def _take_turns(lock: TextIO, url: str) -> None:
    """Wait while another process downloads, usually this same shard."""
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with Watch(lambda: f"another process that downloads a shard ({url} is next)") as watch:
            watch.begin()
            fcntl.lockf(lock, fcntl.LOCK_EX)


class CachedFiles:
    """Whole shards, downloaded when their first face is needed, by one process for all on the machine.

    Args:
        files: the shards.
        limit: bytes that shards may take on disk; the least recently used one is removed first.
        folder: where they are kept; ``cache_folder()`` by default.

    Raises:
        UsageError: a shard is larger than the limit.
    """

    def __init__(self, files: Sequence[RemoteFile], limit: int, folder: Path | None = None) -> None:
        self.files, self.limit, self.folder = files, limit, folder or cache_folder()
        self._maps: OrderedDict[int, mmap.mmap] = OrderedDict()
        largest = max(files, key=lambda file: file.size)
        if largest.size > limit:
            raise UsageError(
                f"{largest.url}: {largest.size / 2**30:.2f} GiB are more than cache_gib; raise it or set it to 0"
            )

    def read(self, file: int, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` of a file."""
        mapped = self._maps.get(file)
        if mapped is None:
            mapped = self._maps[file] = self._map(file)
            if len(self._maps) > _MAPS:
                self._maps.popitem(last=False)
        else:
            self._maps.move_to_end(file)
        return mapped[offset : offset + size]

    def _map(self, file: int) -> mmap.mmap:
        shard = self.files[file]
        key = hashlib.sha256(f"{shard.url}\n{shard.size}\n{shard.version}".encode()).hexdigest()[:40]
        path = self.folder / f"{key}.shard"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("a") as lock:
                _take_turns(lock, shard.url)
                if not path.exists():
                    self._fetch(shard, path)
                os.utime(path)
                with open_regular(path) as stream:
                    return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise MaskrecError(
                f"{shard.url}: cannot be kept in {self.folder} ({error}); free some space, or lower cache_gib"
            ) from error

    def _fetch(self, shard: RemoteFile, path: Path) -> None:
        for leftover in self.folder.glob("*.part"):  # of a process that was killed; this process holds the lock
            leftover.unlink()
        kept = sorted(self.folder.glob("*.shard"), key=lambda entry: entry.stat().st_mtime)
        total = sum(entry.stat().st_size for entry in kept) + shard.size
        while kept and total > self.limit:
            total -= kept[0].stat().st_size
            kept.pop(0).unlink()
        temporary = path.with_suffix(".part")
        try:
            shard.download(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "limit": self.limit, "folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["files"], state["limit"], state["folder"])  # type: ignore[misc]
