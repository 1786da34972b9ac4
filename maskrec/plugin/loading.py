"""Imports of other people's code: output kept off stdout, every way to fail turned into one sentence."""

from __future__ import annotations

import contextlib
import difflib
import re
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from types import ModuleType
from typing import Any

from maskrec.contracts.errors import PluginError
from maskrec.plugin.catalog import Entry


@contextlib.contextmanager
def foreign_code() -> Iterator[None]:
    """While a plugin's code runs, what it prints goes to stderr: stdout belongs to the answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def one_line(error: BaseException) -> str:
    """``Type: message`` in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def missing_needs(entry: Entry) -> list[str]:
    """Which of the distributions that the component needs are not installed."""
    return [need for need in entry.component.needs if not _installed(need)]


def _installed(need: str) -> bool:
    try:
        metadata.distribution(re.split(r"[^\w.-]", need.strip(), maxsplit=1)[0])
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True


def load_target(entry: Entry) -> Any:
    """See ``Catalog.load``."""
    who = f"{entry.noun} {entry.qualified}"
    missing = missing_needs(entry)
    if missing:
        raise PluginError(f"{who} needs {', '.join(missing)}: pip install {' '.join(map(repr, missing))}")
    module_name, _, path = entry.component.target.partition(":")
    found: Any = _import(entry, module_name, who)
    for name in path.split("."):
        if not hasattr(found, name):
            near = difflib.get_close_matches(name, dir(found), n=1)
            raise PluginError(
                f"{who} cannot be loaded: its target {entry.component.target!r} does not exist"
                + (f", did {entry.provider} mean {near[0]}?" if near else f"; this is for {entry.provider} to mend")
            )
        found = getattr(found, name)
    if not callable(found):
        raise PluginError(f"{who} cannot be loaded: its target {entry.component.target!r} is no class or function")
    return found


def _import(entry: Entry, module_name: str, who: str) -> ModuleType:
    try:
        with foreign_code():
            if not module_name and entry.provider.file is not None:
                from maskrec.plugin.from_file import import_file

                return import_file(entry.provider.file)
            return import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: a plugin does not end the program
        raise PluginError(
            f"{who} cannot be loaded: importing {module_name or entry.provider.file} raised {one_line(error)}"
        ) from error
