"""``maskrec gallery group``: the table, the sheet, and what is refused with nothing left behind."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_people import people_risk
from onnx_graphs import linear_model, write_model
from PIL import Image

import maskrec
from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries

Cli = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[..., Any]
SPEC = InputSpec(32, alignment="none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models with and without error rates; photos of three faces, one that is blurred and a file that is none."""
    folder = tmp_path_factory.mktemp("grouped")
    known, unknown = OnnxMetadata(SPEC, Decisions(risk=people_risk(60))), OnnxMetadata(SPEC)
    for name, metadata in {"model": known, "unmeasured": unknown}.items():
        write_model(folder / f"{name}.onnx", linear_model(), metadata_entries(metadata))
    photos = folder / "photos"
    (photos / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)  # whose three faces are far from each other
    for who, names in {"a": ("1", "2", "below/3"), "b": ("1", "2"), "c": ("1",)}.items():
        face = rng.integers(0, 256, (32, 32, 3))
        for name in names:
            path = photos / f"{name[:-1]}{who}{name[-1]}.png"
            Image.fromarray((face + rng.integers(0, 9, face.shape)).clip(0, 255).astype(np.uint8)).save(path)
    Image.new("RGB", (32, 32), (90, 90, 90)).save(photos / "flat.png")
    (photos / "notes.txt").write_text("not a photo")
    return folder


def test_each_face_is_in_the_table_with_its_group_and_the_sheet_shows_them(
    maskrec_cli: Cli, maskrec_here: Here, folder: Path
) -> None:
    done = maskrec_cli(
        "gallery", "group", "photos", "--model", "model.onnx", "--bare", "--far", "0.01", "--out", "out", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "7 faces of 8 files, 1 of them not compared: 2 groups of 5 faces, 1 face like no other" in done.stdout
    assert "15 pairs of faces were compared: at a rate of 0.01 at most 0.1" in done.stdout
    assert "note: 1 face that cannot be compared reliably: 1 blurred" in done.stdout
    assert "note: 1 file cannot be read, first: " in done.stdout
    with (folder / "out" / "groups.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["photo"]: row for row in csv.DictReader(stream)}
    groups = {name: row["group"] for name, row in rows.items()}
    assert groups == {
        "a1.png": "1", "a2.png": "1", "below/a3.png": "1", "b1.png": "2", "b2.png": "2", "c1.png": "3", "flat.png": ""
    }  # fmt: skip
    assert (rows["b1.png"]["nearest_photo"], rows["b1.png"]["faces_in_group"]) == ("b2.png", "2")
    assert 0 < float(rows["b1.png"]["distance"]) < 0.3
    assert (rows["c1.png"]["nearest_photo"], rows["flat.png"]["not_compared"]) == ("", "blurred")
    with Image.open(folder / "out" / "groups.png") as sheet:
        assert sheet.width >= 4 * 104  # a row of four tiles at least
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["groups.csv", "groups.png"]
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder / "out", *(folder / "out").iterdir())}
    assert modes == {"out": 0o700, "groups.csv": 0o600, "groups.png": 0o600}
    before = (folder / "out" / "groups.csv").read_bytes()
    again = maskrec_here(
        "gallery", "group", "photos", "--model", "model.onnx", "--bare", "--far", "0.01", "--out", "out", cwd=folder
    )
    assert (again.returncode, again.stdout) == (2, "")
    assert "out holds results already" in again.stderr
    assert (folder / "out" / "groups.csv").read_bytes() == before


def test_in_python_the_groups_are_those_of_the_command(maskrec_here: Here, folder: Path) -> None:
    model = maskrec.open(folder / "model.onnx", device="cpu")
    done: list[int] = []
    found = maskrec.group_photos(folder / "photos", model, far=0.01, masked=False, progress=done.append)
    assert [[found.names[face.photo] for face in group] for group in found.groups] == [
        ["a1.png", "a2.png", "below/a3.png"], ["b1.png", "b2.png"], ["c1.png"]
    ]  # fmt: skip
    assert [(found.names[face.photo], face.poor) for face in found.poor] == [("flat.png", "blurred")]
    assert (done[-1], repr(found)) == (8, f"GroupedPhotos({found.counts()})")
    command = maskrec_here(
        "gallery", "group", "photos", "--model", "model.onnx", "--bare", "--far", "0.01", "--out", "same", cwd=folder
    )
    shown = str(found).replace(f"{folder}/", "")  # what cannot be read is named as it was given
    assert command.stdout == f"{shown}\nwrote groups.csv and groups.png to same\n"
    assert (folder / "same" / "groups.csv").read_text(encoding="utf-8") == found.table()


def test_in_python_photos_of_any_kind_are_grouped(folder: Path) -> None:
    paths = [folder / "photos" / name for name in ("a1.png", "b1.png", "a2.png")]
    given = [paths[0], paths[1].read_bytes(), np.asarray(Image.open(paths[2]))]
    found = maskrec.group_photos(given, folder / "model.onnx", far=0.01, masked=False)
    assert found.names == [str(paths[0]), "photos[1]", "photos[2]"]
    assert [[face.photo for face in group] for group in found.groups] == [[0, 2], [1]]
    with pytest.raises(UsageError, match=r"a1\.png is not a folder; name a folder of photos"):
        maskrec.group_photos(paths[0], folder / "model.onnx", far=0.01)
    with pytest.raises(UsageError, match="the photos: no face that can be compared was found in 1 file"):
        maskrec.group_photos([folder / "photos" / "flat.png"], folder / "model.onnx", far=0.01)


@pytest.mark.parametrize(
    ("photos", "options", "said"),
    [
        ("photos", ("--model", "model.onnx"), "evaluate about"),  # the default rate is more than sixty people carry
        ("photos", ("--model", "model.onnx", "--far", "0.01"), "say with --masked or --bare"),
        ("photos", ("--model", "model.onnx", "--far", "2"), "must be inside (0, 1)"),
        ("photos", ("--model", "unmeasured.onnx"), "has no measured error rates"),
        ("model.onnx", ("--model", "model.onnx"), "is not a folder"),
        ("absent", ("--model", "model.onnx"), "is not a folder"),
    ],
)
def test_what_cannot_be_grouped_is_2_with_a_sentence_and_leaves_nothing(
    maskrec_here: Here, folder: Path, photos: str, options: tuple[str, ...], said: str
) -> None:
    done = maskrec_here("gallery", "group", photos, *options, "--out", "none", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [path for path in folder.iterdir() if "none" in path.name]
