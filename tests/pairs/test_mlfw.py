"""MLFW's layout: pairs of photo names, the list of masked ones, and their mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.pairs.mlfw import mlfw

PHOTOS = ["Ann_De_0001_0001.jpg", "Ann_De_0004_0001.jpg", "Bob_0001_0000.jpg", "Bob_0002_0003.jpg"]
PAIRS = "\t".join([*PHOTOS[:2], "1\n"]) + "\t".join([*PHOTOS[2:], "1\n"]) + f"{PHOTOS[0]}\t{PHOTOS[3]}\t0\n"
MASKED = f"{PHOTOS[0]}\t3\n{PHOTOS[2]}\n{PHOTOS[3]}, mask_07.png\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "aligned").mkdir()
    for name in PHOTOS:
        Image.new("RGB", (16, 16)).save(tmp_path / "aligned" / name)
    (tmp_path / "pairs.txt").write_text(PAIRS)
    (tmp_path / "mask_list.txt").write_text(MASKED)
    return tmp_path


def _open(root: Path) -> PairSet:
    return mlfw(root / "pairs.txt", root / "aligned", root / "mask_list.txt", Context(path="evaluate.mlfw"), 16)


def test_pairs_people_conditions_and_the_caveat(root: Path) -> None:
    pairs = _open(root)
    assert pairs.same.tolist() == [True, True, False]
    assert [CONDITIONS[condition] for condition in pairs.condition] == ["one_masked", "both_masked", "both_masked"]
    assert pairs.identities == ["Ann_De", "Ann_De", "Bob", "Bob"]
    assert [pairs.images[index].masked for index in range(4)] == [True, False, True, True]
    assert list(pairs.mask_types) == [None] * 4
    assert "simulated" in pairs.caveat


@pytest.mark.parametrize("word", ["0", "none", "-1", "no-mask"])
def test_a_photo_may_be_listed_as_bare(root: Path, word: str) -> None:
    (root / "mask_list.txt").write_text(MASKED.replace(", mask_07.png", f" {word}"))
    assert CONDITIONS[_open(root).condition[1]] == "one_masked"


def test_spaces_do_for_tabs(root: Path) -> None:
    (root / "pairs.txt").write_text("\ufeff" + PAIRS.replace("\t", " ").replace("\n", "\r\n"))
    assert len(_open(root)) == 3


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (f"{PHOTOS[3]}\t1", f"{PHOTOS[3]}\t0", r"pairs\.txt:2: a pair of different people names Bob and Bob"),
        (f"{PHOTOS[1]}\t1", f"{PHOTOS[1]}\tyes", r"pairs\.txt:1: expected two photos and 0 or 1"),
        (f"{PHOTOS[1]}\t1", PHOTOS[1], r"pairs\.txt:1: expected two photos and 0 or 1"),
        (f"{PHOTOS[1]}\t1", f"{PHOTOS[0]}\t1", r"pairs\.txt:1: one photo on both sides"),
        (f"{PHOTOS[3]}\t0", f"{PHOTOS[3]}\t1", r"pairs\.txt:3: a pair of one person names Ann_De and Bob"),
        (PHOTOS[3], "Bob_0009_0009.jpg", r"Bob_0009_0009\.jpg: no such file"),
        (PAIRS, "", "it has no lines"),
    ],
)
def test_what_is_wrong_is_named(root: Path, before: str, after: str, words: str) -> None:
    assert before in PAIRS
    (root / "pairs.txt").write_text(PAIRS.replace(before, after))
    with pytest.raises(UsageError, match=words):
        _open(root)


def test_pairs_without_a_masked_photo_are_of_another_list(root: Path) -> None:
    (root / "mask_list.txt").write_text(PHOTOS[3])
    with pytest.raises(UsageError, match=r"pairs\.txt:1: neither photo is in the mask list"):
        _open(root)
