"""Byte ranges of a file: exactly what was requested, or one sentence."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from maskrec.base.errors import UsageError
from maskrec.images.random_access import RandomAccessFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "f").write_bytes(bytes(range(256)) * 40)
    return tmp_path / "f"


def test_stretches(path: Path) -> None:
    content = path.read_bytes()
    file = pickle.loads(pickle.dumps(RandomAccessFile(path)))
    for offset, count in [(0, 0), (0, 10240), (10240, 0), (17, 300), (10239, 1)]:
        assert file.read(offset, count) == content[offset : offset + count]
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda place: file.read(place, 9), range(0, 10000, 7)))
    assert pieces == [content[place : place + 9] for place in range(0, 10000, 7)]


@pytest.mark.parametrize(("offset", "count"), [(-1, 2), (0, -1), (0, 10241), (10240, 1), (2**70, 1), (0, 2**62)])
def test_beyond_the_file(path: Path, offset: int, count: int) -> None:
    with pytest.raises(UsageError, match="of 10240"):
        RandomAccessFile(path).read(offset, count)


def test_handles_are_given_back(path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        RandomAccessFile(path).read(0, 1)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_pipes_folders_and_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in [
        ("pipe", "not a regular file"),
        (".", "not a regular file"),
        ("absent", "cannot be read"),
        ("a\0b", "null"),
    ]:
        with pytest.raises(UsageError, match=words):
            RandomAccessFile(tmp_path / name)
