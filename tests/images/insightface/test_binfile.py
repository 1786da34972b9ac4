"""Verification files of every pickle protocol; pickles that request anything else are refused and never executed."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.images.insightface.binfile import read_bin

IMAGES = [b"abc", b"\xff\xd8\x00'\"\\\n", b"", b"x"]


def _read(folder: Path, content: bytes) -> tuple[list[bytes], list[bool]]:
    (folder / "v.bin").write_bytes(content)
    pairs = read_bin(folder / "v.bin")
    return pairs.images, pairs.same


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("same", [[True, False], (True, False), [1, 0], [np.True_, np.False_], np.array([True, False])])
def test_every_protocol_and_kind_of_answer(tmp_path: Path, protocol: int, same: Any) -> None:
    assert _read(tmp_path, pickle.dumps((IMAGES, same), protocol)) == (IMAGES, [True, False])


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_images(tmp_path: Path, protocol: int) -> None:
    arrays = [np.frombuffer(image, np.uint8) for image in IMAGES]
    for made in (arrays, [array.copy() for array in arrays], [array.copy()[:, None] for array in arrays]):
        assert _read(tmp_path, pickle.dumps((made, [True, False]), protocol)) == (IMAGES, [True, False])


def test_bytearrays_and_one_image_twice(tmp_path: Path) -> None:
    image = bytearray(b"twice")
    for protocol in range(6):
        assert _read(tmp_path, pickle.dumps(([image, image], [True]), protocol)) == ([b"twice"] * 2, [True])


def test_python_2_wrote_bytes_as_strings(tmp_path: Path) -> None:
    # Protocol 2: PROTO, EMPTY_LIST, MARK, SHORT_BINSTRING, BINSTRING, APPENDS, the answers, TUPLE2, STOP.
    content = b"\x80\x02]q\x00(U\x02\xff\xd8T" + struct.pack("<i", 300) + b"\xfe" * 300 + b"e]\x88a\x86."
    assert _read(tmp_path, content) == ([b"\xff\xd8", b"\xfe" * 300], [True])
    # Protocol 0: text only, a string as its literal.
    assert _read(tmp_path, b"((lp0\nS'\\xff\\'\\n'\np1\naS\"b'\"\nag1\naS''\na(lI01\naI00\nat.") == (
        [b"\xff'\n", b"b'", b"\xff'\n", b""],
        [True, False],
    )


class _Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_tries_to_run_code_does_not(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    for content in (_Runs(mark), ([_Runs(mark), b""], [True]), ([b"", b""], [_Runs(mark)])):
        with pytest.raises(
            UsageError, match=r"v\.bin: the pickle requests (posix|nt)\.mkdir; none of its code was run"
        ):
            _read(tmp_path, pickle.dumps(content, protocol))
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.",
        b"(S'1'\nibuiltins\neval\n.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\nlist\n(I0\ntS'b'\ntR.",
        b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
        b"c_codecs\ndecode\n(Vx\nVlatin1\ntR.",
        b"cnumpy\ndtype\n(Vobject\ntR.",
        b"cnumpy\nndarray\n((I1\nttR.",
        b"cnumpy\nload\n.",
        b"Pid\n.",
        b"\x82\x01.",
        b"\x80\x02}q\x00.",
        b"\x80\x02]}b.",
        b"\x80\x02G" + b"\0" * 8 + b".",
    ],
)
def test_other_instructions_and_names_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="none of its code was run"):
        _read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ((IMAGES, [True]), "4 images and 1 answers"),
        (([], []), "0 images and 0 answers"),
        ((IMAGES, [True, 2]), "answer 1"),
        ((IMAGES, [True, None]), "answer 1"),
        (([*IMAGES[:3], "text"], [True, False]), "image 3"),
        (([*IMAGES[:3], []], [True, False]), "image 3"),
        ((b"images", [True]), "not a list"),
        ((IMAGES, b"same"), "not a list"),
        (IMAGES, "does not hold a pair"),
        (7, "does not hold a pair"),
        (None, "does not hold a pair"),
        (([np.zeros(3, np.int64)] * 2, [True]), "calls dtype"),
        (([np.zeros((2, 2), np.uint8)] * 2, [True]), "shape"),
        (([np.asfortranarray(np.zeros((3, 1), np.uint8))[:, 0]] * 2, [np.float64(1)]), "calls dtype"),
        (OrderedDict(), "OrderedDict"),
        ({}, "EMPTY_DICT"),
        (({1}, [True]), "EMPTY_SET"),
    ],
)
def test_pickles_of_other_things(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _read(tmp_path, pickle.dumps(content, 4))


def test_every_cut_and_everything_behind_the_end(tmp_path: Path) -> None:
    for protocol in (0, 2, 4):
        content = pickle.dumps((IMAGES, [True, False]), protocol)
        for cut in range(len(content)):
            with pytest.raises(UsageError, match=r"v\.bin"):
                _read(tmp_path, content[:cut])
        with pytest.raises(UsageError, match="3 bytes follow"):
            _read(tmp_path, content + b"abc")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",  # 4 EiB of bytes
        b"\x80\x04B" + struct.pack("<I", 2**32 - 1) + b"abc.",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
        b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"]r" + struct.pack("<I", 2**32 - 1) + b".",  # a far memo place
        b"\x80\x02(" * 1000 + b".",
        b"]" + b"(h\x00h\x00t" * 10,
    ],
)
def test_lengths_in_the_file_are_not_trusted(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match=r"v\.bin"):
        _read(tmp_path, content)


def test_nested_doubling_costs_nothing(tmp_path: Path) -> None:
    # Each tuple holds the one before twice: 2^60 leaves when walked, 180 bytes here.
    layers = b"".join(b"\x86q" + bytes([i]) + b"h" + bytes([i]) for i in range(60))
    with pytest.raises(UsageError, match=r"v\.bin"):
        _read(tmp_path, b"\x80\x02NN" + layers + b"\x86.")
    with pytest.raises(UsageError, match=r"v\.bin"):
        _read(tmp_path, b"\x80\x04NN" + layers + b"\x86\x8c\x01a\x93.")


def test_no_file_a_folder_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_bin(tmp_path / "absent.bin")
    with pytest.raises(UsageError, match="not a regular file"):
        read_bin(tmp_path)
    with pytest.raises(UsageError, match=r"v\.bin"):
        _read(tmp_path, b"")


@settings(max_examples=60, deadline=None)
@given(
    images=st.lists(st.binary(max_size=40), min_size=2, max_size=8).filter(lambda images: len(images) % 2 == 0),
    protocol=st.integers(0, 5),
    data=st.data(),
)
def test_what_pickle_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, images: list[bytes], protocol: int, data: st.DataObject
) -> None:
    same = data.draw(st.lists(st.booleans(), min_size=len(images) // 2, max_size=len(images) // 2))
    folder = tmp_path_factory.mktemp("bin")
    assert _read(folder, pickle.dumps((images, same), protocol)) == (images, same)
