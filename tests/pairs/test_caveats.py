"""Simulated masks are said to be simulated, by whatever put them there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from maskrec.contracts.context import Context
from maskrec.pairs.lfw_pairs import lfw_pairs
from maskrec.pairs.pairs_csv import pairs_csv

COLUMNS = ",".join(f"{p}_{q}" for p in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for q in "xy")
POINTS = "38.3,51.7,73.5,51.5,56.0,71.7,41.5,92.4,70.7,92.2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [f"path,{COLUMNS}"]
    for name in ("A_0001", "A_0002", "B_0001"):
        path = tmp_path / name[0] / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (112, 112)).save(path)
        rows.append(f"{name[0]}/{name}.jpg,{POINTS}")
    (tmp_path / "points.csv").write_text("\n".join(rows))
    (tmp_path / "pairs.txt").write_text("1\nA 1 2\nA 1 B 1\n")
    return tmp_path


@pytest.mark.parametrize(("masks", "said"), [("none", False), ("one", True), (["none", "both"], True)])
def test_masks_that_are_put_on(folder: Path, masks: str | list[str], said: bool) -> None:
    pairs = lfw_pairs(folder / "pairs.txt", folder, Context(), 16, 5, folder / "points.csv", masks)  # type: ignore[arg-type]
    assert ("simulated" in pairs.caveat) == said
    assert bool(pairs.caveat) == said


@pytest.mark.parametrize(("masked", "said"), [("0", ""), ("1", "simulated, unless you know")])
def test_masks_that_photos_show(folder: Path, masked: str, said: str) -> None:
    (folder / "pairs.csv").write_text(
        "path,target,pair_path,pair_target,masked,pair_masked\n"
        f"A/A_0001.jpg,0,A/A_0002.jpg,0,0,{masked}\nA/A_0001.jpg,0,B/B_0001.jpg,1,0,0\n"
    )
    pairs = pairs_csv(Context(), 16, 5, path=folder / "pairs.csv")
    assert said in pairs.caveat
    assert bool(pairs.caveat) == bool(said)
