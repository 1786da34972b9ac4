"""maskrec's contract checks."""

from __future__ import annotations

import tempfile

import pytest

pytest.importorskip("mlflow", reason="mlflow-skinny is not installed; run `make test-plugins`")

from maskrec.testing import parametrize_with_checks

STORE = tempfile.TemporaryDirectory(prefix="maskrec-mlflow-")  # one for all checks: making its tables takes seconds


@parametrize_with_checks(
    "maskrec-mlflow", options={"mlflow": {"tracking_uri": f"sqlite:///{STORE.name}/mlflow.db"}}
)  # fmt: skip
def test_contract(check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MLflow puts files beside the process
    check()
