"""The .rec and .idx reader against records written here by hand, and against damage."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.images.insightface.recordio import RecordFile
from tests.support.record_writing import write_records

MAGIC = struct.pack("<I", 0xCED7230A)


def _plain(payload: bytes, kind: int = 0) -> bytes:
    """One piece by dmlc-core's description: magic, kind in 3 bits and length in 29, data, zeros to 4 bytes."""
    word = kind * 2**29 + len(payload)
    return MAGIC + struct.pack("<I", word) + payload + b"\0" * ((4 - len(payload) % 4) % 4)


def _record(label: float | tuple[float, ...], key: int, image: bytes) -> bytes:
    if isinstance(label, tuple):
        return struct.pack("<IfQQ", len(label), 0, key, 0) + struct.pack(f"<{len(label)}f", *label) + image
    return struct.pack("<IfQQ", 0, label, key, 0) + image


def _write(folder: Path, records: list[tuple[int, bytes]], index: bool = True) -> Path:
    offset, lines, content = 0, [], b""
    for key, record in records:
        lines.append(f"{key}\t{offset}\n")
        content += _plain(record)
        offset = len(content)
    (folder / "a.rec").write_bytes(content)
    if index:
        (folder / "a.idx").write_text("".join(lines))
    return folder / "a.rec"


# InsightFace's layout: record 0 says where the people's records are; two people, three images.
INSIGHT = [
    (0, _record((4.0, 6.0), 0, b"")),
    (1, _record(0.0, 1, b"one")),
    (2, _record(0.0, 2, b"two2")),
    (3, _record(1.0, 3, b"three")),
    (4, _record((1.0, 3.0), 4, b"")),
    (5, _record((3.0, 4.0), 5, b"")),
]
IMAGES = [(0.0, b"one"), (0.0, b"two2"), (1.0, b"three")]


def test_insightface_layout_gives_images_only(tmp_path: Path) -> None:
    records = RecordFile(_write(tmp_path, INSIGHT))
    assert [records[index] for index in range(len(records))] == IMAGES
    assert records.identities().tolist() == [0, 0, 1]
    with pytest.raises(IndexError):
        records[3]


@pytest.mark.parametrize("end", [3.0, 4.0, 5.0, 6.0])
def test_the_records_are_believed_where_record_0_contradicts_them(tmp_path: Path, end: float) -> None:
    """Record 0 is a float32: above 2**24 its key after the last image is rounded."""
    path = _write(tmp_path, [(0, _record((end, 6.0), 0, b"")), *INSIGHT[1:]])
    records = RecordFile(path)
    assert [records[index] for index in range(len(records))] == IMAGES
    assert records.identities().tolist() == [0, 0, 1]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_an_index_without_record_0_is_read_as_the_scan_reads_the_file(tmp_path: Path, first: int) -> None:
    path = _write(tmp_path, INSIGHT)
    scanned = RecordFile(_write(tmp_path, INSIGHT, index=False))
    lines = path.with_suffix(".idx").read_text().splitlines(keepends=True)
    path.with_suffix(".idx").write_text("".join(lines[first:]))
    records = RecordFile(path)
    wanted = [scanned[index] for index in range(len(scanned))][max(first - 1, 0) :]
    assert [records[index] for index in range(len(records))] == wanted


def test_keys_order_the_images_whatever_the_order_in_the_files(tmp_path: Path) -> None:
    path = _write(tmp_path, [INSIGHT[place] for place in (3, 5, 0, 2, 4, 1)])
    assert [RecordFile(path)[index] for index in range(3)] == IMAGES


def test_without_an_index_the_file_is_scanned(tmp_path: Path) -> None:
    records = RecordFile(_write(tmp_path, INSIGHT, index=False))
    assert [records[index] for index in range(len(records))] == IMAGES


def test_images_with_several_labels_are_images(tmp_path: Path) -> None:
    rows = [(key, _record((float(key), 0.5), key, b"jpg%d" % key)) for key in range(3)]
    for index in (True, False):
        records = RecordFile(_write(tmp_path, rows, index))
        assert records[2] == ((2.0, 0.5), b"jpg2")
        assert records.identity(2) == 2
        (tmp_path / "a.idx").unlink(missing_ok=True)


def test_a_record_in_parts_gets_its_magic_words_back(tmp_path: Path) -> None:
    whole = _record(7.0, 0, b"")
    for parts in (2, 3, 5):
        pieces = [whole, *(bytes([part]) * (4 * part) for part in range(1, parts - 1)), b"end"]
        kinds = [1, *[2] * (parts - 2), 3]
        path = tmp_path / "b.rec"
        path.write_bytes(b"".join(_plain(piece, kind) for piece, kind in zip(pieces, kinds, strict=True)))
        assert RecordFile(path)[0] == (7.0, MAGIC.join(pieces)[len(whole) :])


