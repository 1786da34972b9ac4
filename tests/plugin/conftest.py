"""Plugins that are installed for one test."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_numbers = itertools.count()


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_distribution: Callable[..., Path]
) -> Callable[..., str]:
    """Installs a plugin for this test: its source, under a module name that no other test uses; gives that name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(
        source: str,
        name: str | None = None,
        point: str = "point",
        version: str = "1.0",
        requires: Sequence[str] = (),
    ) -> str:
        module = f"host_test_plugin_{next(_numbers)}"
        make_distribution(
            tmp_path,
            name or module.replace("_", "-"),
            {point: module},
            {module: textwrap.dedent(source)},
            version,
            requires,
        )
        return module

    return make
