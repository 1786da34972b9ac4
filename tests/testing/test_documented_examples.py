"""What docs/contracts.md shows beside the templates of ``maskrec new`` keeps its contract; those are in tests/scaffold."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_blocks import named_blocks, write_blocks

from maskrec.scaffold.kind_templates import FILES
from maskrec.testing.candidates import candidates_of
from maskrec.testing.running_checks import run_checks

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
OTHERS = sorted({name for name in named_blocks(PAGE) if name.endswith(".py")} - {file for _, file in FILES.values()})


@pytest.mark.parametrize("file", OTHERS)
def test_an_example_passes_every_check(file: str, tmp_path: Path) -> None:
    write_blocks(PAGE, tmp_path)
    results = list(run_checks(candidates_of(tmp_path / file)))
    assert results
    assert [result for result in results if result.outcome in ("fail", "warn")] == []
