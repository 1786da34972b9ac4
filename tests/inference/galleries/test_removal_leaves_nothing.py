"""Nothing of a person that was removed is left in any file of a gallery: not a part of an embedding, name or photo."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_galleries import MODEL, new_face, small_gallery

from maskrec.base.errors import UsageError
from maskrec.base.words import plain_name
from maskrec.inference.galleries.adding_faces import add_people
from maskrec.inference.galleries.enrolled import NewFace
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.gallery_schema import create_schema
from maskrec.inference.galleries.removing_people import remove_person


def traces(path: Path, name: str, faces: Sequence[NewFace]) -> list[str]:
    """What is left of a person in the files of the gallery.

    The whole of a name, and of everything else any 15 bytes in a row: they hold 8 that begin at a multiple of 8.
    """
    texts = {name.encode(), plain_name(name).encode(), *(face.photo_name.encode() for face in faces)}
    texts.discard(b"-")
    secrets = [[face.embedding.tobytes(), bytes.fromhex(face.photo_sha256), face.photo or b""] for face in faces]
    pieces = [secret[i : i + 8] for each in secrets for secret in each for i in range(len(secret) - 7)]
    known = np.unique(np.frombuffer(b"".join(pieces), np.uint64))
    found = []
    for file in sorted(path.parent.iterdir()):
        content = file.read_bytes()
        found += [f"{text!r} in {file.name}" for text in texts if text in content]
        there = np.isin(np.frombuffer(content[: len(content) // 8 * 8], np.uint64), known)
        found += [f"a piece at {8 * place} of {file.name}" for place in np.flatnonzero(there)]
    return found


def person(number: int, faces: int, photo_size: int) -> tuple[str, list[NewFace]]:
    """Somebody whose name, photos and photos' names share no 8 bytes with anybody else's."""
    rng = np.random.default_rng(number)
    made = []
    for i in range(faces):
        face = new_face(100 * number + i, photo=rng.bytes(photo_size) if photo_size else None)
        made.append(NewFace(face.embedding, None, face.quality, rng.bytes(8).hex(), face.photo_sha256, face.photo))
    return rng.bytes(int(rng.integers(5, 40))).hex(), made


def test_removing_people_in_any_order_leaves_no_trace_of_them(tmp_path: Path) -> None:
    """Rows are moved between pages all the time here: by additions, by merged blocks, by other removals."""
    path, rng = tmp_path / "people.gallery", np.random.default_rng(1)
    there: dict[str, list[NewFace]] = {}
    gone: dict[str, list[NewFace]] = {}
    with GalleryFile.create(path, MODEL) as gallery:
        for number in range(30):
            name, faces = person(number, int(rng.integers(1, 4)), int(rng.choice([0, 0, 40, 3000, 9000])))
            gallery.add(name, faces)
            there[name] = faces
            if number % 3 == 2:
                assert traces(path, name, faces)
                leaves = str(rng.choice(sorted(there)))
                gone[leaves] = there.pop(leaves)
                removed = gallery.remove(leaves)
                assert removed == (leaves, len(gone[leaves]), True, "")
                assert traces(path, leaves, gone[leaves]) == []
        assert [person.name for person in gallery.people()] == list(there)
        assert sorted(gallery.faces().photo_names) == sorted(
            face.photo_name for each in there.values() for face in each
        )
        for name, faces in there.items():
            gallery.remove(name)
            gone[name] = faces
        assert gallery.people() == []
        everybody = [face for faces in gone.values() for face in faces]
        assert [traces(path, name, []) for name in gone] == [[]] * len(gone)
        assert traces(path, next(iter(gone)), everybody) == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_one_photo_and_an_old_name_leave_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "people.gallery"
    (ann, hers), (bob, his) = person(1, 3, 9000), person(2, 2, 3000)
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add_many([(ann, hers), (bob, his)])
        assert gallery.remove_photo(ann, f"photos/{hers[1].photo_name}") == (ann, 1, True, "")
        assert traces(path, "-", [hers[1]]) == []
        assert all(traces(path, "-", [each]) for each in (hers[0], hers[2], *his))
        assert gallery.rename(bob, "Bo") == (bob, 0, True, "")
        assert traces(path, bob, []) == []
        assert gallery.rename("Bo", "BO").wiped
        faces = gallery.faces()
        assert faces.names == (ann, "BO")
        assert faces.photo_names == tuple(each.photo_name for each in (hers[0], hers[2], *his))
        assert [(who, photo) for who, _, photo in gallery.kept_photos()] == [
            (ann, hers[0].photo), (ann, hers[2].photo), ("BO", his[0].photo), ("BO", his[1].photo),
        ]  # fmt: skip
        before, revision = traces(path, ann, hers), gallery.revision
        for refused, said in (
            (lambda: gallery.remove_photo(ann, "absent.jpg"), "absent.jpg is not among the 2 photos of"),
            (lambda: gallery.remove_photo("Cid", "absent.jpg"), "Cid is not among the 2 people"),
            (lambda: gallery.rename("BO", "BO"), "the new name equals the old one, BO; give another one"),
            (lambda: gallery.rename(ann, "Bo"), "BO is enrolled in"),
            (lambda: gallery.rename("Cid", "Dan"), "Cid is not among"),
            (lambda: gallery.rename(ann, " "), "is empty"),
        ):
            with pytest.raises(UsageError, match=said):
                refused()
        gallery.remove_photo(ann, hers[0].photo_name)
        with pytest.raises(UsageError, match="is the only photo of"):
            gallery.remove_photo(ann, hers[2].photo_name)
        assert (before != [], gallery.revision) == (True, revision + 1)


def test_the_photos_that_are_there_are_named_where_the_given_one_is_not(tmp_path: Path) -> None:
    (ann, hers), (bob, his) = person(1, 2, 9000), person(2, 14, 3000)
    names = ["front.jpg", "a\x1b[31m.jpg"]
    with GalleryFile.create(tmp_path / "g", MODEL) as gallery:
        gallery.add(ann, [replace(each, photo_name=name) for each, name in zip(hers, names, strict=True)])
        gallery.add(bob, [replace(each, photo_name=f"{number}{'x' * 90}") for number, each in enumerate(his)])
        with pytest.raises(UsageError) as refused:
            gallery.remove_photo(ann, "zzzzzz")
        assert str(refused.value).endswith(" (front.jpg, a\\x1b[31m.jpg); give one of them")
        with pytest.raises(UsageError, match=r"\(front.jpg, .*\); did you mean front.jpg\?"):
            gallery.remove_photo(ann, "photos/frnt.jpg")
        with pytest.raises(UsageError) as refused:
            gallery.remove_photo(bob, "zzzzzz")
        assert f" (0{'x' * 79}..., 1{'x' * 79}..., " in str(refused.value)
        assert str(refused.value).endswith("... and 4 more); give one of them")


@pytest.mark.parametrize("seed", [1, 23])
def test_what_sqlite_moved_before_it_was_deleted_is_not_left(tmp_path: Path, seed: int) -> None:
    """At these seeds SQLite 3.40 leaves a name in an unused part of a page when it deletes that row alone."""
    path, rng = tmp_path / "moved.db", np.random.default_rng(seed)
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode = OFF", "synchronous = OFF", "secure_delete = ON"):  # this file survives nothing
        connection.execute(f"PRAGMA {setting}")
    connection.execute("BEGIN")
    create_schema(connection, MODEL)
    there: dict[str, list[NewFace]] = {}
    gone: dict[str, list[NewFace]] = {}
    for number in range(260):
        if len(there) > 20 and rng.random() < 0.4:
            name = sorted(there)[rng.integers(len(there))]
            remove_person(connection, path, MODEL.width, name)
            gone[name] = there.pop(name)
        else:
            name = rng.bytes(int(rng.integers(6, 90))).hex()
            there[name] = [new_face(10 * number + i) for i in range(rng.integers(1, 4))]
            rng.bytes(200)
            add_people(connection, path, MODEL.width, [(name, there[name])])
    connection.execute("COMMIT")
    connection.close()
    content = path.read_bytes()
    assert [name for name in gone if name.encode() in content] == []
    assert all(name.encode() in content for name in there)
    assert traces(path, "-", [face for faces in gone.values() for face in faces]) == []


def test_a_reader_of_an_earlier_state_keeps_the_bytes_until_the_next_opening(tmp_path: Path) -> None:
    path, (name, faces) = small_gallery(tmp_path / "people.gallery", {"Ann": 2, "Bob": 1}), person(7, 3, 5000)
    with GalleryFile.open(path, write=True) as gallery:
        gallery.add(name, faces)
        reader = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None
        )  # others empty the log at their end
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM people").fetchone() == (3,)
        removed = gallery.remove(name, wait=0.05)
        assert removed == (name, 3, False, "another process is reading the gallery")
        assert gallery.unwiped
        assert [each.name for each in gallery.people()] == ["Ann", "Bob"]
    assert traces(path, name, faces)
    with GalleryFile.open(path) as gallery:  # for reading: nothing can be done
        assert gallery.unwiped
    with GalleryFile.open(path, write=True) as gallery:
        assert gallery.unwiped
    reader.close()
    assert traces(path, name, faces)
    with GalleryFile.open(path, write=True) as gallery:
        assert not gallery.unwiped
        assert traces(path, name, faces) == []
        assert gallery.revision == 4


def test_removal_waits_for_a_reader_that_ends(tmp_path: Path) -> None:
    import threading

    path, (name, faces) = tmp_path / "people.gallery", person(3, 2, 100)
    with GalleryFile.create(path, MODEL) as gallery:
        gallery.add(name, faces)
        reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM people").fetchall()
        timer = threading.Timer(0.3, reader.close)
        timer.start()
        assert gallery.remove(name).wiped
        timer.join()
        assert traces(path, name, faces) == []


def test_a_mark_of_another_removal_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else is removed by another process while the log is being emptied: that is not wiped yet."""
    path = small_gallery(tmp_path / "people.gallery", {"Ann": 1, "Bob": 1})
    with GalleryFile.open(path, write=True) as gallery, GalleryFile.open(path, write=True) as other:
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM people").fetchall()
        assert not other.remove("Ann", wait=0).wiped
        connection = gallery._connection.sqlite
        (marked,) = connection.execute("SELECT unwiped FROM gallery").fetchone()
        assert not other.remove("Bob", wait=0).wiped
        connection.execute("UPDATE gallery SET unwiped = 0 WHERE unwiped = ?", (marked,))
        assert gallery.unwiped
        reader.close()