@settings(max_examples=60, deadline=None)
@given(
    images=st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.sampled_from([MAGIC, b"a", b"\0\0\0\0", b"xyz"]), max_size=6)),
        min_size=1,
        max_size=6,
    ),
    people=st.booleans(),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, images: list[tuple[int, list[bytes]]], people: bool
) -> None:
    path = tmp_path_factory.mktemp("rec") / "w.rec"
    rows = [(float(label), b"".join(pieces)) for label, pieces in images]
    write_records(path, rows, people)
    records = RecordFile(path)
    assert [records[index] for index in range(len(records))] == rows
    assert records.identities().tolist() == [label for label, _ in images]
    path.with_suffix(".idx").unlink()
    scanned = RecordFile(path)
    assert [scanned[index] for index in range(len(scanned))] == rows


def test_the_writer_repeats_itself_and_the_reader_pickles(tmp_path: Path) -> None:
    rows = [((1.0, 2.0), b"abc"), ((1.0, 3.0), b"d")]
    for name in ("a.rec", "b.rec"):
        write_records(tmp_path / name, rows)
    assert (tmp_path / "a.rec").read_bytes() == (tmp_path / "b.rec").read_bytes()
    records = pickle.loads(pickle.dumps(RecordFile(tmp_path / "a.rec")))
    assert records[0] == ((1.0, 2.0), b"abc")
    assert records.label(1) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ("", "no lines"),
        ("0\n", r"a\.idx:1: .*key<TAB>offset"),
        ("0\t0\n1\t-4\n", r"a\.idx:2: .*key<TAB>offset"),
        ("0\tzero\n", "key<TAB>offset"),
        ("0\t0\n0\t36\n", r"a\.idx:2: .*key 0 again"),
        ("0\t0\n1\t0\n", r"a\.idx:2: .*offset 0 again"),
        ("0\t0\n1\t99999999999\n", r"a\.idx:2: .*byte 99999999999"),
        ("0\t0\n1\t40\n", "1 of the 3 images"),
        ("0\t4\n", "no record begins at byte 4"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path: Path, index: str, words: str) -> None:
    path = _write(tmp_path, INSIGHT)
    (tmp_path / "a.idx").write_text(index)
    with pytest.raises(UsageError, match=words):
        RecordFile(path)


def test_a_wrong_offset_in_the_middle_shows_when_it_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path, INSIGHT)
    lines = (tmp_path / "a.idx").read_text().split("\n")
    lines[2] = f"2\t{int(lines[2].split()[1]) + 4}"
    (tmp_path / "a.idx").write_text("\n".join(lines))
    records = RecordFile(path)
    assert records[0] == IMAGES[0]
    with pytest.raises(UsageError, match=r"no record begins at byte \d+; delete a\.idx"):
        records[1]


@pytest.mark.parametrize("index", [True, False])
def test_every_cut_is_found_when_opened(tmp_path: Path, index: bool) -> None:
    content = _write(tmp_path, INSIGHT, index).read_bytes()
    ends = {0}
    for _, record in INSIGHT:
        ends.add(max(ends) + len(_plain(record)))
    for cut in range(len(content)):
        (tmp_path / "a.rec").write_bytes(content[:cut])
        if not index and cut in ends and cut > min(ends - {0}):
            continue  # a whole number of records: nothing shows that there were more
        with pytest.raises(UsageError, match=r"a\.(rec|idx)"):
            RecordFile(tmp_path / "a.rec")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"\xff\xd8\xff\xe0" * 10, "no record begins at byte 0"),
        (_plain(b"short"), "too few for its header"),
        (_plain(_record(1.0, 0, b"x"), kind=2), "no record begins"),
        (_plain(_record(1.0, 0, b"x"), kind=1), "truncated"),
        (_plain(_record(1.0, 0, b"x"), kind=1) + _plain(b"y"), "no record begins"),
        (_plain(struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0) + b"x"), "announces 4294967295 labels"),
        (MAGIC + struct.pack("<I", 2**29 - 1) + b"x" * 40, "needs 536870911 bytes"),
        (_plain(_record((4.0, 6.0), 0, b"")), "none of its records holds an image"),
    ],
)
def test_damage_is_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "d.rec").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        RecordFile(tmp_path / "d.rec")


@pytest.mark.parametrize("label", [-1.0, 0.5, float("nan"), float("inf"), 2.0**24, 1e30])
def test_labels_that_are_not_identities(tmp_path: Path, label: float) -> None:
    records = RecordFile(_write(tmp_path, [(0, _record(label, 0, b"x"))]))
    with pytest.raises(UsageError, match="not a whole number from 0"):
        records.identities()


@pytest.mark.parametrize("end", [float("nan"), 0.0, 1e30, 2.5])
def test_a_record_0_that_announces_nonsense(tmp_path: Path, end: float) -> None:
    path = _write(tmp_path, [(0, _record((end, 6.0), 0, b"")), *INSIGHT[1:]])
    with pytest.raises(UsageError, match=r"record 0"):
        RecordFile(path)


def test_no_file_a_folder_and_a_file_that_shrinks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        RecordFile(tmp_path / "absent.rec")
    with pytest.raises(UsageError, match="not a regular file"):
        RecordFile(tmp_path)
    path = _write(tmp_path, INSIGHT)
    records = RecordFile(path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UsageError, match="shortened it"):
        records[2]
