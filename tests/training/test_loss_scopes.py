"""A loss that names ``batch`` sees this process's images only, so it must say that its scope allows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from probe_runs import column, probe

from maskrec.contracts.problem import RecipeError


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("peeking", r"Peeking\.forward names `batch`, so its scope must be 'sample' or 'parts', not 'global'"),
        ("peeking_shard", r"PeekingShard\.forward names `batch`, .* not 'sharded'"),
        ("misspelt", r"Misspelt\.scope is 'samples'; it must be one of global, sample, sharded, parts"),
    ],
)
def test_it_is_refused_before_the_run_begins(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=said) as raised:
        probe(tmp_path, {"loss": {"use": name}})
    (problem,) = raised.value.problems
    assert problem.path == "loss"
    assert problem.mark is not None
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["peeking_sample", "peeking_parts"])
def test_it_is_trained_where_its_scope_allows_it(name: str, tmp_path: Path) -> None:
    assert len(column(probe(tmp_path, {"loss": {"use": name}}), "loss")) == 3
