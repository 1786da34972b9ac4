"""maskrec's contract checks."""

from __future__ import annotations

import pytest

pytest.importorskip("mlflow", reason="mlflow-skinny is not installed; run `make test-plugins`")

from maskrec.testing import parametrize_with_checks


@parametrize_with_checks("maskrec-mlflow")
def test_contract(check):
    check()
