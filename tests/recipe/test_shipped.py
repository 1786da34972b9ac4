from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from maskrec.base.errors import UsageError
from maskrec.recipe import shipped
from maskrec.recipe.layering import read_layers
from maskrec.recipe.node import plain

ROOT = Path(__file__).parents[2]


def test_in_a_checkout_the_recipes_beside_the_package_count() -> None:
    assert shipped.recipes_folder() == ROOT / "recipes"
    assert set(shipped.shipped_recipes()) == {path.stem for path in (ROOT / "recipes").glob("*.yaml")}


def test_every_shipped_recipe_says_what_it_is_for() -> None:
    for path in shipped.shipped_recipes().values():
        assert len(shipped.summary(path)) > 20


@pytest.mark.parametrize("name", ["quickstart", "quickstart.yaml"])
def test_names(name: str) -> None:
    assert shipped.shipped_recipe(name) == ROOT / "recipes" / "quickstart.yaml"


@pytest.mark.parametrize("name", ["quikstart", "../pyproject", "", "/etc/passwd", "quickstart.yaml.yaml", "a\0b"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="ships no recipe"):
        shipped.shipped_recipe(name)


def _where(package_parent: Path) -> str:
    code = "from maskrec.recipe.shipped import recipes_folder; print(recipes_folder())"
    call = subprocess.run([sys.executable, "-c", code], cwd=package_parent, capture_output=True, text=True, check=False)
    return call.stdout.strip() or call.stderr.splitlines()[-1]


def test_installed_the_copy_in_the_package_counts(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "maskrec", tmp_path / "maskrec", ignore=shutil.ignore_patterns("__pycache__", "recipes"))
    assert "missing" in _where(tmp_path)
    (tmp_path / "maskrec" / "recipes").mkdir()
    assert _where(tmp_path) == str(tmp_path / "maskrec" / "recipes")
    (tmp_path / "recipes").mkdir()  # another user's folder
    assert _where(tmp_path) == str(tmp_path / "maskrec" / "recipes")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\n')
    assert _where(tmp_path) == str(tmp_path / "maskrec" / "recipes")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "maskrec"\n')
    assert _where(tmp_path) == str(tmp_path / "recipes")


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml")))
def test_a_copy_says_what_the_original_says(name: str, tmp_path: Path) -> None:
    original = read_layers(ROOT / "recipes" / f"{name}.yaml")
    target = shipped.copy_recipe(name, tmp_path)
    assert target == tmp_path / f"{name}.yaml"
    copied = read_layers(target)
    assert copied.root is not None
    assert original.root is not None
    assert plain(copied.root) == plain(original.root)


def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    assert shipped.copy_recipe("quickstart", target) == target
    before = target.read_text()
    with pytest.raises(UsageError, match="already exists"):
        shipped.copy_recipe("quickstart", target)
    assert target.read_text() == before
    with pytest.raises(UsageError, match="cannot be written"):
        shipped.copy_recipe("quickstart", tmp_path / "nowhere" / "x.yaml")
