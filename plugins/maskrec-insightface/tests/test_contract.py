"""Its components keep the contracts of their kinds."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from maskrec.testing import parametrize_with_checks

try:
    version("maskrec-insightface")
except PackageNotFoundError:
    pytest.skip("maskrec-insightface is not installed: run make", allow_module_level=True)


@parametrize_with_checks("maskrec-insightface", options={"iresnet": {"depth": 18, "embedding_size": 64}})
def test_contract(check) -> None:
    check()
