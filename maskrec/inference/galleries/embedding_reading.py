"""Reading the embeddings of a gallery: two gigabytes of them in seconds, by several threads into one array.

Most of the time is the first touch of the array's memory, which threads share. So a piece of a block is copied to its
place and checked while it is in the processor's cache, and no other memory of this size is taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.inference.galleries.gallery_errors import DamagedGalleryError
from maskrec.inference.galleries.row_blocks import are_unit

_PIECE = 256 << 10  # bytes, about, that are read, copied and checked at once


class StoredBlock(NamedTuple):
    """A block's embeddings.

    Args:
        place: of the block in the file.
        embeddings: float32 ``(n, d)``, contiguous: what they are read into.
    """

    place: int
    embeddings: NDArray[np.float32]


def read_embeddings(readers: Sequence[sqlite3.Connection], blocks: Sequence[StoredBlock]) -> None:
    """Read the embeddings of all blocks, each reader in a thread of its own.

    Args:
        readers: connections that see one moment, at least one.
        blocks: what is read.

    Raises:
        DamagedGalleryError: another length, values that are not finite, rows that are not of unit length.
        sqlite3.Error: the file is damaged.
    """
    waiting = iter(blocks)  # each thread takes the next one
    if len(readers) == 1:
        _read(readers[0], waiting)
        return
    with ThreadPoolExecutor(len(readers)) as pool:
        for done in [pool.submit(_read, reader, waiting) for reader in readers]:
            done.result()


def _read(reader: sqlite3.Connection, blocks: Iterator[StoredBlock]) -> None:
    for place, embeddings in blocks:
        rows = max(1, _PIECE // (4 * embeddings.shape[1]))
        with reader.blobopen("blocks", "embeddings", place, readonly=True) as stored:
            if len(stored) != embeddings.nbytes:
                raise DamagedGalleryError("a block's embeddings have another length")
            for first in range(0, len(embeddings), rows):
                piece = embeddings[first : first + rows]
                piece[:] = np.frombuffer(stored.read(piece.nbytes), "<f4").reshape(piece.shape)
                if not are_unit(piece):
                    raise DamagedGalleryError("an embedding is not finite or not of unit length")
