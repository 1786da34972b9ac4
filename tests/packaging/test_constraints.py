"""constraints.txt fixes everything that make installs, within pyproject's ranges."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def exact_versions() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for requirement in wanted:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{requirement} is not exact"
    assert len({canonicalize_name(requirement.name) for requirement in wanted}) == len(wanted)
    return {canonicalize_name(requirement.name): next(iter(requirement.specifier)).version for requirement in wanted}


def everything_needed(roots: list[str]) -> Iterator[Requirement]:
    """The requirements that apply on this machine and, as far as they are installed, theirs."""
    todo, seen = [(Requirement(text), "") for text in roots], set()
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({**default_environment(), "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name == "maskrec" or (name, *sorted(requirement.extras)) in seen:
            continue
        seen.add((name, *sorted(requirement.extras)))
        yield requirement
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        todo += [(Requirement(text), extra) for text in needed for extra in ("", *requirement.extras)]


def roots() -> list[str]:
    return [*PROJECT["dependencies"], *(text for group in PROJECT["optional-dependencies"].values() for text in group)]


def test_every_range_admits_the_version_that_make_installs():
    versions = exact_versions()
    for requirement in map(Requirement, roots()):
        name = canonicalize_name(requirement.name)
        if name != "maskrec":
            assert versions[name] in requirement.specifier, requirement


def test_everything_that_make_installs_has_an_exact_version():
    versions = exact_versions()
    if metadata.version("torch").partition("+")[0] != versions["torch"]:
        pytest.skip("this environment was not installed with constraints.txt")
    needed = {canonicalize_name(requirement.name) for requirement in everything_needed(roots())}
    assert needed - set(versions) == set()


def test_facenet_pytorch_is_the_release_without_a_bound_on_torch():
    (found,) = (text for text in PROJECT["dependencies"] if text.startswith("facenet-pytorch"))
    assert found == "facenet-pytorch==2.5.3"
