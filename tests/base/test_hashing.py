"""SHA-256 of bytes and of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskrec.base.hashing import file_sha256, sha256_of

_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


def test_bytes_and_a_file_have_the_hash_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(b"abc") == file_sha256(tmp_path / "abc") == _OF_ABC


def test_a_file_of_several_blocks_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "large").write_bytes(content)
    assert file_sha256(tmp_path / "large") == sha256_of(content)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular file"):
        file_sha256(tmp_path / "pipe")
