"""The finder of near hashes against comparing all with all, and the hash against what usually happens to copies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskrec.preparation.checking.examining import perceptual_hash
from maskrec.preparation.checking.near_duplicates import MOST_BITS, differing_bits, groups_of, near_pairs


def plain_bits(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> int:
    return sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(left, right, strict=True))


def plain_groups(hashes: NDArray[np.uint64], most: int) -> list[list[int]]:
    """Groups by comparing all with all and spreading marks until nothing changes."""
    marks = list(range(len(hashes)))
    changed = True
    while changed:
        changed = False
        for i in range(len(hashes)):
            for j in range(i):
                if marks[i] != marks[j] and plain_bits(hashes[i], hashes[j]) <= most:
                    marks[i] = marks[j] = min(marks[i], marks[j])
                    changed = True
    groups = [[i for i, mark in enumerate(marks) if mark == one] for one in sorted(set(marks))]
    return [group for group in groups if len(group) > 1]


@st.composite
def crowded_hashes(draw: st.DrawFn) -> tuple[NDArray[np.uint64], int]:
    """Few hashes with flipped bits around them, so that distances lie on both sides of the limit."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = draw(st.integers(0, MOST_BITS))
    seeds = generator.integers(0, 2, (draw(st.integers(1, 4)), 256), np.uint8)
    bits = seeds[generator.integers(0, len(seeds), draw(st.integers(0, 24)))]
    for row in bits:
        row[generator.choice(256, generator.integers(0, most + 4), replace=False)] ^= 1
    if draw(st.booleans()):
        bits[:, :200] = 0  # many bands in common
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1, 4), most


@settings(deadline=None, max_examples=150)
@given(crowded_hashes())
def test_pairs_are_those_of_comparing_all_with_all(drawn: tuple[NDArray[np.uint64], int]) -> None:
    hashes, most = drawn
    pairs, bits = near_pairs(hashes, most)
    told = {(int(i), int(j)): int(d) for (i, j), d in zip(pairs, bits, strict=True)}
    assert all(i < j for i, j in told)
    assert all(plain_bits(hashes[i], hashes[j]) == d <= most for (i, j), d in told.items())
    first = [next(j for j in range(i + 1) if (hashes[j] == hashes[i]).all()) for i in range(len(hashes))]
    for i in range(len(hashes)):
        for j in range(i):
            if first[i] == i and first[j] == j and plain_bits(hashes[i], hashes[j]) <= most:
                assert (j, i) in told
    assert [group.tolist() for group in groups_of(pairs, len(hashes))] == plain_groups(hashes, most)


def test_equal_hashes_are_a_chain_and_not_all_pairs() -> None:
    hashes = np.zeros((5000, 4), np.uint64)
    pairs, bits = near_pairs(hashes, 12)
    assert len(pairs) == 4999
    assert not bits.any()
    (group,) = groups_of(pairs, 5000)
    assert len(group) == 5000


@pytest.mark.parametrize("most", [-1, MOST_BITS + 1])
def test_a_limit_out_of_range_is_refused(most: int) -> None:
    with pytest.raises(ValueError, match="expected hashes of shape"):
        near_pairs(np.zeros((2, 4), np.uint64), most)


def test_bits_are_counted_in_every_place() -> None:
    ones = (np.uint64(1) << np.arange(64, dtype=np.uint64))[:, None] * np.ones((1, 4), np.uint64)
    assert differing_bits(ones, np.zeros_like(ones)).tolist() == [4] * 64
    assert differing_bits(~np.zeros((1, 4), np.uint64), np.zeros((1, 4), np.uint64)).tolist() == [256]


def scene(seed: int, size: int = 160) -> NDArray[np.uint8]:
    """A photo-like picture: blurred blobs and some noise."""
    generator = np.random.default_rng(seed)
    coarse = cv2.resize(generator.random((12, 12)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(coarse * 200 + 20 + generator.normal(0, 4, coarse.shape), 0, 255), np.uint8)


def bits_between(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return plain_bits(perceptual_hash(one), perceptual_hash(other))


@pytest.mark.parametrize("seed", range(8))
def test_copies_are_near_and_other_pictures_far(seed: int) -> None:
    picture = scene(seed)
    saved = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_GRAYSCALE)
    half = cv2.resize(picture, (80, 80), interpolation=cv2.INTER_AREA)
    lighter = np.asarray(np.clip(picture.astype(float) * 0.9 + 20, 0, 255), np.uint8)
    for copy in (saved, half, lighter):
        assert bits_between(picture, np.asarray(copy, np.uint8)) <= 12
    assert bits_between(picture, scene(seed + 100)) > 50
    assert bits_between(picture, picture[:, ::-1]) > 50
