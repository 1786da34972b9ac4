"""A file of evaluators alone: what it must name, in a sentence where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.evaluations_only import resolve_evaluations
from maskrec.recipe.problems import RecipeError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 3\n", "names no evaluators"),
        ("evaluate: {}\n", "names no evaluators"),
        ("evaluate: {use: verification}\n", "but is an evaluator itself"),
        ("evaluate: [verification]\n", "must be a map"),
    ],
)
def test_a_file_without_labelled_evaluators_is_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "evaluations.yaml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=said) as raised:
        resolve_evaluations(file, catalog=discover([]))
    assert str(raised.value).count("evaluations.yaml:") == 1


def test_a_file_of_evaluators_has_them_by_label_and_nothing_to_note(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "pairs.csv").touch()
    file = tmp_path / "evaluations.yaml"
    file.write_text("seed: 5\nevaluate:\n  mine: {use: toy_evaluator, pairs: {use: toy_pairs, path: pairs.csv}}\n")
    found = resolve_evaluations(file, catalog=catalog, data_root=tmp_path)
    assert (list(found.evaluate), found.seed, found.notes) == (["mine"], 5, ())
