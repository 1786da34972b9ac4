"""A gallery's rows in memory: the people nearest to a probe, among a million rows in a fraction of a second.

All rows are compared, in float32: for one probe the time is that of reading them from memory once. What is kept of the
similarities is the greatest of every ``_PART`` rows; the parts that can hold one of the nearest people are then looked
at again, and their distances are computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskrec.base.processors import single_threaded_products, usable_processors
from maskrec.metrics.arrays import Floats

Rows32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Answer = TypeVar("Answer")

_BLOCK = 2048  # rows that are multiplied at once: the similarities of 64 probes (512 KiB) stay in the cache
_PART = 32  # rows of which the greatest similarity is kept
_ACROSS = _BLOCK // _PART  # parts of a block
_TURN = 8  # blocks that a thread works on before it takes others
_AT_ONCE = 4096  # rows whose copies are in memory at once

ROUNDING = 1e-4
"""More than one similarity, computed twice in float32, can differ by."""


class NearRows(NamedTuple):
    """The nearest rows to one probe, one a person and mask state.

    Args:
        rows: int64 ``(m,)``, places in the index.
        distances: float64 ``(m,)``, L2, of those rows.
    """

    rows: Indices
    distances: Floats


class _CountedRows:
    """The rows that the parts of one mask state are made of.

    Args:
        masked: int8 ``(n,)``, the mask state of each row.
        state: the one that counts; None: all rows do.
    """

    def __init__(self, masked: NDArray[np.int8], state: int | None) -> None:
        self.rows = np.arange(len(masked)) if state is None else np.flatnonzero(masked == state)
        self.starts = np.searchsorted(self.rows, np.arange(0, len(masked) + _BLOCK, _BLOCK))

    def of_block(self, block: int) -> Indices:
        """Places of a block's rows that count, in the block."""
        return self.rows[self.starts[block] : self.starts[block + 1]] - block * _BLOCK

    def of_parts(self, parts: Indices) -> Indices:
        """The rows of some parts: those of part 0 of a block are the first that counts, and every ``_ACROSS``-th."""
        blocks, first = np.divmod(parts, _ACROSS)
        places = (self.starts[blocks] + first)[:, None] + np.arange(0, _BLOCK, _ACROSS)
        return np.asarray(self.rows[places[places < self.starts[blocks + 1][:, None]]])


