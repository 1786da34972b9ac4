"""Memory that loader workers write batches into, used again and again.

Fresh shared memory for every batch costs a large share of the time of decoding: the kernel clears and maps each
of its pages on first access, in the worker and again in this process.
"""

from __future__ import annotations

import math
import mmap
import multiprocessing
import weakref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class SharedBatches:
    """Places for a few batches of uint8 images, shared with processes that are forked afterwards.

    A slot becomes free again once every tensor over it has been released, whoever held one: no memory that a tensor
    still uses is overwritten.

    Args:
        count: how many.
        rows: largest number of images in a batch.
        shape: of an image, ``(3, H, W)``.
        by_pixel: whether images are stored as ``(H, W, 3)``; copying an image of the same layout is fast.
    """

    def __init__(self, count: int, rows: int, shape: tuple[int, ...], by_pixel: bool = False) -> None:
        self.rows, self.shape, self.by_pixel = rows, shape, by_pixel
        self._bytes = rows * math.prod(shape)
        # Anonymous, so that no container's small /dev/shm limits it.
        self._memory = mmap.mmap(-1, count * self._bytes)
        self._free = list(range(count))

    def take(self) -> int | None:
        """A free slot, the most recently used one: its pages are mapped and warm. None when all are in use."""
        return self._free.pop() if self._free else None

    def give_back(self, slot: int) -> None:
        """Release a slot that nobody wrote to."""
        self._free.append(slot)

    def space(self, slot: int) -> NDArray[np.uint8]:
        """Where a worker writes: uint8 ``(rows, *shape)``."""
        return self._array(slot, self.rows)

    def batch(self, slot: int, rows: int) -> Tensor:
        """What a worker wrote: uint8 ``(rows, *shape)``; the slot is free when this and all views of it are gone."""
        array = self._array(slot, rows)
        weakref.finalize(array, self._free.append, slot).atexit = False
        return torch.from_numpy(array)  # holds the array as long as any tensor uses its memory

    def _array(self, slot: int, rows: int) -> NDArray[np.uint8]:
        size = rows * math.prod(self.shape)
        array = np.frombuffer(self._memory, np.uint8, size, slot * self._bytes)
        if self.by_pixel:
            return array.reshape(rows, *self.shape[1:], self.shape[0]).transpose(0, 3, 1, 2)
        return array.reshape(rows, *self.shape)


def buffers_for(image: Tensor | None, rows: int, workers: int) -> SharedBatches | None:
    """Memory for the batches that loader processes have in flight; None where they would not share it.

    Args:
        image: one like all others, uint8 ``(3, H, W)``; None where it is not known.
        rows: largest number of images in a batch.
        workers: number of loader processes.
    """
    if image is None or multiprocessing.get_start_method() != "fork":
        return None
    # Two for each process (a DataLoader's prefetch), one in use, one not yet released, one to spare.
    return SharedBatches(2 * workers + 3, rows, tuple(image.shape), image.permute(1, 2, 0).is_contiguous())
