"""What is a number inside (0, 1), and what is said of the rest."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from maskrec.base.unit_interval import outside_unit_interval, require_inside_unit_interval


@pytest.mark.parametrize("value", [1e-300, 0.5, math.nextafter(1, 0), np.float32(0.25), np.float64(0.25)])
def test_a_number_inside_is_accepted(value: object) -> None:
    assert outside_unit_interval(value, "a rate") == ""
    require_inside_unit_interval(value, "a rate")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((0, "0"), (1, "1"), (0.0, "0"), (1.5, "1.5"), (-1e-9, "-1e-09"), (math.nan, "nan"), (math.inf, "inf")),
        *((True, "True"), ("0.5", "'0.5'"), (None, "None")),
    ],
)
def test_all_else_is_refused_with_what_it_is(value: object, shown: str) -> None:
    said = f"a rate must be inside (0, 1), not {shown}"
    assert outside_unit_interval(value, "a rate") == said
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        require_inside_unit_interval(value, "a rate")
