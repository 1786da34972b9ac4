"""The plugins of this repository: each a distribution of its own, with what it says about itself."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
VERSIONS = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in LINES if "==" in line}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_every_plugin_is_a_distribution_with_a_readme_a_licence_and_tests(plugin: Path) -> None:
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == plugin.name
    assert project["license"]
    (module,) = project["entry-points"]["maskrec"].values()
    assert (plugin / module / "__init__.py").is_file()
    assert (plugin / "README.md").read_text(encoding="utf-8").startswith(f"# {plugin.name}\n")
    assert list((plugin / "tests").glob("test_*.py"))


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_what_a_plugin_needs_has_an_exact_version_within_its_range(plugin: Path) -> None:
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project.get("optional-dependencies", {}).values()
    wanted = [*project["dependencies"], *(text for group in groups for text in group)]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if not name.startswith("maskrec"):
            assert VERSIONS[name] in requirement.specifier, requirement


def test_mypy_checks_every_plugin():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"]
    packages = {path.parent.name for plugin in PLUGINS for path in plugin.glob("maskrec_*/__init__.py")}
    assert len(packages) == len(PLUGINS) > 0
    assert {*settings["packages"]} == {"maskrec", *packages}
    assert {*settings["mypy_path"]} == {plugin.relative_to(ROOT).as_posix() for plugin in PLUGINS}
