"""A gallery's file from a stranger: compared before it is used, refused in one sentence, never run."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_galleries import MODEL, new_face, small_gallery
from warm_python import run_python

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.row_blocks import ROW


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_gallery(tmp_path_factory.mktemp("original") / "people.gallery", {"Ann": 3, "Bob": 2})


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "people.gallery"))


def read_all(path: Path) -> None:
    with GalleryFile.open(path) as gallery:
        gallery.people()
        gallery.faces()
        list(gallery.kept_photos())


def change(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON people BEGIN DELETE FROM blocks; END",
        "CREATE VIEW v AS SELECT * FROM people",
        "CREATE INDEX i ON people (name)",
        "CREATE TABLE more (id INTEGER PRIMARY KEY)",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "ALTER TABLE people ADD COLUMN more TEXT",
        "DROP INDEX people_by_plain_name",
        "DROP TABLE photos",
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_a_schema_that_is_not_ours_to_the_letter(path: Path, statement: str, write: bool) -> None:
    change(path, statement)
    with pytest.raises(UsageError, match="is not a gallery, or is damaged: its tables are not those of a gallery"):
        GalleryFile.open(path, write=write)


def test_a_view_in_place_of_a_table(path: Path) -> None:
    change(path, "DROP TABLE photos", "CREATE VIEW photos AS SELECT load_extension('x')")
    with pytest.raises(UsageError, match="its tables are not those of a gallery"):
        GalleryFile.open(path)


def not_ours(path: Path) -> dict[str, Callable[[], object]]:
    def database() -> None:
        path.unlink()
        change(path, "CREATE TABLE t (a)")

    def replace(make: Callable[[], object]) -> Callable[[], None]:
        def do() -> None:
            path.unlink()
            make()

        return do

    return {
        "does not exist": path.unlink,
        "is not a gallery; give the path of a gallery": database,
        "is not a gallery; give the path of a gallery, or": lambda: path.write_text("Ann,Bob\n" * 100),
        "is an empty file, not a gallery; give the path of a": lambda: path.write_bytes(b""),
        "it is a folder, not a regular file": replace(path.mkdir),
        "it is a named pipe, not a regular file": replace(lambda: os.mkfifo(path)),
        "Too many levels of symbolic links": replace(lambda: path.symlink_to(path)),
        "a gallery of format 2, and this maskrec reads 1; update": lambda: change(path, "PRAGMA user_version = 2"),
        "-journal does not belong beside a gallery": lambda: Path(f"{path}-journal").write_bytes(b"x"),
    }


@pytest.mark.parametrize("said", list(not_ours(Path())))
def test_what_is_not_a_gallery_is_not_opened(path: Path, said: str) -> None:
    not_ours(path)[said]()
    there = sorted(path.parent.iterdir())
    for write in (False, True):
        with pytest.raises(UsageError, match=said):
            GalleryFile.open(path, write=write)
    assert sorted(path.parent.iterdir()) == there


def test_other_pages_than_ours(path: Path) -> None:
    change(path, "PRAGMA journal_mode = DELETE")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA page_size = 65536")
    connection.execute("VACUUM")
    connection.close()
    with pytest.raises(UsageError, match="its pages are not of 4096 bytes"):
        GalleryFile.open(path)


def test_a_link_leads_to_the_gallery(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with GalleryFile.open(link, write=True) as gallery:
        gallery.add("Cid", [new_face(70)])
        assert path.with_name("people.gallery-wal").exists()
    with GalleryFile.open(path) as gallery:
        assert len(gallery.people()) == 3


@pytest.mark.parametrize("left", [0.02, 0.3, 0.6, 0.99])
def test_a_file_that_is_cut(path: Path, left: float) -> None:
    os.truncate(path, int(path.stat().st_size * left))
    for write in (False, True):
        with pytest.raises(UsageError, match=r"damaged|cut off|is not a gallery"):
            GalleryFile.open(path, write=write)


ROWS = np.zeros(3, ROW)


def rows(**values: object) -> bytes:
    changed = ROWS.copy()
    changed["face"], changed["person"] = [1, 2, 3], 1
    for name, value in values.items():
        changed[name] = value
    return changed.tobytes()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("embeddings", b"", "embeddings have another length|lengths of its blocks"),
        ("embeddings", np.full((3, 32), np.nan, np.float32).tobytes(), "not finite or not of unit length"),
        ("embeddings", np.full((3, 32), np.inf, np.float32).tobytes(), "not finite or not of unit length"),
        ("embeddings", np.full((3, 32), 1.01 / 32**0.5, np.float32).tobytes(), "not finite or not of unit length"),
        ("embeddings", "text", "lengths of its blocks do not match"),
        ("faces", 2, "lengths of its blocks do not match"),
        ("faces", 1 << 40, "lengths of its blocks do not match"),
        ("faces", (1 << 63) - 1, "integer overflow"),
        ("faces", "many", "lengths of its blocks do not match"),
        ("rows", b"123", "rows have another length"),
        ("rows", rows(person=9), "a face in it belongs to no person"),
        ("rows", rows(person=1 << 60), "a face in it belongs to no person"),
        ("rows", rows(face=[1, 1, 2]), "two of its faces have one number"),
        ("rows", rows(face=0), "values out of range"),
        ("rows", rows(masked=-128), "values out of range"),
        ("rows", rows(quality=np.inf), "values out of range"),
        ("rows", rows(added=-1), "values out of range"),
        ("rows", rows(added=1 << 62), "values out of range"),
        ("photo_names", b"[" * 100_000, "photo names cannot be read"),
        ("photo_names", b'["a"]', "photo names cannot be read"),
        ("photo_names", b'["a", "b", 3]', "photo names cannot be read"),
        ("photo_names", json.dumps(["a", "b", "c" * 5000]).encode(), "more than 4096 characters"),
    ],
)
def test_a_block_that_is_not_what_was_written(path: Path, column: str, value: object, said: str) -> None:
    change(path, f"UPDATE blocks SET {column} = ? WHERE id = 1", values=(value,))
    with GalleryFile.open(path) as gallery, pytest.raises(UsageError, match=f"or is damaged: .*({said})"):
        gallery.faces()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE gallery SET width = 0", "length of its embeddings is out of range"),
        ("UPDATE gallery SET width = 33", "lengths of its blocks do not match"),
        ("UPDATE gallery SET width = 'x'", "length of its embeddings is out of range"),
        ("UPDATE gallery SET fingerprint = 'x'", "fingerprint is not 64"),
        ("UPDATE gallery SET words = x'ff'", "not a short text"),
        ("UPDATE gallery SET words = CAST(x'ff' AS TEXT)", "UTF-8"),
        ("UPDATE gallery SET next_face = -1", "next face is out of range"),
        ("UPDATE gallery SET next_face = 9223372036854775807", "next face is out of range"),
        ("DELETE FROM gallery", "of which model"),
        ("INSERT INTO gallery SELECT 2, fingerprint, width, words, next_face, 0, 0 FROM gallery", "of which model"),
        ("UPDATE people SET name = x'00'", "name of a person in it cannot be read"),
        ("UPDATE people SET name = ''", "name of a person in it cannot be read"),
        ("UPDATE people SET name = hex(zeroblob(4000))", "name of a person in it cannot be read"),
        ("INSERT INTO people VALUES (7, 'Cid', 'cid')", "somebody in it has no face"),
        ("DELETE FROM people WHERE id = 1", "a face in it belongs to no person"),
        ("UPDATE photos SET photo = 'text'", "a photo in it cannot be read"),
        ("UPDATE photos SET name = 5", "photo names cannot be read"),
    ],
)
def test_other_values_that_cannot_be(path: Path, statement: str, said: str) -> None:
    change(path, statement)
    with pytest.raises(UsageError, match=f"or is damaged: .*{said}"):
        read_all(path)


def test_a_name_with_controls_is_cleaned_where_it_is_printed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from maskrec.base.console import say

    change(path, "UPDATE people SET name = ? WHERE id = 1", values=("\x1b[31mAnn\u202e",))
    with GalleryFile.open(path) as gallery:
        say(gallery.people()[0].name)
    assert capsys.readouterr().out == "[31mAnn\n"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_give_a_sentence_or_a_valid_answer(original: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(original.read_bytes())
    used = [i for i in range(0, len(content), 16) if any(content[i : i + 16])]  # most of it is padding
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(used)) + data.draw(st.integers(0, 15))
        content[place] = data.draw(st.integers(0, 255))
    for each in tmp_path.iterdir():
        each.unlink()
    path = tmp_path / "people.gallery"
    path.write_bytes(content)
    with suppress(MaskrecError):
        with GalleryFile.open(path) as gallery:
            assert sum(person.faces for person in gallery.people()) >= 1
            faces = gallery.faces()
            list(gallery.kept_photos())
        assert np.abs(np.linalg.norm(faces.embeddings.astype(np.float64), axis=1) - 1).max() < 1.1e-3
        assert faces.people.min(initial=0) >= 0
        assert faces.people.max(initial=0) < len(faces.names)
        with GalleryFile.open(path, write=True) as gallery:
            gallery.add("Cid", [new_face(70)])
            gallery.remove("Cid", wait=0)


READ = """
import os, sys
from pathlib import Path
from maskrec.base.errors import MaskrecError
from maskrec.inference.galleries.gallery_file import GalleryFile
path = Path(sys.argv[1])
path.parent.chmod(0o555)
if os.geteuid() == 0:
    for file in path.parent.iterdir():
        os.chown(file, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
try:
    with GalleryFile.open(path) as gallery:
        print([person.name for person in gallery.people()], len(gallery.faces().ids))
    GalleryFile.open(path, write=True)
except MaskrecError as error:
    print(error.exit_code, error)
"""


@pytest.mark.parametrize("log", ["none", "log", "log and index"])
def test_a_folder_that_cannot_be_written_is_read(original: Path, log: str) -> None:
    """Also with a log that holds what is not in the file yet, with and without its index."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        inner = Path(folder) / "inner"
        inner.mkdir()
        path = Path(shutil.copy(original, inner / "people.gallery"))
        if log != "none":
            source = Path(folder) / "people.gallery"
            shutil.copy(original, source)
            with GalleryFile.open(source, write=True) as gallery:
                gallery.add("Cid", [new_face(70)])
                shutil.copy(f"{source}-wal", f"{path}-wal")
                if log == "log and index":
                    shutil.copy(f"{source}-shm", f"{path}-shm")
        before = sorted(each.name for each in inner.iterdir())
        done = run_python(["-c", READ, path])
        assert done.stderr == ""
        expected = "['Ann', 'Bob'] 5" if log == "none" else "['Ann', 'Bob', 'Cid'] 6"
        first, second = done.stdout.splitlines()
        assert first == expected
        assert second == f"2 {path} cannot be changed: its folder is read-only; change its permissions, or copy it"
        assert sorted(each.name for each in inner.iterdir()) == before
        inner.chmod(0o755)


def test_a_change_that_could_not_be_seen_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, mode: str) -> sqlite3.Connection:
        if mode == "mode=ro":
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return opened(self, mode)

    from maskrec.inference.galleries.gallery_connection import GalleryConnection

    opened = GalleryConnection._opened
    monkeypatch.setattr(GalleryConnection, "_opened", refuse)
    with GalleryFile.open(path) as gallery:
        assert len(gallery.people()) == 2
        change(path, "DELETE FROM people")
        with pytest.raises(MaskrecError, match="was changed while it was read; run the same command again"):
            gallery.people()


def test_what_is_not_written_is_not_changed(path: Path) -> None:
    with GalleryFile.open(path) as gallery:
        with pytest.raises(MaskrecError, match="cannot be opened"):
            gallery.add("Cid", [new_face(70)])
        assert gallery.model == MODEL
