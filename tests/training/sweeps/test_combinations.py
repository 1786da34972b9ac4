"""The words of a sweep: what they combine, and how its runs are called."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.training.sweeps.combinations import Combination, read_grid, split_values


def test_every_combination_in_the_order_of_the_words() -> None:
    grid = read_grid(["loss.margin=0.3,0.4", "train.epochs=2", "optimizer.lr=1e-2, 1e-3,1e-4"])
    assert [tuple(each.values.values()) for each in grid.combinations] == [
        ("0.3", "1e-2"), ("0.3", "1e-3"), ("0.3", "1e-4"), ("0.4", "1e-2"), ("0.4", "1e-3"), ("0.4", "1e-4"),
    ]  # fmt: skip
    assert grid.seeds == ()
    assert grid.combinations[1].words(7) == ["train.epochs=2", "loss.margin=0.3", "optimizer.lr=1e-3", "seed=7"]
    assert grid.combinations[1].name(7) == "loss.margin=0.3,optimizer.lr=1e-3,seed=7"


def test_without_values_to_combine_there_is_one_combination() -> None:
    (only,) = read_grid(["loss.margin=0.3"]).combinations
    assert (only.words(1), only.name(1)) == (["loss.margin=0.3", "seed=1"], "seed=1")


def test_seeds_that_are_listed_are_seeds_and_no_values() -> None:
    grid = read_grid(["seed=3,1,2"])
    assert (len(grid.combinations), grid.seeds) == (1, (3, 1, 2))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[5,10],[10,20]", ["[5,10]", "[10,20]"]),
        ("{use: sgd, lr: 0.1},{use: adam}", ["{use: sgd, lr: 0.1}", "{use: adam}"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ('["a]",b],c', ['["a]",b]', "c"]),
        ("it's,that's", ["it's", "that's"]),
        ("a", ["a"]),
        ("", [""]),
    ],
)
def test_commas_inside_of_a_value_stay(text: str, values: list[str]) -> None:
    assert split_values(text) == values


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters=",'\"[]{}"), max_size=5), min_size=1, max_size=5))
def test_plain_values_come_back(values: list[str]) -> None:
    assert split_values(",".join(values)) == [value.strip() for value in values]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["loss.margin=0.3,,0.4"], "a value beside a comma is empty"),
        (["loss.margin=0.3,0.3"], "the value 0.3 is listed twice"),
        (["a.b=1,2", "a.b=3,4"], "the values of `a.b` are listed twice"),
        (["seed=1,two"], "expected whole numbers"),
    ],
)
def test_what_cannot_be_combined_is_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        read_grid(words)
    assert "\n" not in str(error.value)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=60), max_size=3), st.integers(0, 99))
def test_a_name_is_a_plain_folder_and_other_values_have_another(values: dict[str, str], seed: int) -> None:
    name = Combination(values, ()).name(seed)
    assert name.isascii()
    assert len(name) <= 130
    assert not set(name) & set("/\\ \n*?")
    assert name == Combination(dict(values), ("train.epochs=1",)).name(seed)
    for key in values:
        assert Combination({**values, key: values[key] + "/"}, ()).name(seed) != name
