"""The recipes that come with maskrec."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import maskrec
from maskrec.contracts.errors import UsageError
from maskrec.recipe.node import nearest

PREFIX = "maskrec:"


def recipes_folder() -> Path:
    """Where the shipped recipes are.

    A checkout's ``recipes`` folder comes before the copy inside the package, which an editable install leaves stale.

    Raises:
        UsageError: neither is there.
    """
    package = Path(maskrec.__file__).parent
    for folder in (package.parent / "recipes", package / "recipes"):
        if folder.is_dir() and (folder.parent == package or _is_checkout(package.parent)):
            return folder
    raise UsageError(f"maskrec's recipes are missing beside {package}; install maskrec again")


def _is_checkout(folder: Path) -> bool:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return False
    return isinstance(project, dict) and project.get("name") == "maskrec"


def shipped_recipes() -> dict[str, Path]:
    """Name to file of every shipped recipe, sorted; without those below ``base/``, which are only to be extended."""
    return {path.stem: path for path in sorted(recipes_folder().glob("*.yaml"))}


def find_shipped(name: str) -> Path:
    """The file of ``quickstart``, ``quickstart.yaml`` or ``base/NAME``.

    Raises:
        UsageError: there is no such recipe; the message names the nearest.
    """
    folder = recipes_folder()
    bare = name.removesuffix(".yaml")
    known = [path.relative_to(folder).with_suffix("").as_posix() for path in sorted(folder.rglob("*.yaml"))]
    if bare not in known:
        raise UsageError(f"maskrec ships no recipe called {name!r}; {nearest(bare, known, 'shipped recipe')}")
    return folder / f"{bare}.yaml"


def summary(path: Path) -> str:
    """The first line of the recipe's heading comment, without its ``#``."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            return ""
        if text := re.sub(r"^#+\s*", "", line).strip():
            return text
    return ""