class RowIndex:
    """Compares probes with rows; takes no copy of them.

    Args:
        embeddings: float32 ``(n, d)``, contiguous rows of unit length.
        people: int64 ``(n,)``, whose each row is.
        masked: int8 ``(n,)``, the mask state of each: rows of each state are ranked for themselves, because they are
            compared with a probe under another condition.
    """

    def __init__(self, embeddings: Rows32, people: Indices, masked: NDArray[np.int8]) -> None:
        self.embeddings, self.people, self.masked = embeddings, people, masked
        states, counts = np.unique(masked, return_counts=True)
        self.states: list[int] = states.tolist()
        commonest = self.states[int(counts.argmax())] if self.states else None
        self._counted = [_CountedRows(masked, None if each == commonest else each) for each in self.states]

    def __len__(self) -> int:
        return len(self.embeddings)

    def nearest(self, probes: Rows32, people: int) -> list[NearRows]:
        """For each probe the nearest people among the rows of each mask state, each by their nearest row.

        Args:
            probes: float32 ``(p, d)`` of unit length; the work of 64 at once takes some 5 MB a million rows.
            people: how many people, at least 1; fewer where a state has fewer.

        Returns:
            ``p`` answers. The rows of each state follow each other, in order of their distance; rows at one distance
            in their own order.
        """
        best = self._greatest_of_parts(np.ascontiguousarray(probes))
        return self._each(lambda number: self._nearest_of_probe(probes[number], best[:, number], people), len(probes))

    def _greatest_of_parts(self, probes: Rows32) -> Rows32:
        """The greatest similarity of each part's rows of each state: ``(states, p, parts)``, -inf where it has none.

        A part is every ``_BLOCK / _PART``-th of a block's rows that count, so that the maximum is taken over whole
        rows of similarities.
        """
        blocks = -(-len(self) // _BLOCK)
        best = np.empty((len(self.states), len(probes), blocks * _ACROSS), np.float32)
        work = partial(self._fill, probes, best)
        self._each(lambda turn: work(range(turn * _TURN, min((turn + 1) * _TURN, blocks))), -(-blocks // _TURN))
        return best

    def _each(self, work: Callable[[int], Answer], count: int) -> list[Answer]:
        """The answers of so many calls, each with its number; of a large index in threads."""
        if count < 2 or len(self) <= _TURN * _BLOCK:
            return [work(number) for number in range(count)]
        with single_threaded_products(), ThreadPoolExecutor(min(usable_processors(), count)) as pool:
            return list(pool.map(work, range(count)))

    def _fill(self, probes: Rows32, best: Rows32, blocks: range) -> None:
        """Compute the greatest similarities of some blocks' parts."""
        similar = np.empty((_BLOCK, len(probes)), np.float32)  # a row of it is a row of the index
        of_state = np.empty_like(similar)
        for block in blocks:
            rows = self.embeddings[block * _BLOCK : (block + 1) * _BLOCK]
            np.matmul(rows, probes.T, out=similar[: len(rows)])
            for number, each in enumerate(self._counted):
                own = each.of_block(block)
                counted = similar
                if len(own) < len(rows):  # every place is inside; "clip" only saves a copy that "raise" makes
                    np.take(similar, own, axis=0, out=of_state[: len(own)], mode="clip")
                    counted = of_state
                padded = -(-len(own) // _ACROSS) * _ACROSS
                counted[len(own) : padded] = -np.inf
                parts = counted[:padded].reshape(-1, _ACROSS, len(probes))
                best[number, :, block * _ACROSS : (block + 1) * _ACROSS] = parts.max(axis=0, initial=-np.inf).T

    def _nearest_of_probe(self, probe: Rows32, best: Rows32, people: int) -> NearRows:
        each = zip(range(len(self.states)), best, strict=True)
        found = [self._nearest_of_state(probe, number, own, people) for number, own in each]
        if not found:
            return NearRows(np.empty(0, np.int64), np.empty(0))
        return NearRows(*map(np.concatenate, zip(*found, strict=True)))

    def _nearest_of_state(self, probe: Rows32, number: int, best: Rows32, people: int) -> tuple[Indices, Floats]:
        used = int(np.count_nonzero(best > -np.inf))
        taken = min(people + 2, used)  # nearly always enough: each of the nearest people is in a part of their own
        while True:
            parts, rest = _greatest(best, taken)
            rows = self._counted[number].of_parts(parts)
            rows = rows[self.masked[rows] == self.states[number]]
            similar = np.concatenate([self.embeddings[part] @ probe for part in _slices(rows)])
            least = _similarity_of_person(similar, self.people[rows], people) - ROUNDING
            if taken == used or rest < least:
                break
            taken = min(4 * taken, used)
        return self._exact(probe, np.sort(rows[similar >= least]), people)

    def _exact(self, probe: Rows32, rows: Indices, people: int) -> tuple[Indices, Floats]:
        """The nearest people of these rows, by distances in float64."""
        exact = probe.astype(np.float64)
        apart = [np.linalg.norm(self.embeddings[part].astype(np.float64) - exact, axis=1) for part in _slices(rows)]
        distances = np.concatenate(apart)
        order = np.argsort(distances, kind="stable")
        _, firsts = np.unique(self.people[rows[order]], return_index=True)
        chosen = order[np.sort(firsts)[:people]]
        return rows[chosen], distances[chosen]


def _greatest(best: Rows32, taken: int) -> tuple[Indices, float]:
    """The parts of greatest similarity, and the greatest of all others."""
    if taken >= len(best):
        return np.arange(len(best)), -np.inf
    order = np.argpartition(-best, taken)
    return order[:taken], float(best[order[taken]])


def _similarity_of_person(similar: Rows32, people: Indices, number: int) -> float:
    """How similar the ``number``-th person is by their nearest row; -inf where there are fewer."""
    order = np.argsort(-similar, kind="stable")
    _, firsts = np.unique(people[order], return_index=True)
    return float(similar[order[np.sort(firsts)[number - 1]]]) if len(firsts) >= number else -np.inf


def _slices(rows: Indices) -> Iterator[Indices]:
    """Rows, some at a time, at least one slice."""
    for first in range(0, max(len(rows), 1), _AT_ONCE):
        yield rows[first : first + _AT_ONCE]
