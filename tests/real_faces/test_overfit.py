"""Overfitting a handful of people: the script on small pictures, and, slowly, on real photos."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from warm_python import run_python

from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.shipped import shipped_recipe

FOLDER = Path(__file__).parents[2] / "benchmarks" / "real_faces"
POINTS = {
    "left_eye": (24, 32),
    "right_eye": (44, 32),
    "nose": (34, 43),
    "mouth_left": (26, 54),
    "mouth_right": (42, 54),
}


def overfit(faces: Path, landmarks: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["--faces", faces, "--landmarks", landmarks, "--out", out, *more]
    return run_python([FOLDER / "overfit.py", *options])


def row_of(process: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The last line of the last table, by column."""
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    names = next(line for line in reversed(lines) if line.startswith("run "))
    return dict(zip(map(str.strip, names.split("|")), map(str.strip, lines[-1].split("|")), strict=True))


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """Three people with 5, 4 and 3 pictures of noise, and their landmarks."""
    draw, rows = np.random.default_rng(3), []
    for name, count in (("b", 4), ("a", 5), ("c", 3)):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for number in range(count):
            file = tmp_path / "faces" / name / f"{name}_{number}.jpg"
            cv2.imwrite(str(file), draw.integers(0, 256, (80, 72, 3), dtype=np.uint8))
            rows.append([f"faces/{name}/{file.name}", *(value for point in POINTS.values() for value in point)])
    with (tmp_path / "landmarks.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", *(f"{point}_{axis}" for point in POINTS for axis in "xy")])
        writer.writerows(rows)
    return tmp_path / "faces", tmp_path / "landmarks.csv"


@pytest.mark.slow
def test_the_script_takes_the_most_photographed_and_reports_the_results(
    pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    small = ("image_size=80", "sampler.batch_size=8", "train.epochs=1")
    process = overfit(
        *pictures, tmp_path / "out", "--people", "2", "--photos", "4", "--only", "arcface_inception", *small
    )
    row = row_of(process)
    assert (row["run"], row["steps"], row["batch"], row["active share"]) == ("arcface_inception", "1", "8", "-")
    assert 0 <= float(row["accuracy"]) <= 1
    with (tmp_path / "out" / "train.csv").open(newline="") as stream:
        photos = list(csv.DictReader(stream))
    assert [(Path(photo["path"]).name, photo["target"]) for photo in photos] == [
        (f"{name}_{number}.jpg", target) for name, target in (("a", "0"), ("b", "1")) for number in range(4)
    ]
    assert photos[0]["mouth_right_y"] == "54"


@pytest.mark.slow
def test_too_few_people_are_reported(pictures: tuple[Path, Path], tmp_path: Path) -> None:
    process = overfit(*pictures, tmp_path / "out", "--people", "3", "--photos", "4")
    assert process.returncode != 0
    assert process.stderr.startswith("overfit.py: ")
    assert "fewer than 3 people with 4 photos" in process.stderr


@pytest.mark.parametrize("name", ["arcface_inception", "triplet_inception", "arcface_seresnext101"])
def test_backbone_loss_and_optimizer_are_the_reference_recipes(name: str, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("path,target\n")
    catalog = discover([FOLDER / "class_centres.py"], plugins=False)
    ours = resolve(FOLDER / "overfit" / f"{name}.yaml", catalog=catalog, data_root=tmp_path)
    (tmp_path / "data").mkdir()
    for file in ("train", "eval_same", "eval_diff", "test"):
        (tmp_path / "data" / f"{file}.csv").write_text("path,target\n")
    untrained = [] if name == "arcface_seresnext101" else ["backbone.pretrained=null"]
    reference = resolve(shipped_recipe(name), catalog=catalog, overrides=untrained, data_root=tmp_path)
    assert (ours.backbone, ours.loss) == (reference.backbone, reference.loss)
    assert ours.transforms["flip"] == reference.transforms["flip"]
    assert ours.optimizer.use == reference.optimizer.use
    assert {**ours.optimizer.parameters, "lr": 0} == {**reference.optimizer.parameters, "lr": 0}
    assert ours.observe["collapse"] == reference.observe["collapse"]
    images = ours.sampler.parameters
    size = (
        images["batch_size"]
        if "batch_size" in images
        else images["identities_per_batch"] * images["images_per_identity"]
    )
    assert ours.train.epochs * (160 // size) == 300


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trial", "active"),
    [("arcface_inception", None), ("triplet_inception", 1.0), ("triplet_inception_margin_0.5", 0.5)],
)
def test_a_reference_pair_overfits_eight_people(
    trial: str, active: float | None, shared_faces: Path, tmp_path: Path
) -> None:
    process = overfit(
        shared_faces / "lfw",
        shared_faces / "lfw_landmarks.csv",
        tmp_path,
        "--only",
        trial,
    )
    row = row_of(process)
    assert float(row["accuracy"]) > 0.95
    assert int(row["steps"]) <= 300
    assert float(row["accuracy"]) > float(row["untrained"]) + 0.3
    if active == 1.0:  # at margin 2.0, by construction, and no fault: the run came to its planned end
        assert float(row["active share"]) == 1.0
    elif active is not None:
        assert float(row["active share"]) < active
