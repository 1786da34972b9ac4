"""A pair set's columns are held to each other when it is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskrec.contracts.pair_set import PairSet

RIGHT: dict[str, Any] = {
    "label": "held_out",
    "images": "abcd",
    "mask_types": [None] * 4,
    "left": np.array([0, 2]),
    "right": np.array([1, 3]),
    "same": np.array([True, False]),
    "condition": np.array([0, 2], np.int8),
    "identities": ["Ann", "Ann", "Bo", "Cy"],
}


def test_columns_that_fit_are_taken() -> None:
    assert len(PairSet(**RIGHT)) == 2
    none = np.zeros(0, np.int64)
    empty = {"left": none, "right": none, "same": none.astype(bool), "condition": none}
    assert len(PairSet(**{**RIGHT, **empty, "identities": None})) == 0


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("identities", ["Ann", "Bo"], "has 2 identities for 4 images"),
        ("left", np.array([0, 4]), "has the index 4 in `left`, and there are 4 images"),
        ("right", np.array([-1, 3]), "has the index -1 in `right`"),
        ("condition", np.array([0, 3], np.int8), "has the condition 3; conditions are 0 bare, 1 one masked, 2 both"),
        ("same", np.array([1, 0]), "has `same` of type int64; it must be a bool array"),
        ("same", [True, False], "has `same` of type list; it must be a bool array"),
        ("fold", np.array([0]), "differ in length"),
        ("mask_types", [None], "expected one mask type"),
    ],
)
def test_a_column_that_does_not_fit_is_named(column: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PairSet(**{**RIGHT, column: value})
