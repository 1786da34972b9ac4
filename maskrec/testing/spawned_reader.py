"""Reads samples in a process that was started from scratch, as loader processes are on macOS and Windows.

Starting one takes seconds, so one serves all checks of this process.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from typing import Any

_SECONDS = 300.0  # to start and to read

PlainSample = tuple[bytes, tuple[int, ...], int, bool, str]


def plain_sample(sample: Any) -> PlainSample:
    """A sample's pixels, their shape, its label, whether it is masked, and its path."""
    image = sample.image.contiguous()
    return image.numpy().tobytes(), tuple(image.shape), int(sample.label), bool(sample.masked), str(sample.path)


def read_in_new_process(pickled: bytes, indices: Sequence[int]) -> list[PlainSample]:
    """The samples of a pickled data set as another process reads them.

    Raises:
        RuntimeError: the process ended.
        Exception: whatever unpickling or reading raised there.
    """
    try:
        return _process().submit(_read, pickled, list(indices)).result(timeout=_SECONDS)
    except BrokenProcessPool as error:
        _process.cache_clear()
        raise RuntimeError("the process that read it ended") from error


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _read(pickled: bytes, indices: Sequence[int]) -> list[PlainSample]:
    samples = pickle.loads(pickled)
    return [plain_sample(samples[index]) for index in indices]
