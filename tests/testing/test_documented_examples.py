"""The losses, samplers and parts that docs/contracts.md shows keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_blocks import write_blocks

from maskrec.testing.candidates import candidates_of
from maskrec.testing.running_checks import run_checks

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"


@pytest.mark.parametrize("file", ["masked_more.py", "by_norm.py", "extras.py"])
def test_an_example_passes_every_check(file: str, tmp_path: Path) -> None:
    write_blocks(PAGE, tmp_path)
    candidates = [each for each in candidates_of(tmp_path / file) if each.kind in ("loss", "sampler", "part")]
    results = list(run_checks(candidates))
    assert results
    assert [result for result in results if result.outcome in ("fail", "warn")] == []
