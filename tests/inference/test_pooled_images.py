"""Images of several pair sets as one: each photo in each mask once, with its person."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.sample import Sample
from maskrec.inference.deciding.measuring_decisions import gather, measure_once
from maskrec.inference.deciding.pooled_images import pool_images


@dataclass
class Named:
    """Images that know their photos; reading one is an error where ``unread``."""

    photos: list[str]
    worn: list[bool] = field(default_factory=list)
    unread: bool = True

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Sample:
        assert not self.unread
        worn = bool(self.worn) and self.worn[index]
        return Sample(torch.zeros(3, 4, 4, dtype=torch.uint8), -1, None, worn, self.photos[index])

    def origin(self, index: int) -> tuple[str, bool]:
        """As `__getitem__` says it."""
        return self.photos[index], bool(self.worn) and self.worn[index]


class WithoutOrigin:
    """Images that have to be read."""

    def __init__(self, images: Named) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        return self.images[index]


def pair_set(
    images: object, masks: list[str | None], names: list[str] | None, label: str = "evaluate.a.pairs"
) -> PairSet:
    none = np.zeros(0, np.int64)
    return PairSet(label, images, masks, none, none, none.astype(bool), none.astype(np.int8), identities=names)  # type: ignore[arg-type]


def numbered(pairs: PairSet, view: View | None = None) -> np.ndarray:
    """Rows that say which image of which set they are."""
    start = 100.0 * ord(pairs.label.split(".")[1])
    return np.array([[start + index, 1.0] for index in range(len(pairs.images))], np.float32)


ONE = pair_set(Named(["x/1", "x/1", "y/1", "x/2"], [False, False, False, True]), [None, "n95", None, None],
               ["Zoë X", "Zoë X", "Y", "Zoë X"])  # fmt: skip
TWO = pair_set(Named(["y/1", "x/1", "x/1", "z/1"]), [None, None, "kn95", "n95"], ["y", "zoe\u0308 x", "Zoë_X", "Z"],
               "evaluate.b.pairs")  # fmt: skip


def test_each_photo_in_each_mask_counts_once_as_the_first_set_shows_it() -> None:
    pool = pool_images([ONE, TWO], numbered)
    assert pool is not None
    a, b = 9700, 9800
    assert pool.embeddings[:, 0].tolist() == [a, a + 1, a + 2, a + 3, b + 2, b + 3]
    assert pool.people.tolist() == [0, 0, 1, 0, 0, 2]
    assert list(pool.names) == ["Zoë X", "Y", "Z"]
    assert pool.masked.tolist() == [False, True, False, True, True, True]
    assert pool.photos.tolist() == [0, 0, 1, 2, 0, 3]


def test_sets_that_do_not_say_who_is_on_them_are_left_out() -> None:
    unnamed = pair_set(Named(["x/1"]), [None], None, "evaluate.c.pairs")
    assert pool_images([unnamed], numbered) is None
    pool = pool_images([unnamed, TWO], numbered)
    assert pool is not None
    assert len(pool) == 4


def test_images_without_origin_are_read() -> None:
    images = Named(["x/1", "y/1"], [False, True], unread=False)
    pool = pool_images([pair_set(WithoutOrigin(images), [None, None], ["X", "Y"])], numbered)
    assert pool is not None
    assert pool.masked.tolist() == [False, True]


def test_a_path_of_two_people_names_no_photo() -> None:
    pool = pool_images([pair_set(Named(["", "", ""]), [None] * 3, ["X", "Y", "Y"])], numbered)
    assert pool is not None
    assert pool.photos.tolist() == [0, 1, 2]


def test_sets_that_disagree_who_is_on_a_photo_have_no_error_rates_which_is_said() -> None:
    other = pair_set(Named(["x/1", "y/1"]), [None, None], ["17", "18"], "evaluate.b.pairs")
    gathered = gather([ONE, other], numbered)
    assert gathered.pool is None
    measured = measure_once(gathered, seed=0)
    assert measured.risk is None
    assert "x/1 shows 'zoë x' in one set of the evaluation pairs and '17' in another" in measured.notes[0]


def clustered(doubled: bool) -> PairSet:
    """Thirty people of four photos each; the last one is also there as ``Alias``."""
    names = [f"P{number // 4}" for number in range(120)] + ["Alias" if doubled else "P29"] * 4
    return pair_set(Named([str(number) for number in range(124)]), [None] * 124, names)


@pytest.mark.parametrize("doubled", [True, False])
def test_a_person_under_two_names_is_named(doubled: bool) -> None:
    draw = np.random.default_rng(1)
    centres = draw.normal(size=(30, 64))
    rows = np.concatenate([centres.repeat(4, 0), centres[-1:].repeat(4, 0)]) + 0.3 * draw.normal(size=(124, 64))
    gathered = gather([clustered(doubled)], lambda pairs, view=None: rows.astype(np.float32))
    said = [note for note in measure_once(gathered, seed=0).notes if "look like one person" in note]
    assert [("'P29'" in note, "'Alias'" in note) for note in said] == ([(True, True)] if doubled else [])


def test_a_network_that_tells_nobody_apart_names_nobody() -> None:
    rows = np.random.default_rng(1).normal(size=(124, 3)).astype(np.float32)
    gathered = gather([clustered(True)], lambda pairs, view=None: rows)
    assert not [note for note in measure_once(gathered, seed=0).notes if "look like" in note]
