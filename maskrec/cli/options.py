"""Options that several commands share, and the catalog that they build."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import PluginError
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.plugin.registered import Failure

PluginFiles = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE.py", help="A Python file that declares components; may be repeated."),
]
NoPlugins = Annotated[
    bool, typer.Option("--no-plugins", help="Ignore installed plugins; the built-in components stay.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def debugging() -> bool:
    """Whether to show tracebacks: ``--debug`` or ``MASKREC_DEBUG=1``."""
    return os.environ.get("MASKREC_DEBUG", "") not in ("", "0")


def open_catalog(
    files: Sequence[Path] | None, no_plugins: bool = False, *, tolerant: bool = False, quiet: bool = False
) -> Catalog:
    """The catalog of this installation; each plugin's failure is one line on stderr.

    ``MASKREC_PLUGINS=dist,dist`` names the installed plugins to load; set but empty, it loads none.

    Args:
        files: given with ``--plugin``.
        no_plugins: whether installed plugins are ignored.
        tolerant: whether a failing ``--plugin`` file is reported like the others instead of raised.
        quiet: whether the caller reports the failures itself.

    Raises:
        UsageError: a file does not exist, or two have the same name.
        PluginError: a ``--plugin`` file that fails, unless tolerant.
    """
    named = os.environ.get("MASKREC_PLUGINS")
    only = None if named is None else [name.strip() for name in named.split(",") if name.strip()]
    catalog = discover(files or (), plugins=not no_plugins, only=only)
    for failure in catalog.failures:
        if failure.fatal and failure.provider.file is not None and not tolerant:
            long_way = failure.stage == "import" and not isinstance(failure.error, SyntaxError)
            traced = "; --debug shows the traceback" if long_way and not debugging() else ""
            raise PluginError(f"--plugin {failure.of_named}{traced}") from failure.error
        if not quiet:
            report(failure)
    return catalog


def listed(given: list[str] | None) -> list[str]:
    """The words of an option that may be repeated or comma-separated; none where it was not given."""
    return [word.strip() for words in given or () for word in words.split(",")]


def report(failure: Failure) -> None:
    """One line on stderr; with ``--debug`` the traceback too."""
    say(str(failure).replace("\n", " "), error=True)
    if debugging() and failure.error is not None:
        import traceback

        traceback.print_exception(failure.error)
