"""What a recipe may write at one place of a list, a tuple or a map."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from maskrec.recipe.annotations import item_annotation, strict

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


@pytest.mark.parametrize(
    ("annotation", "made"),
    [(tuple, tuple), (list, list), (Sequence, list), (Iterable, list), (tuple[int, ...], tuple), (list[int], list)],
)
def test_a_written_list_becomes_what_is_annotated(annotation: Any, made: type) -> None:
    found = TypeAdapter(strict(annotation)).validate_python([1, 2])
    assert (type(found), list(found)) == (made, [1, 2])


@pytest.mark.parametrize("annotation", [dict, Mapping, dict[str, int], Mapping[str, int]])
def test_a_written_map_becomes_a_dict(annotation: Any) -> None:
    assert TypeAdapter(strict(annotation)).validate_python({"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="valid dict"):
        TypeAdapter(strict(annotation)).validate_python([1])
