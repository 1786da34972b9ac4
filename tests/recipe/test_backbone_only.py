"""The backbone of a recipe, or one that is written out, resolved by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.recipe.backbone_only import resolve_backbone
from maskrec.recipe.part_of_recipe import part_of_text


@pytest.mark.parametrize("section", ["", "backbone: null\n"])
def test_a_recipe_without_a_backbone_is_refused(section: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(f"seed: 1\n{section}")
    with pytest.raises(RecipeError, match=r"r\.yaml has no `backbone`"):
        resolve_backbone(tmp_path / "r.yaml", catalog=discover(()))


def test_the_rest_of_the_recipe_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("seed: 1\nloss: {use: nobody}\nbackbone: {use: timm, model: resnet18}\n")
    named = resolve_backbone(tmp_path / "r.yaml", catalog=discover(()))
    assert (named.backbone.who, named.seed) == ("backbone: maskrec/timm", 1)


@pytest.mark.parametrize("text", ["plain", "[a]", "", "1"])
def test_what_is_written_out_must_be_a_map(text: str) -> None:
    with pytest.raises(RecipeError, match=r"--backbone must be a map such as \{use: NAME\}"):
        part_of_text(text, "--backbone")
