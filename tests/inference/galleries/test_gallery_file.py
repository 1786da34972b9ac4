"""A gallery's file: what is added is found again, under one spelling of each name."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_galleries import MODEL, new_face, small_gallery

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.inference.galleries import gallery_connection
from maskrec.inference.galleries.enrolled import FaceQuality, NewFace
from maskrec.inference.galleries.gallery_connection import GalleryConnection
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.gallery_reading import read_faces


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.gallery"


def test_what_is_added_is_there_when_opened_again(path: Path) -> None:
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add("Ann", [new_face(1, masked=True), new_face(2, masked=False)])
        gallery.add("Bob", [new_face(3, photo=b"the photo")])
        added = gallery.add("Ann", [new_face(4, masked=False)])
    assert added[:5] == ("Ann", 3, 1, 2, 0)
    with GalleryFile.open(path) as gallery:
        faces, people = gallery.faces(), gallery.people()
        photos = list(gallery.kept_photos())
        assert gallery.model == MODEL
        assert list(gallery.kept_photos("Ann")) == []
    assert photos == list(photos) == [("Bob", "shot_3.jpg", b"the photo")]
    assert [person[:5] for person in people] == [("Ann", 3, 1, 2, 0), ("Bob", 1, 0, 0, 1)]
    assert [person.photos_kept for person in people] == [0, 1]
    assert people[0].added[0] <= people[0].added[1]
    assert faces.names == ("Ann", "Bob")
    assert faces.ids.tolist() == [1, 2, 3, 4]
    assert faces.people.tolist() == [0, 0, 1, 0]
    assert faces.masked.tolist() == [1, 0, -1, 0]
    given = [new_face(seed) for seed in (1, 2, 3, 4)]
    assert faces.photo_names == tuple(face.photo_name for face in given)
    assert tuple(faces.photo_sha256) == tuple(face.photo_sha256 for face in given)
    assert (faces.photo_sha256[0], len(faces.photo_sha256[1:])) == (given[0].photo_sha256, 3)
    np.testing.assert_array_equal(faces.embeddings, [face.embedding for face in given])
    np.testing.assert_array_equal(faces.quality[:, 0], [41.0, 42.0, 43.0, 44.0])
    assert np.isnan(faces.quality[:, 2]).all()


def test_several_readers_read_what_one_reads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add_many((f"person {number}", [new_face(number)]) for number in range(3))
        gallery.add("Ann", [new_face(number, masked=True) for number in range(10, 14)])
    monkeypatch.setattr(gallery_connection, "_CHECKED_WHOLE", 0)
    monkeypatch.setattr(gallery_connection, "usable_processors", lambda: 3)
    given = [new_face(seed).embedding for seed in (0, 1, 2, 10, 11, 12, 13)]
    connection = GalleryConnection(path, write=False)
    with connection.reading_at_once() as readers:
        assert len(readers) == 3
        with GalleryFile.open(path, write=True) as other:
            other.add("Bob", [new_face(20)])
        np.testing.assert_array_equal(read_faces(readers, MODEL.width).embeddings, given)
    connection.close()
    with sqlite3.connect(path) as damage:
        damage.execute("UPDATE blocks SET embeddings = zeroblob(length(embeddings)) WHERE id = 2")
    damage.close()
    with GalleryFile.open(path) as gallery, pytest.raises(UsageError, match="not finite or not of unit length"):
        gallery.faces()


def test_a_reader_that_sees_another_moment_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_gallery(path, {"Ann": 1})
    monkeypatch.setattr(gallery_connection, "_CHECKED_WHOLE", 0)
    monkeypatch.setattr(gallery_connection, "usable_processors", lambda: 2)
    connection = GalleryConnection(path, write=False)
    opened = connection._opened

    def opened_later(mode: str) -> sqlite3.Connection:
        connection.sqlite.execute("SELECT count(*) FROM people").fetchone()  # the first reader's moment
        with GalleryFile.open(path, write=True) as other:
            other.add("Bob", [new_face(20)])
        return opened(mode)

    monkeypatch.setattr(connection, "_opened", opened_later)
    with connection.reading_at_once() as readers:
        assert [read_faces(readers, MODEL.width).names, len(readers)] == [("Ann",), 1]
    connection.close()


def test_a_disk_that_is_mounted_read_only_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounting takes a right that tests do not have, so the system's two answers are replaced."""
    small_gallery(path, {"Ann": 1})
    mounted = os.statvfs_result((4096, 4096, 9, 9, 9, 9, 9, 9, os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(UsageError, match="its file is read-only; change its permissions"):
        GalleryFile.open(path, write=True)
    monkeypatch.setattr(os, "statvfs", lambda place: mounted)
    with pytest.raises(UsageError, match="its disk is mounted read-only; copy it to another disk"):
        GalleryFile.open(path, write=True)


def test_reading_leaves_nothing_beside_the_gallery(path: Path) -> None:
    small_gallery(path, {"Ann": 2})
    before = path.read_bytes()
    with GalleryFile.open(path) as first:
        with GalleryFile.open(path) as second:
            assert len(second.people()) == 1
        assert len(list(path.parent.iterdir())) == 3  # the first one still uses them
        assert len(first.faces().ids) == 2
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before
    with GalleryFile.open(path, write=True) as writer:
        writer.add("Bob", [new_face(9)])
        with GalleryFile.open(path) as reader:
            assert len(reader.people()) == 2
        assert Path(f"{path}-wal").stat().st_size  # what is not in the file yet stays


def test_an_empty_gallery(path: Path) -> None:
    GalleryFile.create(path, MODEL).close()
    with GalleryFile.open(path) as gallery:
        assert gallery.people() == []
        assert gallery.faces().embeddings.shape == (0, MODEL.width)


def test_many_small_additions_become_few_blocks_in_any_sizes(path: Path) -> None:
    """As many as a plain list holds; additions are rewritten into blocks, none of which is lost."""
    rng, expected = np.random.default_rng(0), {}
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add_many((f"P{i}", [new_face(i)]) for i in range(130))
        expected |= {i + 1: f"P{i}" for i in range(130)}
        for turn in range(24):
            count, name = int(rng.choice([1, 1, 1, 17, 40])), f"P{rng.integers(150)}"
            first = 1000 + 100 * turn
            gallery.add(name, [new_face(first + i) for i in range(count)])
            expected |= {len(expected) + 1 + i: name for i in range(count)}
        faces = gallery.faces()
    assert {int(face): faces.names[place] for face, place in zip(faces.ids, faces.people, strict=True)} == expected
    by_name = dict(zip(faces.photo_names, faces.embeddings, strict=True))
    np.testing.assert_array_equal(by_name["shot_17.jpg"], new_face(17).embedding)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM blocks").fetchone()[0] < 20
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_addition_does_not_rewrite_the_gallery(path: Path) -> None:
    """What one more face writes does not grow with the gallery."""
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add_many((f"P{i}", [new_face(i)]) for i in range(300))
    reader = GalleryFile.open(path)  # keeps the log
    with GalleryFile.open(path, write=True) as gallery:
        for i in range(5000, 5010):
            before = path.with_name(path.name + "-wal").stat().st_size
            gallery.add("P7", [new_face(i)])
            assert path.with_name(path.name + "-wal").stat().st_size - before < 40_000
    reader.close()


def test_all_people_of_one_call_or_none(path: Path) -> None:
    small_gallery(path, {"Ann": 1})
    with GalleryFile.open(path, write=True) as gallery:
        with pytest.raises(UsageError, match="another spelling, Ann"):
            gallery.add_many([("Bob", [new_face(50)]), ("ANN", [new_face(51)])])
        assert [person.name for person in gallery.people()] == ["Ann"]
        assert gallery.revision == 1
        gallery.add("Bob", [new_face(50)])
        assert gallery.revision == 2


@pytest.mark.parametrize("other", ["zoe\u0308 BELL", "Zo\u00eb_Bell", "ZO\u00cb  BELL"])
def test_another_spelling_of_a_name_is_refused_and_named(path: Path, other: str) -> None:
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add("Zoe\u0308 Bell", [new_face(1)])  # kept in NFC
        with pytest.raises(UsageError, match="in another spelling, Zo\u00eb Bell; use that"):
            gallery.add(other, [new_face(2)])
        with pytest.raises(UsageError, match="in another spelling, Zo\u00eb Bell; use that"):
            gallery.remove(other)
        assert [person.name for person in gallery.people()] == ["Zo\u00eb Bell"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        (" _ ", "is empty"),
        ("Ann\x1b[31m", r"Ann\\x1b\[31m has characters that cannot be seen"),
        ("Ann\u202enna", r"Ann\\u202enna has characters"),
        ("Ann\nBob", r"Ann\\nBob has characters"),
        ("\udcff", r"\\udcff has characters"),
        ("x" * 201, "x{40}... has 201 characters; use 200 at most"),
    ],
)
def test_names_that_cannot_be_kept(path: Path, name: str, said: str) -> None:
    with GalleryFile.create(path, MODEL) as gallery:
        with pytest.raises(UsageError, match=said):
            gallery.add(name, [new_face(1)])
        assert gallery.people() == []


def test_a_photo_is_enrolled_once_for_a_person(path: Path) -> None:
    with GalleryFile.create(path, MODEL) as gallery:
        with pytest.raises(UsageError, match=r"shot_1\.jpg is a photo that Ann has already; leave it out"):
            gallery.add("Ann", [new_face(1), new_face(1)])
        gallery.add("Ann", [new_face(1)])
        with pytest.raises(UsageError, match=r"shot_1\.jpg is a photo that Ann has already; leave it out"):
            gallery.add("Ann", [new_face(2), new_face(1)])
        gallery.add("Bob", [new_face(1)])  # two people in one photo
        no_file = NewFace(new_face(3).embedding, None, FaceQuality(), "array", "")
        gallery.add("Bob", [no_file, no_file])
        assert [person.faces for person in gallery.people()] == [1, 3]


@pytest.mark.parametrize(
    "face",
    [
        new_face(1, width=31),
        NewFace(2 * new_face(1).embedding, None, FaceQuality(), "", ""),
        NewFace(np.full(32, np.nan, np.float32), None, FaceQuality(), "", ""),
        NewFace(new_face(1).embedding.astype(np.float64), None, FaceQuality(), "", ""),  # type: ignore[arg-type]
        NewFace(new_face(1).embedding, None, FaceQuality(float("inf")), "", ""),
        NewFace(new_face(1).embedding, None, FaceQuality(), "", "12"),
    ],
    ids=["width", "length", "nan", "dtype", "quality", "hash"],
)
def test_faces_that_are_none(path: Path, face: NewFace) -> None:
    with GalleryFile.create(path, MODEL) as gallery:
        with pytest.raises(ValueError, match="a face of Ann: "):
            gallery.add("Ann", [face])
        with pytest.raises(ValueError, match="Ann: expected a face at least"):
            gallery.add("Ann", [])
        assert gallery.people() == []


def test_a_photo_name_that_is_not_unicode(path: Path) -> None:
    face = new_face(1, photo=b"x")
    odd = NewFace(face.embedding, None, face.quality, os.fsdecode(b"a\xff.jpg"), face.photo_sha256, face.photo)
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add("Ann", [odd])
        assert gallery.faces().photo_names == ("a\udcff.jpg",)
        assert [name for _, name, _ in gallery.kept_photos()] == ["a\udcff.jpg"]


def test_a_gallery_of_another_model_is_refused(path: Path) -> None:
    small_gallery(path, {"Ann": 1})
    with GalleryFile.open(path) as gallery:
        gallery.require_model(MODEL._replace(words="the same elsewhere"))
        with pytest.raises(UsageError, match=r"another model \(a tiny model\), not of a new one; .* gallery rebuild"):
            gallery.require_model(MODEL._replace(fingerprint="cd" * 32, words="a new one"))


def test_nobody_of_that_name(path: Path) -> None:
    small_gallery(path, {"Ann Lee": 1, "Bob": 1})
    with GalleryFile.open(path, write=True) as gallery:
        with pytest.raises(UsageError, match=r"Anne Lee is not among the 2 people of .*; did you mean Ann Lee\?"):
            gallery.remove("Anne Lee")
        assert not gallery.unwiped


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_only_the_owner_may_read_it_whatever_the_umask(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with GalleryFile.create(path, MODEL) as gallery:
            gallery.add("Ann", [new_face(1)])
            with GalleryFile.open(path) as reader:
                reader.people()
            found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert found == {f"people.gallery{ending}": 0o600 for ending in ("", "-wal", "-shm")}


def test_a_file_that_exists_is_not_made_a_gallery(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(UsageError, match="already exists; name a new file"):
        GalleryFile.create(path, MODEL)
    assert path.read_text() == "mine"
    small_gallery(path.with_name("other"), {"Ann": 1})
    with pytest.raises(UsageError, match="already exists"):
        GalleryFile.create(path.with_name("other"), MODEL)
    with pytest.raises(UsageError, match="is not a folder; create it first"):
        GalleryFile.create(path / "x", MODEL)
    with pytest.raises(UsageError, match="is not a folder; create it first"):
        GalleryFile.create(path.with_name("nowhere") / "x", MODEL)


def test_an_empty_file_is_a_gallery_whose_making_was_interrupted(path: Path) -> None:
    path.touch(0o644)
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add("Ann", [new_face(1)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to write past that, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 4096, 10_000])
def test_a_full_disk_when_a_gallery_is_made(path: Path, size: int) -> None:
    with no_file_larger_than(size), pytest.raises(MaskrecError, match="could not be written") as error:
        GalleryFile.create(path, MODEL)
    assert error.value.exit_code == 1
    assert list(path.parent.iterdir()) == []


def test_a_full_disk_when_people_are_added_or_removed(path: Path) -> None:
    small_gallery(path, {"Ann": 3, "Bob": 40})
    with GalleryFile.open(path, write=True) as gallery:
        with no_file_larger_than(5000):
            with pytest.raises(MaskrecError, match=r"could not be written .*; free some space") as error:
                gallery.add("Cid", [new_face(100)])
            assert error.value.exit_code == 1
            with pytest.raises(MaskrecError, match="could not be written"):
                gallery.remove("Bob")
        assert [person.name for person in gallery.people()] == ["Ann", "Bob"]
        gallery.add("Cid", [new_face(100)])
        assert gallery.remove("Bob").wiped
    with GalleryFile.open(path) as gallery:
        assert [person.name for person in gallery.people()] == ["Ann", "Cid"]


def test_another_process_writes_for_longer_than_the_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskrec.inference.galleries.gallery_connection.WAIT", 0.05)
    small_gallery(path, {"Ann": 1})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with GalleryFile.open(path, write=True) as gallery:
        with pytest.raises(MaskrecError, match=r"is in use by another process .*; try again later") as error:
            gallery.add("Bob", [new_face(5)])
        assert error.value.exit_code == 1
        assert len(gallery.faces().ids) == 1  # reading goes on
        other.execute("ROLLBACK")
        gallery.add("Bob", [new_face(5)])
    other.close()


def test_a_closed_gallery_is_a_mistake_of_the_program(path: Path) -> None:
    small_gallery(path, {"Ann": 1})
    gallery = GalleryFile.open(path)
    gallery.close()
    with pytest.raises(sqlite3.ProgrammingError):
        gallery.people()
    with GalleryFile.open(path) as gallery, pytest.raises(MaskrecError):
        gallery.add("Bob", [new_face(3)])
