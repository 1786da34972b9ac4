"""maskrec's contract checks."""

from __future__ import annotations

import pytest

pytest.importorskip("wandb", reason="wandb is not installed; run `make test-plugins`")

from maskrec.testing import parametrize_with_checks


@parametrize_with_checks("maskrec-wandb")
def test_contract(check):
    check()
