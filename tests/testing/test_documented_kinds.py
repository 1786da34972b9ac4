"""The backbones, evaluators, data sets, pairs, transforms and observers of docs/contracts.md keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_blocks import write_blocks

from maskrec.testing.candidates import candidates_of
from maskrec.testing.evaluated_pairs import PAIRS
from maskrec.testing.running_checks import run_checks

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
OPTIONS = {"extras.py": {"mean_gap": {"pairs": PAIRS}}}
KINDS = ("backbone", "evaluator", "dataset", "pairs", "transform", "observer")


@pytest.mark.parametrize(("file", "names"), [("shapes.py", 2), ("tiny.py", 1), ("extras.py", 3)])
def test_an_example_passes_every_check(file: str, names: int, tmp_path: Path) -> None:
    write_blocks(PAGE, tmp_path)
    candidates = [each for each in candidates_of(tmp_path / file, OPTIONS.get(file)) if each.kind in KINDS]
    assert len(candidates) == names
    results = list(run_checks(candidates))
    assert [result for result in results if result.outcome in ("fail", "warn")] == []
