"""Columns of photos against a list of rows."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.preparation.sources.photo_columns import Item, PhotoColumns

ROWS = st.lists(
    st.tuples(st.text(max_size=3), st.text(max_size=2), st.integers(0, 9), st.booleans(), st.booleans()), max_size=8
)


def columns(rows: list[tuple[str, str, int, bool, bool]], all_of_them: bool) -> tuple[PhotoColumns, list[Item]]:
    """The same photos as columns and as rows; where the last value is False, landmarks are missing."""
    points = np.array([[number + place for place in range(10)] for _, _, number, _, _ in rows], np.float64)
    points = points.reshape(-1, 5, 2)
    points[[not there for *_, there in rows]] = np.nan
    items = []
    for name, person, number, masked, there in rows:
        ten = tuple(float(number + place) for place in range(10)) if there and all_of_them else None
        four = (0.0, 1.0, float(number), 9.5) if all_of_them else None
        items.append(
            Item(name, person, number, ten, four, masked and all_of_them, f"type {number}" if all_of_them else "")
        )
    names, people, places, masked_, _ = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [], [])
    if not all_of_them:
        return PhotoColumns(names, people, places), items
    boxes = np.array([[0.0, 1.0, number, 9.5] for number in places]).reshape(-1, 4)
    types = [f"type {number}" for number in places]
    return PhotoColumns(names, people, places, points, boxes, np.array(masked_, np.bool_), types), items


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, all_of_them=st.booleans(), cut=st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_rows_slices_and_order_are_those_of_a_list(
    rows: list[tuple[str, str, int, bool, bool]], all_of_them: bool, cut: tuple[int, int]
) -> None:
    photos, items = columns(rows, all_of_them)
    assert len(photos) == len(items)
    assert list(photos) == items
    assert [photos[number] for number in range(-len(items), len(items))] == items + items
    assert photos[slice(*cut)] == items[slice(*cut)]
    assert list(photos.by_name()) == sorted(items, key=lambda item: item.key)
    assert list(pickle.loads(pickle.dumps(photos))) == items
    for beyond in (len(items), -len(items) - 1):
        with pytest.raises(IndexError):
            photos[beyond]
