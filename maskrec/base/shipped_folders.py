"""Folders that are shipped with maskrec: beside the package in a checkout, inside it when it is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.version import PACKAGE


def shipped_folder(name: str, inside: str) -> Path:
    """Where a shipped folder is.

    A checkout's folder takes precedence over the copy inside the package, which an editable install leaves stale.

    Args:
        name: of the folder in a checkout.
        inside: where the wheel has its files, relative to the package.

    Raises:
        UsageError: neither exists.
    """
    beside, within = PACKAGE.parent / name, PACKAGE / inside
    if beside.is_dir() and _is_checkout(PACKAGE.parent):
        return beside
    if within.is_dir():
        return within
    raise UsageError(f"maskrec's {name} are missing beside {PACKAGE}; reinstall maskrec")


def _is_checkout(folder: Path) -> bool:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return False
    return isinstance(project, dict) and project.get("name") == "maskrec"
