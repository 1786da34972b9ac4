"""Its components keep the contracts of their kinds."""

from __future__ import annotations

from maskrec.testing import parametrize_with_checks


@parametrize_with_checks("maskrec-example-backbone")
def test_contract(check) -> None:
    check()
