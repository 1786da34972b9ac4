"""The file of searched galleries: the same back, and one sentence for any file that is not as expected."""

from __future__ import annotations

import io
import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from compared_people import some_people

from maskrec.metrics import MeasuredGalleries, galleries_bytes, measure_galleries, read_galleries, risk_bytes
from maskrec.metrics.risk import count_risk

NAME = "galleries.npz"
FIELDS = ("sizes", "people", "draws", "nearest", "own", "first", "grid", "effective")


@pytest.fixture(scope="module")
def measured() -> MeasuredGalleries:
    return measure_galleries(*some_people(24, 2, seed=1), draws=5)


@pytest.fixture(scope="module")
def content(measured: MeasuredGalleries) -> bytes:
    return galleries_bytes(measured)


def changed(content: bytes, **arrays: Any) -> bytes:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        found = {**file, **arrays}
    stream = io.BytesIO()
    np.savez(stream, **found)
    return stream.getvalue()


def array_of(content: bytes, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return np.asarray(file[name])


def refused(content: bytes) -> str:
    with pytest.raises(ValueError, match=r"^galleries\.npz is not a file of searched galleries: ") as caught:
        read_galleries(content, NAME)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_same_comes_back(measured: MeasuredGalleries, content: bytes) -> None:
    again = read_galleries(content, NAME)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again.counts, name), getattr(measured.counts, name))
    assert again.fpir("one_masked", 1.2, 7) == measured.fpir("one_masked", 1.2, 7)
    assert again.fnir("one_masked", 1.2, 7) == measured.fnir("one_masked", 1.2, 7)
    assert galleries_bytes(again) == content
    assert len(content) < 100_000


def test_it_holds_numbers_only(content: bytes) -> None:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        assert {array.dtype for array in file.values()} == {np.dtype(np.int64)}
        assert set(file) == {"version", *FIELDS}


def test_damaged_bytes_are_one_sentence(content: bytes, measured: MeasuredGalleries) -> None:
    draw = random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        if draw.random() < 0.3:
            del damaged[draw.randrange(len(damaged)) :]
        else:
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        again = None
        with suppress(ValueError):
            again = read_galleries(bytes(damaged), NAME)
        if again is None:
            refused(bytes(damaged))
        else:  # a date or another field that says nothing
            assert all(np.array_equal(getattr(again.counts, n), getattr(measured.counts, n)) for n in FIELDS)


def test_numbers_that_contradict_each_other_are_said(content: bytes) -> None:
    for name, value, said in (
        ("sizes", array_of(content, "sizes")[::-1].copy(), "sizes do not rise"),
        ("sizes", array_of(content, "sizes") - 1, "sizes do not rise"),
        ("grid", array_of(content, "grid")[..., ::-1].copy(), "thresholds do not rise within 0 to 4096"),
        ("grid", array_of(content, "grid") + 4096, "thresholds do not rise within 0 to 4096"),
        ("people", array_of(content, "people") // 2, "more rows than people outside"),
        ("nearest", array_of(content, "nearest") * 1000, "more searches than its galleries allow"),
        ("own", array_of(content, "own") + array_of(content, "first") * 1000, "more searches than its galleries allow"),
        ("first", array_of(content, "own") + 1, "find their own row first than there are"),
        ("effective", array_of(content, "effective") * 0, "worth fewer than one"),
        ("effective", array_of(content, "effective") + 10**6, "or more than all"),
        ("draws", np.int64(0), "more searches than its galleries allow"),
    ):
        assert said in refused(changed(content, **{name: value})), name
    left_out = array_of(content, "nearest").copy()
    left_out[0, 1] = 0
    assert "a size is left out" in refused(changed(content, nearest=left_out))


def test_other_types_shapes_and_versions_are_refused(content: bytes) -> None:
    for name in FIELDS:
        array = array_of(content, name)
        for other in (array.astype(np.float64), array[..., None], np.zeros(0), np.array(["a"]), array - 2**40):
            refused(changed(content, **{name: other}))
    assert "version 2, and this program reads version 1" in refused(changed(content, version=np.int64(2)))
    assert "1 to 32 sizes" in refused(changed(content, sizes=np.arange(1, 40)))
    assert "expected the arrays version, sizes" in refused(changed(content, names=np.array(["Ann"])))
    assert "expected the arrays" in refused(risk_bytes(count_risk(*some_people(20, 2, seed=1))))
    assert "more than 8 MiB" in refused(content + bytes(8 << 20))
