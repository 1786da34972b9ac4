"""SHA-256 of bytes and of files, in hexadecimal."""

from __future__ import annotations

import hashlib
from pathlib import Path

from maskrec.base.regular_files import open_regular

_BLOCK = 1 << 20


def sha256_of(content: bytes) -> str:
    """SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file, as 64 hexadecimal digits; a block of the file at a time is in memory.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
