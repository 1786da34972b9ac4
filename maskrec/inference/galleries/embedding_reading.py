"""Reading the embeddings of a gallery: two gigabytes of them in seconds, by several threads into one array.

Most of the time is the first touch of the array's memory, which threads share. So a piece of a block is copied to its
place and checked while it is in the processor's cache, and no other memory of this size is taken. Who only looks at
the embeddings gets a block at a time, in memory that is used again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskrec.base.processors import single_threaded_products
from maskrec.inference.galleries.gallery_errors import DamagedGalleryError
from maskrec.inference.galleries.row_blocks import LARGEST_BLOCK, are_unit

Block = TypeVar("Block")

_PIECE = 256 << 10  # bytes, about, that are read, copied and checked at once


class StoredBlock(NamedTuple):
    """A block's embeddings.

    Args:
        place: of the block in the file.
        embeddings: float32 ``(n, d)``, contiguous: what they are read into.
    """

    place: int
    embeddings: NDArray[np.float32]


class BlockSize(NamedTuple):
    """A block whose embeddings are looked at.

    Args:
        place: of the block in the file.
        first: its first face's place among all.
        faces: how many.
    """

    place: int
    first: int
    faces: int


def read_embeddings(readers: Sequence[sqlite3.Connection], blocks: Sequence[StoredBlock]) -> None:
    """Read the embeddings of all blocks, each reader in a thread of its own.

    Args:
        readers: connections that see one moment, at least one.
        blocks: what is read.

    Raises:
        DamagedGalleryError: another length, values that are not finite, rows that are not of unit length.
        sqlite3.Error: the file is damaged.
    """

    def read_all(reader: sqlite3.Connection, waiting: Iterable[StoredBlock]) -> None:
        for block in waiting:
            _read(reader, block)

    _in_threads(readers, blocks, read_all)


def look_at_embeddings(
    readers: Sequence[sqlite3.Connection],
    blocks: Sequence[BlockSize],
    width: int,
    look: Callable[[int, NDArray[np.float32]], None],
) -> None:
    """Show the embeddings of all blocks, a block at a time, in no order; memory for a block a reader is taken.

    Args:
        readers: as above.
        blocks: what is read.
        width: d.
        look: is called in several threads with a block's first face and its embeddings, which it must not keep.

    Raises:
        DamagedGalleryError, sqlite3.Error: as above.
    """

    def show_all(reader: sqlite3.Connection, waiting: Iterable[BlockSize]) -> None:
        held = np.empty((min(LARGEST_BLOCK, max(each.faces for each in blocks)), width), np.float32)
        for block in waiting:
            _read(reader, StoredBlock(block.place, held[: block.faces]))
            look(block.first, held[: block.faces])

    if blocks:
        with single_threaded_products():
            _in_threads(readers, blocks, show_all)


def _in_threads(
    readers: Sequence[sqlite3.Connection],
    blocks: Sequence[Block],
    work: Callable[[sqlite3.Connection, Iterator[Block]], None],
) -> None:
    """All blocks: each reader takes the next one."""
    waiting = iter(blocks)
    if len(readers) == 1:
        work(readers[0], waiting)
        return
    with ThreadPoolExecutor(len(readers)) as pool:
        for done in [pool.submit(work, reader, waiting) for reader in readers]:
            done.result()


def _read(reader: sqlite3.Connection, block: StoredBlock) -> None:
    place, embeddings = block
    rows = max(1, _PIECE // (4 * embeddings.shape[1]))
    with reader.blobopen("blocks", "embeddings", place, readonly=True) as stored:
        if len(stored) != embeddings.nbytes:
            raise DamagedGalleryError("a block's embeddings have another length")
        for first in range(0, len(embeddings), rows):
            piece = embeddings[first : first + rows]
            piece[:] = np.frombuffer(stored.read(piece.nbytes), "<f4").reshape(piece.shape)
            if not are_unit(piece):
                raise DamagedGalleryError("an embedding is not finite or not of unit length")
