"""``maskrec gallery check``: sentences, JSON, exit codes, mistakes; the gallery is only read."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_people import people_risk
from onnx_graphs import linear_model, write_model

from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.galleries.enrolled import FaceQuality, NewFace
from maskrec.inference.galleries.gallery import open_gallery
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.open_face_model import open_face_model

Cli = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[..., Any]
SPEC = InputSpec(32, alignment="none")
SHARP = FaceQuality(60.0, 200.0, 1.0)


def face(direction: int, name: str, seed: int, quality: FaceQuality = SHARP) -> NewFace:
    row = np.eye(5)[direction] + 0.05 * np.random.default_rng(seed).normal(size=5)
    return NewFace((row / np.linalg.norm(row)).astype(np.float32), False, quality, name, f"{seed:064x}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models with and without error rates; a good gallery, one with faults, an empty one and another model's."""
    folder = tmp_path_factory.mktemp("checked")
    decisions = Decisions(risk=people_risk(60), measured_on="sixty people", caveats=("they are drawn",))
    write_model(folder / "model.onnx", linear_model(), metadata_entries(OnnxMetadata(SPEC, decisions)))
    write_model(folder / "unmeasured.onnx", linear_model(), metadata_entries(OnnxMetadata(SPEC)))
    of = open_face_model(folder / "model.onnx").gallery_model
    good = {"Ann": [face(0, "a.jpg", 1), face(0, "b.jpg", 2)], "[red]Bo": [face(1, "c.jpg", 3), face(1, "d.jpg", 4)]}
    faults = {
        "Ann": [face(0, "a.jpg", 1), face(1, "wrong.jpg", 2)],
        "Bo": [face(1, "c.jpg", 3), face(1, "d.jpg", 4), face(1, "soft.jpg", 5, FaceQuality(60.0, 7.0, 1.0))],
        "Cy": [face(2, "e.jpg", 6)],
    }
    for name, people in {"good": good, "faults": faults, "empty": {}}.items():
        with GalleryFile.create(folder / name, of) as file:
            for person, faces in people.items():
                file.add(person, faces)
    GalleryFile.create(folder / "other", of._replace(fingerprint="0" * 64)).close()
    GalleryFile.create(folder / "unmeasured", open_face_model(folder / "unmeasured.onnx").gallery_model).close()
    return folder


def test_nothing_found_is_0_and_each_nearest_stranger_is_shown(maskrec_cli: Cli, folder: Path) -> None:
    before = (folder / "good").read_bytes()
    done = maskrec_cli("gallery", "check", "good", "--model", "model.onnx", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "person", "photos", "compared", "nearest", "stranger", "distance", "threshold", "condition"
    ]  # fmt: skip
    assert any(line.split()[:4] == ["[red]Bo", "2", "2", "Ann"] for line in lines)
    assert "note: about the evaluation pairs: they are drawn" in lines
    assert lines[-1] == "good: 2 people, 4 photos; nothing was found"
    assert (folder / "good").read_bytes() == before


def test_findings_are_1_each_with_its_sentence(maskrec_here: Here, folder: Path) -> None:
    done = maskrec_here("gallery", "check", "faults", "--model", "model.onnx", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert "a photo of the wrong person: Ann, wrong.jpg: it shows Bo rather than Ann: " in done.stdout
    assert "a blurred face: Bo, soft.jpg: the face is blurred: a sharpness of 7, where at least 27" in done.stdout
    assert "note: 1 person of 3 has one photo that can be compared: a wrong face" in done.stdout
    assert done.stdout.endswith("faults: 3 people, 6 photos; 2 findings\n")


def test_in_python_the_report_is_that_of_the_command(maskrec_here: Here, folder: Path) -> None:
    report = open_gallery(folder / "faults", folder / "model.onnx").check()
    assert repr(report) == "GalleryReport(3 people, 2 findings)"
    lines = str(report).splitlines()
    alike = re.match(r"bare: (two people's photos are alike within [0-9.]+) \(FAR ", lines[0])
    assert alike is not None
    (wrong,) = [line for line in lines if line.startswith("a photo of the wrong person: ")]
    assert alike[1] in wrong  # one bound in one wording
    assert lines[-1] == "3 people, 6 photos; 2 findings"
    done = maskrec_here("gallery", "check", "faults", "--model", "model.onnx", "--json", cwd=folder)
    assert json.loads(done.stdout) == {"gallery": "faults", **json.loads(json.dumps(report.to_plain()))}


def test_findings_as_json(maskrec_here: Here, folder: Path) -> None:
    done = maskrec_here("gallery", "check", "faults", "--model", "model.onnx", "--json", cwd=folder)
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(each["kind"], each["people"]) for each in answer["findings"]] == [
        ("wrong_person", ["Ann", "Bo"]), ("blurred", ["Bo"])
    ]  # fmt: skip
    assert answer["findings"][0]["photos"] == [{"id": 2, "person": "Ann", "photo": "wrong.jpg"}]
    assert [each["name"] for each in answer["people"]] == ["Ann", "Bo", "Cy"]
    assert answer["people"][0]["nearest_stranger"]["name"] in ("Bo", "Cy")
    assert answer["thresholds"]["near"]["bare"]["value"] < 2


@pytest.mark.parametrize(
    ("gallery", "model", "options", "said"),
    [
        ("absent", "model.onnx", (), "absent"),
        ("model.onnx", "model.onnx", (), "not a gallery"),
        ("other", "model.onnx", (), "a gallery of another model"),
        ("empty", "model.onnx", (), "has no people to check"),
        ("unmeasured", "unmeasured.onnx", (), "has no measured error rates"),
        ("good", "model.onnx", ("--alarms", "1e-6"), "evaluate about"),
        ("good", "model.onnx", ("--alarms", "0"), "must be a number over 0"),
    ],
)
def test_what_cannot_be_checked_is_2_with_a_sentence(
    maskrec_here: Here, folder: Path, gallery: str, model: str, options: tuple[str, ...], said: str
) -> None:
    done = maskrec_here("gallery", "check", gallery, "--model", model, *options, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
