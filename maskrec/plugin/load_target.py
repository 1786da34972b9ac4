"""A component's target imported, every failure turned into one sentence."""

from __future__ import annotations

import functools
import re
import sys
from importlib import import_module, metadata
from types import ModuleType
from typing import Any

from maskrec.base.console import say
from maskrec.base.errors import PluginError
from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import nearest
from maskrec.plugin.author_errors import raised_in
from maskrec.plugin.foreign_code import Noticed, foreign_code
from maskrec.plugin.registered import Registered


def missing_needs(entry: Registered) -> list[str]:
    """The distributions that the component needs and that are not installed."""
    return [need for need in entry.component.needs if not _installed(need)]


def _installed(need: str) -> bool:
    try:
        metadata.distribution(re.split(r"[^\w.-]", need.strip(), maxsplit=1)[0])
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True


def load_target(entry: Registered) -> Any:
    """See ``Catalog.load``."""
    who = f"{entry.noun} {entry.versioned}"
    missing = missing_needs(entry)
    if missing:
        raise PluginError(f"{who} needs {', '.join(missing)}: pip install {' '.join(map(repr, missing))}")
    module_name, _, path = entry.component.target.partition(":")
    noticed = Noticed()
    try:
        watched = who if _runs_code_of_others(entry, module_name) else None
        with foreign_code(watched, noticed=noticed):
            module = _import(entry, module_name)
            found = functools.reduce(getattr, path.split("."), module)
    except INTERRUPTS:
        raise
    except BaseException as error:  # also SystemExit: a plugin must not end the program
        raise PluginError(f"{who} cannot be loaded: {_explain(entry, module_name, path, error)}") from error
    for change in noticed.changes():
        say(f"{who}: {change}", error=True)
    if not callable(found):
        raise PluginError(f"{who} cannot be loaded: its target {entry.component.target!r} is not a class or function")
    return found


def _runs_code_of_others(entry: Registered, module_name: str) -> bool:
    """Whether the target's module is a plugin's and is still to be imported."""
    if module_name or entry.provider.file is None:
        return entry.provider.distribution != "maskrec" and module_name not in sys.modules
    from maskrec.plugin.from_file import imported

    return imported(entry.provider.file) is None


def _import(entry: Registered, module_name: str) -> ModuleType:
    if module_name or entry.provider.file is None:
        return import_module(module_name)
    from maskrec.plugin.from_file import import_file

    return import_file(entry.provider.file)


def _explain(entry: Registered, module_name: str, path: str, error: BaseException) -> str:
    target, file = entry.component.target, entry.provider.file
    if isinstance(error, AttributeError) and error.name == path and isinstance(error.obj, ModuleType):
        near = nearest(path, dir(error.obj))
        return f"its target {target!r} does not exist" + (f", {near[0]} does" if near else "")
    if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
        meant = f"; write ':{path}' for a name in the file itself" if file and file.stem == module_name else ""
        return f"its target {target!r} is in a module that does not exist{meant}"
    return f"importing {module_name or file} raised {raised_in(error, None if module_name else file, module_name)}"
