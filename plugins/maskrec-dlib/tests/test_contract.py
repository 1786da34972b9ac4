"""Its component keeps the contract of its kind."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from maskrec.testing import parametrize_with_checks

try:
    version("maskrec-dlib")
except PackageNotFoundError:
    pytest.skip("maskrec-dlib is not installed: run make test-plugins", allow_module_level=True)


@parametrize_with_checks("maskrec-dlib", options={"dlib_resnet": {"weights": None}})
def test_contract(check) -> None:
    check()
