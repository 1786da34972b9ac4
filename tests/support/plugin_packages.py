"""Plugin packages as pip leaves them in a site folder: the modules, and metadata with the entry points."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path


def install_package(folder: Path, site: Path) -> str:
    """Copy the package of a source tree, and write what pip writes of its pyproject.toml; the distribution's name."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    about = project["project"]
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        shutil.copytree(folder / package, site / package)
    info = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {about['name']}", f"Version: {about['version']}"]
    needs = [f"Requires-Dist: {need}" for need in about["dependencies"]]
    (info / "METADATA").write_text("\n".join([*head, *needs, ""]), encoding="utf-8")
    lines = ["[maskrec]", *(f"{name} = {module}" for name, module in about["entry-points"]["maskrec"].items())]
    (info / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(about["name"])
