"""What is kept of opened files does not outlive a change of the current folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from maskrec.images.photos import place_of
from maskrec.preparation.face_sets.photo_bytes import FileBytes
from maskrec.preparation.pairing.pair_rows import seen_from


def write_tar(path: Path, content: bytes) -> None:
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("Ann/1.jpg")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


def test_a_relative_path_is_another_file_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, out, above in (("one", "deep/out", "../.."), ("two", "out", "..")):
        folder = tmp_path / name
        (folder / out).mkdir(parents=True)
        if not (folder / "out").exists():
            (folder / "out").symlink_to(folder / out, target_is_directory=True)
        write_tar(folder / "faces.tar", name.encode() * len(name))
        monkeypatch.chdir(folder)
        assert place_of(Path("photos"), "a.jpg") == str(folder / "photos" / "a.jpg")
        assert seen_from(Path("out"), "photos/a.jpg") == f"{above}/photos/a.jpg"
        assert FileBytes(["faces.tar/Ann/1.jpg"])(0) == name.encode() * len(name)
