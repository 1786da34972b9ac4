"""What docs/plugins.md and docs/contracts.md show keeps the contract of its kind, and so what ``maskrec new`` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_blocks import named_blocks, write_blocks

from maskrec.testing.candidates import candidates_of
from maskrec.testing.running_checks import run_checks

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "plugins.md", DOCS / "contracts.md"]
FILES = [(page, name) for page in PAGES for name in named_blocks(page) if name.endswith(".py") and "/" not in name]


@pytest.mark.parametrize(("page", "file"), FILES, ids=lambda value: getattr(value, "name", value))
def test_an_example_passes_every_check(page: Path, file: str, tmp_path: Path) -> None:
    results = list(run_checks(candidates_of(write_blocks(page, tmp_path)[file])))
    assert len(results) > 8
    assert [result for result in results if result.outcome in ("fail", "warn")] == []
