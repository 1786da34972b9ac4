"""The recipes that are shipped with maskrec."""

from __future__ import annotations

import re
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.shipped_folders import shipped_folder
from maskrec.base.words import nearest as near_names
from maskrec.base.words import os_reason
from maskrec.recipe.node import nearest

PREFIX = "maskrec:"


def recipes_folder() -> Path:
    """Where the shipped recipes are; see `shipped_folder`."""
    return shipped_folder("recipes", "recipes")


def shipped_recipes() -> dict[str, Path]:
    """Name to file of every shipped recipe, sorted; without those below ``base/``, which are only to be extended."""
    return {path.stem: path for path in sorted(recipes_folder().glob("*.yaml"))}


def shipped_recipe(name: str) -> Path:
    """The file of ``quickstart``, ``quickstart.yaml`` or ``base/NAME``.

    Raises:
        UsageError: no shipped recipe has that name; the message names the nearest.
    """
    folder = recipes_folder()
    bare = name.removesuffix(".yaml")
    known = [path.relative_to(folder).with_suffix("").as_posix() for path in sorted(folder.rglob("*.yaml"))]
    if bare not in known:
        raise UsageError(f"maskrec ships no recipe called {name!r}; {nearest(bare, known, 'there is none')}")
    return folder / f"{bare}.yaml"


def shipped_like(name: str) -> str | None:
    """The shipped recipe that the name of a missing file may stand for; None where none is near."""
    bare = name.removesuffix(".yaml")
    if "/" in bare or "\\" in bare:
        return None
    near = near_names(bare, shipped_recipes())
    return near[0] if near else None


def summary(path: Path) -> str:
    """The first line of the recipe's heading comment, without its ``#``."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            return ""
        if text := re.sub(r"^#+\s*", "", line).strip():
            return text
    return ""


def copy_recipe(name: str, destination: Path) -> Path:
    """Copy a shipped recipe to a file, or into a folder under its own name; the file that was written.

    A relative ``extends`` would not resolve from there, so it becomes ``maskrec:NAME``.

    Raises:
        UsageError: no such recipe, the file already exists, or the place cannot be written.
    """
    source = shipped_recipe(name)
    target = destination / source.name if destination.is_dir() else destination
    text = _extends_by_name(source.read_text(encoding="utf-8"), source)
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{target} already exists; name another file to copy to") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({os_reason(error)})") from error
    return target


def _extends_by_name(text: str, source: Path) -> str:
    def renamed(match: re.Match[str]) -> str:
        parent = (source.parent / match[2]).resolve()
        return f"{match[1]}{PREFIX}{parent.relative_to(recipes_folder().resolve()).with_suffix('').as_posix()}"

    return re.sub(rf"^(extends:\s*)(?!{PREFIX})([^\s#]+)", renamed, text, flags=re.MULTILINE)
