"""Which hashes are near each other, found by bands instead of comparing all with all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BITS = 256
WORDS = BITS // 64
MOST_BITS = 32


def near_pairs(hashes: NDArray[np.uint64], most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of hashes that differ in at most ``most`` bits.

    Two hashes of ``most`` differing bits, cut into ``most + 1`` bands, agree in at least one band. So only hashes that
    share a band's value are compared. Equal hashes count as one: their pairs form a chain, each with the next, and
    pairs with other hashes name the first of them.

    Args:
        hashes: uint64 ``(n, 4)``.
        most: 0 to ``MOST_BITS``.

    Returns:
        int64 ``(m, 2)`` with the lower index first, sorted, and int64 ``(m,)`` the bits that differ.

    Raises:
        ValueError: another shape, or ``most`` out of range.
    """
    if hashes.ndim != 2 or hashes.shape[1] != WORDS or not 0 <= most <= MOST_BITS:
        raise ValueError(f"expected hashes of shape (n, {WORDS}) and 0 to {MOST_BITS} bits")
    order = np.lexsort(hashes.T)
    ordered = hashes[order]
    equal = (ordered[1:] == ordered[:-1]).all(1)
    chains = np.sort(np.column_stack([order[:-1][equal], order[1:][equal]]), axis=1)
    firsts = order[np.concatenate([[True], ~equal])] if len(order) else order
    found = [chains.astype(np.int64)]
    if most:
        found += [firsts[pairs] for pairs in _unequal_pairs(hashes[firsts], most)]
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs, differing_bits(hashes[pairs[:, 0]], hashes[pairs[:, 1]])


def _unequal_pairs(hashes: NDArray[np.uint64], most: int) -> list[NDArray[np.int64]]:
    edges = np.linspace(0, BITS, most + 2).astype(int)
    found = []
    for start, stop in pairwise(edges):
        band = _band(hashes, int(start), int(stop))
        order = np.argsort(band, kind="stable")
        found += _pairs_of_runs(hashes[order], band[order], order, most)
    return found


def _pairs_of_runs(
    hashes: NDArray[np.uint64], band: NDArray[np.uint64], order: NDArray[np.int64], most: int
) -> list[NDArray[np.int64]]:
    """Near pairs among adjacent hashes with one band value: each with the 1st, 2nd, ... after it."""
    found = []
    rows = np.flatnonzero(band[1:] == band[:-1])
    step = 1
    while len(rows):
        near = rows[differing_bits(hashes[rows], hashes[rows + step]) <= most]
        found.append(np.column_stack([order[near], order[near + step]]))
        step += 1
        rows = rows[rows + step < len(band)]
        rows = rows[band[rows] == band[rows + step]]
    return found


def _band(hashes: NDArray[np.uint64], start: int, stop: int) -> NDArray[np.uint64]:
    """Bits ``start`` to ``stop`` (at most 64 of them beyond the lowest band) folded into one number each."""
    values = np.zeros(len(hashes), np.uint64)
    for word in range(WORDS):
        first, last = max(start, 64 * word) - 64 * word, min(stop, 64 * word + 64) - 64 * word
        if first < last:
            bits = hashes[:, word] >> np.uint64(first)
            if last - first < 64:
                bits = bits & np.uint64((1 << (last - first)) - 1)
            # An odd multiplier keeps the words' bits separate where a band is longer than 64 bits; a collision of two
            # values costs one comparison.
            values = values * np.uint64(0x9E3779B97F4A7C15) + bits
    return values


def differing_bits(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Hamming distances of hashes ``(n, 4)``, int64 ``(n,)``; by adding bits in pairs, nibbles and bytes."""
    bits = left ^ right
    bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.asarray(((bits * np.uint64(0x0101010101010101)) >> np.uint64(56)).sum(1), np.int64)


def groups_of(pairs: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Indices connected by pairs, each group sorted, groups by their first; single indices are omitted."""
    parent = np.arange(size)

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    for left, right in pairs.tolist():
        one, other = root(left), root(right)
        parent[max(one, other)] = min(one, other)
    members = np.unique(pairs)
    roots = np.array([root(int(index)) for index in members], np.int64)
    order = np.argsort(roots, kind="stable")
    cuts = np.flatnonzero(np.diff(roots[order])) + 1
    return np.split(members[order], cuts) if len(members) else []
