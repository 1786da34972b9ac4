"""The file of error rates: the same back, and one sentence for any file that is not as expected."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_people import some_people

from maskrec.metrics import Risk, count_risk, read_risk, risk_bytes, write_risk
from maskrec.metrics.distance_counts import MOST_PEOPLE

FIELDS = ("genuine", "impostor", "grid", "false", "comparisons")


@pytest.fixture(scope="module")
def risk() -> Risk:
    return count_risk(*some_people(25, 2, seed=1))


@pytest.fixture(scope="module")
def content(risk: Risk) -> bytes:
    return risk_bytes(risk)


def arrays_of(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return dict(file)


def packed(arrays: dict[str, Any], **changed: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **{**arrays, **changed})
    return stream.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(ValueError, match=r"^best\.risk\.npz is not a file of error rates: ") as caught:
        read_risk(content, "best.risk.npz")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_same_comes_back(risk: Risk, tmp_path: Path) -> None:
    write_risk(tmp_path / "best.risk.npz", risk)
    content = (tmp_path / "best.risk.npz").read_bytes()
    again = read_risk(content, "best.risk.npz")
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again.counts, name), getattr(risk.counts, name))
        assert getattr(again.counts, name).dtype == np.int64
    assert again.threshold("one_masked", 0.05) == risk.threshold("one_masked", 0.05)
    assert again.probability("bare", 0.9) == risk.probability("bare", 0.9)
    assert risk_bytes(again) == content
    assert [path.name for path in tmp_path.iterdir()] == ["best.risk.npz"]


def test_it_is_small_and_holds_numbers_only(content: bytes) -> None:
    arrays = arrays_of(content)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}
    assert len(content) < sum(array.nbytes for array in arrays.values()) / 10


def test_damaged_bytes_are_one_sentence(content: bytes, risk: Risk) -> None:
    draw = random.Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        if draw.random() < 0.3:
            del damaged[draw.randrange(len(damaged)) :]
        else:
            for _ in range(draw.randint(1, 4)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        again = None
        with suppress(ValueError):
            again = read_risk(bytes(damaged), "best.risk.npz")
        if again is None:
            refused(bytes(damaged))
        else:  # a date or another field that says nothing
            assert all((getattr(again.counts, name) == getattr(risk.counts, name)).all() for name in FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_changed_numbers_are_noticed(content: bytes, name: str) -> None:
    arrays, draw = arrays_of(content), random.Random(name)
    for _ in range(10):
        changed = arrays[name].copy()
        place = np.unravel_index(draw.randrange(changed.size), changed.shape)
        if name == "genuine":  # nothing else says how many there were
            changed[place] = draw.choice([-1, -(2**60), 2**62])
        elif name == "grid":
            changed[place] = draw.choice([-1, 4097, 2**40]) if draw.random() < 0.5 else 4096
        else:
            changed[place] += draw.choice([-(2**50), -1, 1, 2**30, 2**62])
        if not (changed == arrays[name]).all():
            refused(packed(arrays, **{name: changed}))


def test_numbers_that_contradict_each_other_are_said(content: bytes) -> None:
    arrays = arrays_of(content)
    grid = arrays["grid"].copy()
    assert "do not rise" in refused(packed(arrays, grid=grid[:, ::-1].copy()))
    assert "comparisons do not add up" in refused(packed(arrays, comparisons=arrays["comparisons"] + 1))
    assert "false accepts do not add up" in refused(packed(arrays, false=arrays["false"][:, :, ::-1].copy()))
    moved = arrays["comparisons"].copy()
    moved[0, 0], moved[0, 1] = 0, moved[0, 0] + moved[0, 1]
    assert "more false accepts than comparisons" in refused(packed(arrays, comparisons=moved))
    assert "numbers outside 0 to" in refused(packed(arrays, genuine=arrays["genuine"] - 1))


@pytest.mark.parametrize("name", FIELDS)
def test_other_types_and_shapes_are_refused(content: bytes, name: str) -> None:
    arrays = arrays_of(content)
    array = arrays[name]
    for other in (
        array.astype(np.float64),
        array.astype(np.int32),
        array.astype(">i8"),
        array[1:],
        array[..., None],
        np.asfortranarray(array),
        np.zeros((0,)),
        np.int64(3),
        np.array(["a"]),
    ):
        refused(packed(arrays, **{name: other}))


def test_members_are_those_expected(content: bytes) -> None:
    arrays = arrays_of(content)
    for name in FIELDS:
        assert "expected the arrays" in refused(packed({key: value for key, value in arrays.items() if key != name}))
    assert "expected the arrays" in refused(packed(arrays, names=np.array(["Ann"])))
    assert "has no version" in refused(packed({key: value for key, value in arrays.items() if key != "version"}))
    assert "version 2, and this program reads version 1" in refused(packed({}, version=np.int64(2)))
    twice = io.BytesIO(content)
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("grid.npy", b"")
    assert "expected the arrays" in refused(twice.getvalue())


def test_nothing_is_unpickled(content: bytes) -> None:
    arrays = arrays_of(content)
    with_objects = packed(arrays, grid=np.array([{"a": 1}], dtype=object))
    assert "expected int64" in refused(with_objects)
    assert "damaged or is not an .npz" in refused(pickle.dumps({"grid": [1]}))
    assert "damaged or is not an .npz" in refused(b"")
    assert "damaged or is not an .npz" in refused(b"PK\x05\x06" + bytes(10))


def test_a_small_file_does_not_become_a_large_one(content: bytes) -> None:
    """A header that claims much, much more data than the shape needs, and another kind of compression."""
    arrays = arrays_of(content)
    claimed = np.lib.format.magic(1, 0) + struct.pack("<H", 118)
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': (3, {2**40}), }}"
    huge = claimed + header.ljust(117).encode() + b"\n" + bytes(64)
    assert f"1 to {MOST_PEOPLE} people" in refused(_with_member(arrays, "comparisons.npy", huge))
    longer = io.BytesIO()
    np.save(longer, arrays["comparisons"])
    much = longer.getvalue() + bytes(200 << 20)
    sentence = refused(_with_member(arrays, "comparisons.npy", much))
    assert f"has {arrays['comparisons'].nbytes + 1} bytes of numbers" in sentence
    assert "other than deflate" in refused(_with_member(arrays, "grid.npy", b"", zipfile.ZIP_BZIP2))
    assert "more than 64 MiB" in refused(content + bytes(64 << 20))


def _with_member(arrays: dict[str, Any], name: str, data: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for array, value in arrays.items():
            if f"{array}.npy" != name:
                part = io.BytesIO()
                np.save(part, value)
                archive.writestr(f"{array}.npy", part.getvalue())
        archive.writestr(name, data, compression)
    return stream.getvalue()
