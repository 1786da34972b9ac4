"""`maskrec data align FILE.bin` keeps which face pairs with which."""

from __future__ import annotations

import csv
import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.alignment import arcface_template
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.preparation.aligning.aligning import AlignSettings, aligning
from maskrec.preparation.resumable import finishing
from maskrec.preparation.resumable.job import run
from maskrec.preparation.resumable.kept_pairs import kept_pairs
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.opening import open_source

SAME = [True, False, False, True] * 3  # twelve pairs in ten folds
BROKEN = 5  # an image that does not decode


def picture(number: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (112, 112), (number, 3 * number, 0)).save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def bin_file(tmp_path: Path) -> Path:
    images = [b"junk" if number == BROKEN else picture(number) for number in range(2 * len(SAME))]
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps((images, SAME), 2))
    return tmp_path / "lfw.bin"


def source_of(file: Path) -> Any:
    """The file's images with landmarks, so that no detector runs."""
    source = open_source(file)
    points = np.repeat(arcface_template(112)[None], len(source.items), 0)
    return replace(source, items=replace(source.items, landmarks=points))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_pairs_are_kept_beside_the_faces_and_open_as_a_pair_set(bin_file: Path, tmp_path: Path) -> None:
    run(aligning(source_of(bin_file), tmp_path / "faces", AlignSettings(format="png"), device="cpu"))
    faces = {row["source"]: row for row in rows(tmp_path / "faces" / "faces.csv")}
    kept = rows(tmp_path / "faces" / "pairs.csv")
    assert len(faces) == 23
    assert len(kept) == 11
    by_path = {row["path"]: int(source) for source, row in faces.items()}
    found = [(by_path[row["path"]], by_path[row["pair_path"]]) for row in kept]
    assert found == [(2 * pair, 2 * pair + 1) for pair in range(12) if pair != BROKEN // 2]
    expected = [same for pair, same in enumerate(SAME) if pair != BROKEN // 2]
    assert [row["target"] == row["pair_target"] for row in kept] == expected
    assert [int(row["fold"]) for row in kept] == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

    context = Context(input_spec=InputSpec(112, alignment="arcface"), path="pairs")
    folder = tmp_path / "faces"
    pairs = pairs_csv(
        context, 112, 1, path=folder / "pairs.csv", landmarks=folder / "faces.csv", masks=["none", "both"]
    )
    assert pairs.same.tolist() == expected * 2
    assert pairs.has_landmarks
    assert pairs.fold is not None
    shown = pairs.images[int(pairs.left[0])]
    assert shown.image[:, 50, 50].tolist() == [0, 0, 0]
    assert pairs.images[int(pairs.right[0])].image[:, 50, 50].tolist() == [1, 3, 0]


@pytest.mark.parametrize("tars", [False, True])
def test_shards_merged_keep_the_same_pairs(bin_file: Path, tmp_path: Path, tars: bool) -> None:
    many = pickle.dumps(([picture(number) for number in range(80)], [True, False] * 20), 2)
    bin_file.write_bytes(many)
    job = aligning(source_of(bin_file), tmp_path / "whole", AlignSettings(), tars, "cpu")
    run(job)
    job = replace(job, destination=tmp_path / "shards")
    for shard in (1, 2):
        run(job, shard=(shard, 2))
        assert not (tmp_path / "shards" / "pairs.csv").exists()
    finishing.merge(tmp_path / "shards", Meter())
    whole = (tmp_path / "whole" / "pairs.csv").read_bytes()
    assert (tmp_path / "shards" / "pairs.csv").read_bytes() == whole
    assert len(whole.splitlines()) == 41


def test_an_image_with_several_faces_has_no_pair_and_it_is_said() -> None:
    faces = [("a.jpg", "pair000000", "0"), ("b1.jpg", "pair000000", "1"), ("b2.jpg", "pair000000", "1")]
    faces += [("c.jpg", "pair000001_left", "2"), ("d.jpg", "pair000001_right", "3")]
    listed = [(path, name, {"source": source}) for path, name, source in faces]
    targets = {"pair000000": 0, "pair000001_left": 1, "pair000001_right": 2}
    content, said = kept_pairs(listed, targets, 4)
    assert content.decode() == "path,target,pair_path,pair_target\nc.jpg,1,d.jpg,2\n"
    assert said == "1 pair in pairs.csv; 1 pair left out, of which an image gave no face or several"


def test_other_sources_have_no_pairs(tmp_path: Path) -> None:
    (tmp_path / "photos" / "Ann").mkdir(parents=True)
    for number in range(2):
        (tmp_path / "photos" / "Ann" / f"{number}.png").write_bytes(picture(number))
    source = source_of(tmp_path / "photos")
    run(aligning(source, tmp_path / "faces", AlignSettings(), device="cpu"))
    assert not (tmp_path / "faces" / "pairs.csv").exists()
