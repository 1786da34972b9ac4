"""The set to distil on: nobody of LFW's pairs is in it, and image_csv reads what it writes."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from warm_python import run_python

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.datasets.image_csv import ImageCsv
from maskrec.faces.alignment import ARCFACE_POINTS
from maskrec.images.face_columns import LANDMARK_COLUMNS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "real_faces" / "strangers.py"
# One line of each kind, so that the left, the right and the only name are all met.
PAIRS = "1\t2\nPaired_A\t1\t2\nPaired_B\t1\tPaired_C\t1\n"


def faces(folder: Path, photos: dict[str, int]) -> Path:
    """Aligned faces and their faces.csv as ``data align`` writes it: so many photos of each person."""
    folder.mkdir()
    names = [(person, f"{person}/{person}_{k:04d}.jpg") for person, count in photos.items() for k in range(count)]
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "target", "identity", "source", *LANDMARK_COLUMNS, "score"))
        for person, path in names:
            (folder / path).parent.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / path), np.full((112, 112, 3), 90, np.uint8))
            writer.writerow((path, 0, person, path, *np.array(ARCFACE_POINTS).reshape(-1), 0.99))
    return folder / "faces.csv"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_python([SCRIPT, *arguments])


def written(tmp_path: Path, few: dict[str, int], lfw: dict[str, int], pairs: str = PAIRS) -> Sequence[object]:
    (tmp_path / "pairs.txt").write_text(pairs)
    lfw = {"Paired_A": 2, "Paired_B": 1, "Paired_C": 1} | lfw
    return (
        *("--few", faces(tmp_path / "few", few), "--lfw", faces(tmp_path / "lfw", lfw)),
        *("--pairs", tmp_path / "pairs.txt", "--out", tmp_path / "out.csv"),
    )


def test_no_person_of_the_pairs_is_included_and_every_other_face_once(tmp_path: Path) -> None:
    lfw = {"Paired_A": 3, "Free_D": 1, "Paired_B": 1, "Paired_C": 2, "Free_E": 4}
    done = run(*written(tmp_path, {"Known": 7}, lfw), "--portion", 3)
    assert done.returncode == 0, done.stderr
    assert "7 faces of 1 people in 3 portions" in done.stdout
    assert "5 faces of 2 people in 3 portions" in done.stdout
    data = ImageCsv(tmp_path / "out.csv", Context(input_spec=InputSpec(112, alignment="arcface"), path="data"), 112)
    people = Counter(Path(data[index].path).parent.name for index in range(len(data)))
    assert people == {"Known": 7, "Free_D": 1, "Free_E": 4}
    assert sorted(Counter(data.labels).values()) == [1, 1, 1, 3, 3, 3]
    owners: dict[int, set[str]] = {}
    for index in range(len(data)):
        owners.setdefault(data.labels[index], set()).add(Path(data[index].path).parent.name)
    assert all(len(names) == 1 for names in owners.values())
    points = data[0].landmarks
    assert points is not None
    np.testing.assert_allclose(points.numpy(), ARCFACE_POINTS, atol=0.01)


def test_a_person_in_both_sets_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    done = run(*written(tmp_path, {"Known": 1, "Free_D": 2}, {"Free_D": 1, "Paired_A": 1}))
    assert done.returncode == 2
    assert "1 people of" in done.stderr
    assert "Free_D" in done.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("separator", ["\t", " "])
def test_each_side_of_a_pair_is_left_out(tmp_path: Path, separator: str) -> None:
    pairs = PAIRS.replace("\t", separator)
    assert run(*written(tmp_path, {"Known": 1}, {"Free_D": 1}, pairs)).returncode == 0
    text = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert "Free_D" in text
    assert "Paired" not in text


def test_a_person_of_the_pairs_whom_the_photos_do_not_name_is_an_error(tmp_path: Path) -> None:
    done = run(*written(tmp_path, {"Known": 1}, {"Free_D": 1}, PAIRS + "Paired_Z\t1\t2\n"))
    assert done.returncode == 2
    assert "'Paired_Z'" in done.stderr
    assert not (tmp_path / "out.csv").exists()
