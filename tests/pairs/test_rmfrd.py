"""RMFRD's layout, and the pairs that are drawn from it."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.pairs.pools import Pools, draw_different, draw_same, split_people
from maskrec.pairs.rmfrd import BARE, MASKED, rmfrd

CONTEXT = Context(path="evaluate.rmfrd")
# Bare and masked photos of each person: some have only one kind.
PEOPLE = {"aidai": (5, 2), "bo lin": (3, 3), "chen": (0, 4), "dong": (4, 0), "er": (2, 1), "fan": (6, 2), "guo": (1, 1)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person, counts in PEOPLE.items():
        for folder, count in zip((BARE, MASKED), counts, strict=True):
            (tmp_path / folder / person).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8)).save(tmp_path / folder / person / f"{number}_0_{person}_{number:04d}.jpg")
    (tmp_path / BARE / ".DS_Store").write_bytes(b"x")
    (tmp_path / MASKED / "er" / "Thumbs.db").write_bytes(b"x")
    return tmp_path


def _sides(pairs: PairSet) -> list[tuple[Path, Path]]:
    paths = [Path(pairs.images[index].path) for index in range(len(pairs.images))]
    return [(paths[left], paths[right]) for left, right in zip(pairs.left, pairs.right, strict=True)]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_are_what_the_folders_say(root: Path, condition: Any) -> None:
    pairs = rmfrd(root, CONTEXT, 8, pairs=12, conditions=[condition], folds=None)
    assert pairs.same.tolist() == [True] * 6 + [False] * 6
    assert set(pairs.condition) == {CONDITIONS.index(condition)}
    folders = {"bare": (BARE, BARE), "one_masked": (BARE, MASKED), "both_masked": (MASKED, MASKED)}[condition]
    for (left, right), same in zip(_sides(pairs), pairs.same, strict=True):
        assert (left.parts[-3], right.parts[-3]) == folders
        assert (left.parts[-2] == right.parts[-2]) == same
    assert len({frozenset(pair) for pair in _sides(pairs)}) == 12
    assert pairs.fold is None
    assert pairs.caveat == ""
    assert pairs.identities is not None
    for index, person in enumerate(pairs.identities):
        sample = pairs.images[index]
        assert (Path(sample.path).parts[-2], Path(sample.path).parts[-3] == MASKED) == (person, sample.masked)


def test_people_are_balanced_and_folds_are_disjoint(root: Path) -> None:
    pairs = rmfrd(root, CONTEXT, 8, pairs=12, conditions=["one_masked", "bare"], folds=2)
    assert len(pairs) == 24
    assert pairs.fold is not None
    assert pairs.identities is not None
    crowds: dict[int, set[str]] = {0: set(), 1: set()}
    for left, right, fold in zip(pairs.left, pairs.right, pairs.fold, strict=True):
        crowds[int(fold)] |= {pairs.identities[left], pairs.identities[right]}
    assert not crowds[0] & crowds[1]
    for condition, fold, same in product((0, 1), (0, 1), (True, False)):
        chosen = (pairs.condition == condition) & (pairs.fold == fold) & (pairs.same == same)
        assert int(chosen.sum()) == 3
    whole = rmfrd(root, CONTEXT, 8, pairs=10, folds=None)
    assert whole.identities is not None
    turns = Counter(whole.identities[left] for left, same in zip(whole.left, whole.same, strict=True) if same)
    assert turns == Counter(dict.fromkeys(["aidai", "bo lin", "er", "fan", "guo"], 1))


def test_pairs_follow_the_seed_and_not_the_place(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    def drawn(where: Path, seed: int) -> list[tuple[tuple[str, ...], ...]]:
        pairs = rmfrd(where, CONTEXT, 8, pairs=12, folds=2, pairs_seed=seed)
        return [tuple(side.parts[-3:] for side in pair) for pair in _sides(pairs)]

    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(root, copy)
    assert drawn(root, 1) == drawn(copy, 1)
    assert len({tuple(drawn(root, seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"pairs": 3}, "even number"),
        ({"pairs": 0}, "even number"),
        ({"folds": 1}, "folds must be"),
        ({"pairs": 4, "folds": 3}, "folds must be"),
        ({"conditions": []}, "at least one"),
        ({"conditions": ["bare", "bare"]}, "none twice"),
    ],
)
def test_parameters_out_of_range(root: Path, values: dict[str, Any], words: str) -> None:
    problems = list(rmfrd.check({"pairs": 10, "folds": None, "conditions": ["bare"]} | values, CheckContext()))  # type: ignore[attr-defined]
    assert words in problems[0].message
    with pytest.raises(ValueError, match=words):
        rmfrd(root, CONTEXT, 8, **({"folds": None} | values))


def test_too_few_photos_for_the_pairs(root: Path) -> None:
    # One masked and one bare photo of one person: 5*2 + 3*3 + 2*1 + 6*2 + 1*1 pairs.
    assert len(rmfrd(root, CONTEXT, 8, pairs=68, folds=None)) == 68
    with pytest.raises(UsageError, match=r"one_masked: 34 pairs of one person exist, but 35 are needed"):
        rmfrd(root, CONTEXT, 8, pairs=70, folds=None)
    with pytest.raises(UsageError, match="in fold 0"):
        rmfrd(root, CONTEXT, 8, pairs=2000, folds=2)


def test_what_is_not_a_photo_of_rmfrd(root: Path) -> None:
    (root / BARE / "notes.txt").write_text("x")
    (root / MASKED / "er" / "list.txt").write_text("x")
    (root / MASKED / "fan" / "more").mkdir()
    with pytest.raises(UsageError) as caught:
        rmfrd(root, CONTEXT, 8, pairs=2, folds=None)
    for words in (
        "notes.txt: expected a folder per person",
        "list.txt: not a photo by its name",
        "more: not a photo by its name",
    ):
        assert words in str(caught.value)
    shutil.rmtree(root / MASKED)
    with pytest.raises(UsageError, match=f"{MASKED}: cannot be read as a folder"):
        rmfrd(root, CONTEXT, 8)


def test_empty_photos_are_named_when_they_are_drawn(root: Path) -> None:
    for path in (root / MASKED).rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(UsageError, match="the file is empty"):
        rmfrd(root, CONTEXT, 8, pairs=2, folds=None)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6),
    one_pool=st.booleans(),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_drawn_pairs_against_all_there_are(
    sizes: list[tuple[int, int]], one_pool: bool, seed: int, data: st.DataObject
) -> None:
    numbers = iter(range(100))
    left = [[next(numbers) for _ in range(count)] for count, _ in sizes]
    right = left if one_pool else [[next(numbers) for _ in range(count)] for _, count in sizes]
    pools = Pools(left, right)
    every = [
        {frozenset(pair) for pair in (combinations(left[p], 2) if one_pool else product(left[p], right[p]))}
        for p in range(len(sizes))
    ]
    there = sum(map(len, every))
    count = data.draw(st.integers(0, there))
    drawn = [frozenset(pair) for pair in draw_same(pools, count, seed, "a")]
    assert len(set(drawn)) == count
    turns = [sum(pair in pairs for pair in drawn) for pairs in every]
    assert sum(turns) == count
    # No person is drawn less often than another by more than one, unless all their pairs were drawn.
    assert all(turn == len(pairs) or turn >= max(turns) - 1 for turn, pairs in zip(turns, every, strict=True))
    with pytest.raises(ValueError, match=f"{there} pairs"):
        draw_same(pools, there + 1, seed, "a")
    owner = {photo: p for p in range(len(sizes)) for photo in (*left[p], *right[p])}
    try:
        different = draw_different(pools, 3, seed, "a")
    except ValueError:
        return
    assert len({frozenset(pair) for pair in different}) == 3
    for one, other in different:
        assert owner[one] != owner[other]
        assert one in left[owner[one]]
        assert other in right[owner[other]]


def test_folds_assign_every_person_once() -> None:
    for people, folds in [(7, 3), (10, 10), (525, 10), (2, 4)]:
        crowds = split_people(people, folds, 3)
        assert sorted(person for crowd in crowds for person in crowd) == list(range(people))
        assert np.ptp([len(crowd) for crowd in crowds]) <= 1
