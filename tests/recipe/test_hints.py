"""Hints for names that nobody knows."""

from __future__ import annotations

import pytest

from maskrec.recipe.node import nearest


@pytest.mark.parametrize(("count", "end"), [(1, "n0"), (20, ", n19"), (21, ", n19, ..."), (30, ", n19, ...")])
def test_twenty_names_are_listed_where_none_is_near(count: int, end: str) -> None:
    hint = nearest("something else", [f"n{number}" for number in range(count)])
    assert hint.startswith("known here: n0")
    assert hint.endswith(end)


def test_a_near_name_is_asked_for_and_without_names_nothing_is_said() -> None:
    assert nearest("margn", ["margin", "scale"]) == "did you mean `margin`?"
    assert nearest("margn", [], nothing="nothing here") == "nothing here"
