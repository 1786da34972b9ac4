"""The benchmark of mask states: its splits, its intervals, and its table on drawn people in LFW's layout."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from face_sets import write_face_set
from PIL import Image
from scripts import REAL_FACES, script_module
from warm_python import run_python

from maskrec.faces.masks import MASK_TYPES
from maskrec.faces.masks.types import FAMILIES
from maskrec.faces.synthetic.album import Album
from maskrec.images.face_columns import LANDMARK_COLUMNS

SCRIPT = REAL_FACES / "mask_state.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module(SCRIPT)


def test_types_that_are_fitted_are_not_measured(script: ModuleType) -> None:
    for name, fitted, measured in script.type_splits(17):
        assert sorted([*fitted, *measured]) == sorted(MASK_TYPES)
        if "families" in name:
            assert all(set(family) <= set(fitted) or set(family) <= set(measured) for family in FAMILIES)


def test_the_interval_is_over_people(script: ModuleType) -> None:
    """Of 100 people, 80 always right and 20 always wrong, whatever their number of photos."""
    people = np.repeat(np.arange(100).astype(str), 40)
    right = np.repeat(np.arange(100) < 80, 40)
    found = script.Measured(np.tile([True, False], 2000), right.astype(float), people)
    low, high = script.interval(found, right)
    assert low == pytest.approx(0.8 - 1.96 * 0.04, abs=0.015)
    assert high == pytest.approx(0.8 + 1.96 * 0.04, abs=0.015)


def test_the_table(tmp_path: Path) -> None:
    album = Album(0, 100, 48, 1)
    with (tmp_path / "landmarks.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", *LANDMARK_COLUMNS])
        for number in range(48):
            image, points = album[number]
            path = f"photos/Person_{number:02d}/Person_{number:02d}_0001.jpg"
            (tmp_path / path).parent.mkdir(parents=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / path, quality=95)
            writer.writerow([path, *points.reshape(-1).tolist()])
    (tmp_path / "real").mkdir()
    real = write_face_set(tmp_path / "real") / "faces.csv"
    options = ["--lfw", tmp_path / "photos", "--landmarks", tmp_path / "landmarks.csv", "--people", 24, "--csv", real]
    done = run_python([SCRIPT, *options])
    assert done.returncode == 0, done.stderr
    first, _, *rows = done.stdout.splitlines()
    assert "the same before and after masked distillation" in first
    assert len(rows) == 7
    for row in rows[:-1]:
        assert re.search(r"-> LFW +\|     24 \|    24 \|     24 \| [01]\.\d{4} \[[01]\.\d{4}, [01]\.\d{4}\] ", row)
    assert re.search(r"LFW, all types -> real, real masks +\|      5 \|    20 \|     10 \| ", rows[-1])
