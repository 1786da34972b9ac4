"""``maskrec new``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import PluginError, UsageError
from maskrec.cli.options import open_catalog

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog
    from maskrec.scaffold.new_package import WrittenPackage


def new(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]", help="loss, backbone, sampler, ..., or a part: miner, margin, criterion, head, memory."
        ),
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the component, as recipes write it.")] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE.py", help="Make a package of a file tried with --plugin.")
    ] = None,
    distribution: Annotated[
        str | None, typer.Option("--distribution", metavar="D", help="The package's name; maskrec-NAME by default.")
    ] = None,
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Where the package's folder is made; the current folder.")
    ] = Path(),
) -> None:
    """Start a plugin: a package with one working component. Its tests and what pip needs are in it.

    maskrec new loss my_loss, or maskrec new --from my_loss.py
    """
    from maskrec.scaffold.new_package import package_of_file, package_of_kind

    if from_file is not None:
        if kind is not None:
            raise UsageError(
                f"--from takes kind and name from the file; leave {' '.join(filter(None, (kind, name)))} out"
            )
        written = package_of_file(from_file, into, _with_file(from_file), distribution)
    elif kind is None or name is None:
        raise UsageError("give a kind and a name, as in maskrec new loss my_loss, or a tried file: --from FILE.py")
    else:
        written = package_of_kind(kind, name, into, open_catalog(None), distribution)
    _say(written)


def _with_file(file: Path) -> Catalog:
    """What is installed, and what the file declares; messages about the file name it alone."""
    if file.suffix != ".py" or not file.is_file():
        raise UsageError(f"{file} is not an existing Python file; give the path of a .py file that declares components")
    try:
        return open_catalog([file])
    except PluginError as error:
        raise PluginError(str(error).removeprefix("--plugin ")) from error


def _say(written: WrittenPackage) -> None:
    say(f"wrote {written.folder}")
    for path in written.files:
        say(f"  {path}")
    say("next:")
    for command in (
        f"cd {written.folder}",
        'pip install --editable ".[test]"',
        "python -m pytest",
        written.facts.trial(),
    ):
        say(f"  {command}")
