"""What docs/contracts.md shows keeps the contract of its kind, and so does what ``maskrec new`` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_blocks import named_blocks, write_blocks

from maskrec.testing.plugin_candidates import candidates_of
from maskrec.testing.running_checks import run_checks

README = Path(__file__).parents[2] / "README.md"
PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
TRAINED = (
    "masked_more.py",
    "by_norm.py",
    "capped_entropy.py",
    "nearest_triplets.py",
    "even_people.py",
    "thin_centres.py",
    "latest_faces.py",
)
"""Checked by short trainings and in two processes."""
FILES = [
    pytest.param(name, marks=pytest.mark.slow if name in TRAINED else [])
    for name in named_blocks(PAGE)
    if name.endswith(".py")
]


@pytest.mark.parametrize("file", FILES)
def test_an_example_passes_every_check(file: str, tmp_path: Path) -> None:
    """That of docs/plugins.md is checked by the command on that page."""
    results = list(run_checks(candidates_of(write_blocks(PAGE, tmp_path)[file])))
    assert len(results) > 8
    assert [result for result in results if result.outcome in ("fail", "warn")] == []


def test_the_short_loss_of_the_readme_passes_every_check(tmp_path: Path) -> None:
    results = list(run_checks(candidates_of(write_blocks(README, tmp_path)["soft_cosine.py"])))
    assert len(results) > 20
    assert [result for result in results if result.outcome in ("fail", "warn")] == []
