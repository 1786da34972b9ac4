"""Its components keep the contracts of their kinds."""

from __future__ import annotations

from maskrec.testing import parametrize_with_checks


@parametrize_with_checks(
    "maskrec-example-loss",
    # The checks' data is small: 42 faces of 5 people. Parameters that do not fit it, or have no default, are set here.
    options={"example_mv_softmax": {}},
)
def test_contract(check) -> None:
    check()
