"""What a recipe may write at one place of a list, a tuple or a map."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from maskrec.recipe.annotations import item_annotation

UNKNOWN = inspect.Parameter.empty


@pytest.mark.parametrize(
    ("annotation", "key", "item"),
    [
        (tuple[int, ...], 0, int),
        (tuple[int, ...], 7, int),
        (tuple[int, str], 0, int),
        (tuple[int, str], 1, str),
        (tuple[int, str], 2, UNKNOWN),
        (tuple[int, str, float], 2, float),
        (list[int], 5, int),
        (Sequence[str], 0, str),
        (dict[str, float], "a", float),
        (Mapping[str, float], "a", float),
        (dict[str, float], 0, UNKNOWN),
        (list[int], "a", UNKNOWN),
        (list, 0, UNKNOWN),
        (int, 0, UNKNOWN),
    ],
)
def test_the_annotation_of_an_item(annotation: Any, key: object, item: Any) -> None:
    assert item_annotation(annotation, key) is item
