"""What a plugin declares: components, and the marker for its hooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pluggy

hookimpl = pluggy.HookimplMarker("maskrec")
hookspec = pluggy.HookspecMarker("maskrec")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TARGET = re.compile(r"[\w.]*:[\w.]+")


@dataclass(frozen=True, slots=True)
class Component:
    """One registered thing: its name in recipes and where its code is.

    Args:
        name: as written in recipes, ``[a-z][a-z0-9_]*``.
        target: ``"package.module:Name"``, imported on first use only; ``":Name"`` in a file given with ``--plugin``.
        summary: the line that ``maskrec list`` shows.
        needs: distributions that the target imports and its plugin does not require, for the install hint.
        part: for ``maskrec_parts`` only: the kind of part ("miner", "distance", ...).
        aliases: names that it had before; recipes and runs that name them continue to work, with a warning.

    Raises:
        ValueError: a name, target or type that no recipe can use.
    """

    name: str
    target: str
    summary: str
    needs: tuple[str, ...] = ()
    part: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if callable(self.target):
            raise ValueError(f"Component.target must be a string: write {_written(self.target)}, not the object itself")
        for field in ("name", "target", "summary", "part"):
            if not isinstance(getattr(self, field), str):
                raise ValueError(f"Component.{field} must be a string, not {getattr(self, field)!r}")
        for field, what in (("needs", "distribution names"), ("aliases", "names")):
            values = getattr(self, field)
            if not isinstance(values, tuple) or not all(isinstance(each, str) for each in values):
                raise ValueError(f"Component.{field} must be a tuple of {what}, not {values!r}")
        for what, name in (("name", self.name), *(("alias", alias) for alias in self.aliases)):
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"Component {what} {name!r} must be lower case letters, digits and _, starting with a letter"
                )
        if self.name in self.aliases:
            raise ValueError(f"Component {self.name!r} has its own name as an alias; aliases are names of the past")
        if not _TARGET.fullmatch(self.target):
            own = f":{self.target}" if self.target.isidentifier() else ":Name"
            raise ValueError(
                f"Component target {self.target!r} must look like 'package.module:Name', "
                f"or {own!r} for a name in the --plugin file itself"
            )


def _written(target: Any) -> str:
    """How a class or function that was passed itself is to be written."""
    name, module = getattr(target, "__qualname__", type(target).__name__), getattr(target, "__module__", "")
    in_plugin_file = str(module).startswith("maskrec.plugin.from_file.")
    return f'"{"" if in_plugin_file else module}:{name}"'
