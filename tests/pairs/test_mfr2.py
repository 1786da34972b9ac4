"""MFR2's layout: photos, labels, pairs, and their mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.pairs.mfr2 import mfr2

CONTEXT = Context(path="evaluate.mfr2")
LABELS = "AnnBe, 1, no-mask\nAnnBe, 2, surgical\nAnnBe, 3, cloth\nBob, 1, no-mask\nBob, 2, n95\n"
PAIRS = "AnnBe 1 2\nAnnBe 2 3\nBob 1 2\nAnnBe 1 Bob 1\nAnnBe 2 Bob 1\nAnnBe 3 Bob 2\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for value, (name, number) in enumerate([("AnnBe", 1), ("AnnBe", 2), ("AnnBe", 3), ("Bob", 1), ("Bob", 2)]):
        path = tmp_path / name / f"{name}_{number:04d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (value * 40, 0, 0)).save(path)
    (tmp_path / "mfr2_labels.txt").write_text(LABELS)
    (tmp_path / "pairs.txt").write_text(PAIRS)
    return tmp_path


def _names(pairs: PairSet) -> list[tuple[str, str]]:
    stems = [Path(pairs.images[index].path).stem for index in range(len(pairs.images))]
    return [(stems[left], stems[right]) for left, right in zip(pairs.left, pairs.right, strict=True)]


def test_pairs_people_and_conditions(root: Path) -> None:
    pairs = mfr2(root, CONTEXT, 16)
    assert _names(pairs)[0] == ("AnnBe_0001", "AnnBe_0002")
    assert _names(pairs)[-1] == ("AnnBe_0003", "Bob_0002")
    assert pairs.same.tolist() == [True] * 3 + [False] * 3
    wanted = ["one_masked", "both_masked", "one_masked", "bare", "one_masked", "both_masked"]
    assert [CONDITIONS[condition] for condition in pairs.condition] == wanted
    assert list(pairs.mask_types) == [None] * 5
    assert (pairs.fold, pairs.caveat, pairs.label) == (None, "", "evaluate.mfr2")
    assert pairs.identities is not None
    for index, person in enumerate(pairs.identities):
        sample = pairs.images[index]
        assert Path(sample.path).parent.name == person
        number = int(Path(sample.path).stem[-4:])
        assert sample.masked == (f"{person}, {number}, no-mask" not in LABELS)


def test_files_elsewhere_and_photos_as_jpg(root: Path, tmp_path: Path) -> None:
    (root / "Bob" / "Bob_0002.png").rename(root / "Bob" / "Bob_0002.jpg")
    (root / "p").mkdir()
    (root / "pairs.txt").rename(root / "p" / "mine.txt")
    (root / "mfr2_labels.txt").rename(root / "p" / "labels.txt")
    pairs = mfr2(root, CONTEXT, 16, path=root / "p" / "mine.txt", mask_labels=root / "p" / "labels.txt")
    assert any(pairs.images[index].path.endswith("Bob_0002.jpg") for index in range(len(pairs.images)))
    assert np.bincount(pairs.condition).tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("file", "before", "after", "words"),
    [
        ("pairs.txt", "AnnBe 1 2\n", "AnnBe 1\n", r"pairs\.txt:1: expected 'Name i j'"),
        ("pairs.txt", "AnnBe 1 2\n", "AnnBe 0 2\n", r"pairs\.txt:1: photos are numbered from 1, not '0'"),
        ("pairs.txt", "AnnBe 1 2\n", "AnnBe 1 x\n", r"pairs\.txt:1: photos are numbered from 1, not 'x'"),
        ("pairs.txt", "AnnBe 1 2\n", "AnnBe 2 2\n", r"pairs\.txt:1: one photo on both sides"),
        ("pairs.txt", "AnnBe 1 Bob 1\n", "Bob 1 Bob 2\n", r"pairs\.txt:4: .*names Bob twice"),
        ("pairs.txt", "AnnBe 1 Bob 1\n", "AnnBe 9 Bob 1\n", r"pairs\.txt:4: photo 9 of AnnBe is not in the labels"),
        ("pairs.txt", PAIRS, "AnnBe 1 2\n", "only pairs of one person"),
        ("pairs.txt", PAIRS, "\n\n", "it has no lines"),
        ("mfr2_labels.txt", "Bob, 2, n95\n", "Bob, 2\n", r"mfr2_labels\.txt:5: expected 'Name, i, mask'"),
        ("mfr2_labels.txt", "Bob, 2, n95\n", "Bob, two, n95\n", r"mfr2_labels\.txt:5: expected 'Name, i, mask'"),
        ("mfr2_labels.txt", "Bob, 2, n95\n", "Bob, 2, n95\nBob, 2, no-mask\n", "bare in one line and masked"),
        ("mfr2_labels.txt", "Bob, 2, n95\n", "", "photo 2 of Bob is not in the labels"),
    ],
)
def test_what_is_wrong_is_named(root: Path, file: str, before: str, after: str, words: str) -> None:
    text = (root / file).read_text()
    assert before in text
    (root / file).write_text(text.replace(before, after, 1))
    with pytest.raises(UsageError, match=words):
        mfr2(root, CONTEXT, 16)


def test_a_published_list_with_a_pair_twice_is_measured_as_it_is_and_says_so(root: Path) -> None:
    (root / "pairs.txt").write_text(PAIRS + "AnnBe 2 1\n")
    pairs = mfr2(root, CONTEXT, 16)
    assert len(pairs) == 7
    assert pairs.caveat.startswith("pairs of ")
    assert "pairs.txt:7 is the same pair as " in pairs.caveat
    assert "pairs.txt:1 with its sides exchanged" in pairs.caveat


def test_missing_and_empty_photos_and_files(root: Path) -> None:
    (root / "Bob" / "Bob_0001.png").unlink()
    (root / "AnnBe" / "AnnBe_0001.png").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        mfr2(root, CONTEXT, 16)
    assert str(caught.value).count("Bob_0001.png: no such file") == 1
    assert str(caught.value).count("AnnBe_0001.png: the file is empty") == 1
    (root / "mfr2_labels.txt").unlink()
    with pytest.raises(UsageError, match="mfr2_labels"):
        mfr2(root, CONTEXT, 16)
    (root / "mfr2_labels.txt").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match="UTF-8"):
        mfr2(root, CONTEXT, 16)


@settings(max_examples=60, deadline=None)
@given(pairs=st.text("AnBe12 \n-,\0é", max_size=60), labels=st.text("AnBe12 \n-,nomask\0é", max_size=60))
def test_any_text_gives_pairs_or_one_error(tmp_path_factory: pytest.TempPathFactory, pairs: str, labels: str) -> None:
    root = tmp_path_factory.mktemp("mfr2")
    (root / "pairs.txt").write_text(pairs)
    (root / "mfr2_labels.txt").write_text("A, 1, no-mask\nA, 2, cloth\n" + labels)
    with pytest.raises(UsageError, match=r"pairs\.txt|labels"):
        mfr2(root, CONTEXT, 16)
