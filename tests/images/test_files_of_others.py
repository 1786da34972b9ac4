"""Readers of files from elsewhere: pipes and devices are refused in one sentence, without waiting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from maskrec.backbones.weights import read_weights
from maskrec.base.errors import MaskrecError
from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import read_table
from maskrec.images.decoding import read_image
from maskrec.images.insightface.binfile import read_bin
from maskrec.images.insightface.recordio import RecordFile
from maskrec.images.landmarks_file import read_landmarks
from maskrec.images.packed.face_index import read_face_index
from maskrec.images.tars.tarfiles import read_members
from maskrec.pairs.gathering import read_lines
from maskrec.preparation.contact_sheets.selection import read_rejected
from maskrec.preparation.face_sets.csv_sets import open_table
from maskrec.preparation.masking.masking import from_work
from maskrec.preparation.pairing.settings import from_manifest
from maskrec.preparation.resumable.job_folder import JobFolder
from maskrec.preparation.sources.opening import open_source
from maskrec.runtime.run_directory import read_json
from maskrec.runtime.state_tree import read_tree

READERS: dict[str, Callable[[Path], object]] = {
    "photo.jpg": read_image,
    "table.csv": lambda path: read_table(path, ("path",), (), (), Problems()),
    "landmarks.csv": lambda path: read_landmarks(path, path.parent, Problems()),
    "faces.csv": open_source,
    "a.rec": RecordFile,
    "a.bin": read_bin,
    "a.tar": read_members,
    "packed.json": lambda path: read_face_index(path.parent, "packed"),
    "pairs.txt": read_lines,
    "pairs.json": from_manifest,
    "weights.pt": read_weights,
    "provenance.json": read_json,
    "last.safetensors": read_tree,
    "work.json": from_work,
}


def _become(path: Path, kind: str) -> None:
    if kind == "a named pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["a named pipe", "a device"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_not_a_file_is_refused_without_waiting(tmp_path: Path, name: str, kind: str) -> None:
    _become(tmp_path / name, kind)
    with pytest.raises(MaskrecError, match=f"{name}.*({kind}, not a regular file|does not exist)|the weight file"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("kind", ["a named pipe", "a device"])
def test_files_that_may_be_missing(tmp_path: Path, kind: str) -> None:
    """A folder without a list of rejected photos has none."""
    for name in ("rejected.csv", "work.json", "table.csv"):
        _become(tmp_path / name, kind)
    assert read_rejected(tmp_path) == []
    assert "bad_table" in {problem.kind for problem in open_table(tmp_path / "table.csv", "").problems}
    with pytest.raises(MaskrecError, match=f"it is {kind}"):
        JobFolder(tmp_path).work()


@pytest.mark.parametrize(
    "text", ["[]", "7", "[" * 50_000, '{"command": "\\ud800"}', '{"command": []}', '{"settings": 1}']
)
@pytest.mark.parametrize("name", ["pairs.json", "work.json", "provenance.json", "packed.json"])
def test_json_of_another_form_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    if name == "provenance.json" and text in ('{"command": []}', '{"settings": 1}'):
        assert isinstance(READERS[name](tmp_path / name), dict)
        return
    with pytest.raises(MaskrecError, match=name):
        READERS[name](tmp_path / name)
