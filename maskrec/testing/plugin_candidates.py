"""The components that a distribution or a file declares, as candidates with their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskrec.base.errors import PluginError, UsageError
from maskrec.base.words import did_you_mean
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.plugin.registered import normalise
from maskrec.testing.candidate import Candidate

Options = Mapping[str, Mapping[str, Any]]


def candidates_of(source: str | Path, options: Options | None = None, files: Sequence[Path] = ()) -> list[Candidate]:
    """Every component that the source declares.

    Args:
        source: a distribution's name, or the path of a ``.py`` file that declares components.
        options: by component name, parameters as a recipe would set them.
        files: further files that declare what the options name.

    Raises:
        UsageError: the source declares no component, or options are for a component that it does not declare.
        PluginError: the plugin, or a part of it, cannot be loaded.
    """
    file = Path(source) if isinstance(source, Path) or str(source).endswith(".py") else None
    name = f"file:{file.name}" if file is not None else normalise(str(source))
    catalog = discover([*([file] if file is not None else []), *files], only=[] if file is not None else [name])
    _refuse_failures(catalog, name)
    found = [entry for entry in catalog.entries if entry.provider.distribution == name]
    if not found:
        raise UsageError(f"{source} declares no component; its hooks must return at least one")
    given = options or {}
    for unknown in given.keys() - {entry.name for entry in found}:
        known = [entry.name for entry in found]
        hint = did_you_mean(unknown, known, f"it declares {', '.join(known)}")
        raise UsageError(f"options are given for {unknown!r}, which {source} does not declare; {hint}")
    return [Candidate(entry, catalog, given.get(entry.name, {})) for entry in found]


def _refuse_failures(catalog: Catalog, name: str) -> None:
    for failure in catalog.failures:
        if failure.provider.distribution != name:
            continue
        if failure.stage == "metadata":  # not installed, or unreadable
            raise UsageError(f"{failure}; install the plugin into this environment, or name its .py file")
        raise PluginError(failure.of_named) from failure.error
