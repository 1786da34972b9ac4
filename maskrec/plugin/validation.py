"""The rules for a plugin's declarations, and what is reported to its author."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

import pluggy

from maskrec.base.words import nearest
from maskrec.contracts.call_into import source_of
from maskrec.plugin.component import Component
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.registered import Failure, Provider, Registered


class RejectedError(Exception):
    """A plugin that is skipped; ``stage`` says where it failed."""

    def __init__(self, stage: str, message: str) -> None:
        self.stage = stage
        super().__init__(message)


def refuse_taken(declared: Iterable[Registered], before: Iterable[Registered], hooks: Mapping[str, Any]) -> None:
    """Raise RejectedError for a name or an alias that a component of the same distribution has already.

    Args:
        declared: what a plugin declares.
        before: what was declared before it.
        hooks: by kind, the plugin's function that declares it.
    """
    taken = {key: entry for entry in before for key in _keys(entry)}
    for entry in declared:
        for key in _keys(entry):
            other = taken.setdefault(key, entry)
            if other is not entry:
                place = _declared_at(entry, hooks[entry.kind])
                raise RejectedError("declaration", f"{_taken(entry, other, key[-1])}{place}")


def _keys(entry: Registered) -> list[tuple[str, str, str, str]]:
    """What no two entries may share: each name with the kind and the distribution."""
    return [(entry.kind, entry.component.part, entry.provider.distribution, name) for name in entry.names]


def _taken(entry: Registered, other: Registered, name: str) -> str:
    if name == entry.name == other.name:
        return f"{entry.noun} {name!r} is declared twice"
    owner, holder = (other, entry) if name in entry.component.aliases else (entry, other)
    also = "the name" if name == owner.name else "an alias"
    return (
        f"{holder.noun} {holder.name!r} has the alias {name!r}, which is {also} of {owner.noun} {owner.name!r}; "
        "a name of the past must be free"
    )


def check_entry(entry: Registered, hook: Any) -> None:
    """Raise RejectedError for a declaration that no recipe can use; ``hook`` is the function that returned it."""
    component, place = entry.component, _declared_at(entry, hook)
    if not isinstance(component, Component):
        raise RejectedError(
            "declaration", f"a hook for {entry.kind} returned {component!r:.80}, which is not a Component{place}"
        )
    if (entry.kind == "part") != bool(component.part):
        wrong = "must say which part it is" if entry.kind == "part" else "must not name a part"
        raise RejectedError("declaration", f"{entry.kind} {component.name!r} {wrong} (the field `part`){place}")
    if component.target.startswith(":") and entry.provider.file is None:
        raise RejectedError(
            "declaration",
            f"the target {component.target!r} names no module, which only a --plugin file may leave out{place}",
        )


def _declared_at(entry: Registered, hook: Any) -> str:
    """`` (FILE:LINE)``: where the hook's function writes the entry's name for the last time, else where it begins."""
    place = source_of(hook)
    if not place:
        return ""
    file, _, first = place.rpartition(":")
    lines = inspect.getsourcelines(hook)[0]
    name = entry.component.name if isinstance(entry.component, Component) else None
    written = [number for number, line in enumerate(lines) if f'"{name}"' in line or f"'{name}'" in line]
    return f" ({file}:{int(first) + (written[-1] if written else 0)})"


def problems_of(manager: pluggy.PluginManager, plugin: Any, provider: Provider) -> Iterable[Failure]:
    """What pluggy ignores silently: hooks that are never called, and functions that were meant to be hooks."""
    for caller in manager.get_hookcallers(plugin) or []:
        optional = all(impl.optionalhook for impl in caller.get_hookimpls() if impl.plugin is plugin)
        if caller.spec is None and not optional:
            from maskrec.plugin.installation_hints import core_mismatch

            # without the prefix, which would make all hooks look similar
            word = caller.name.removeprefix("maskrec_")
            near = nearest(word, (hook.removeprefix("maskrec_") for hook in KIND_OF_HOOK))
            newer = core_mismatch(provider) or "it may be meant for a newer maskrec"
            meant = f"did it mean maskrec_{near[0]}?" if near else newer
            yield Failure(provider, f"hook {caller.name}", f"unknown and ignored, {meant}", fatal=False)
    for name, function in unmarked(plugin):
        place = source_of(function)
        said = f"{name} is not marked @hookimpl and was ignored{f' ({place})' if place else ''}"
        yield Failure(provider, "declaration", said, fatal=False)


def unmarked(plugin: Any) -> list[tuple[str, FunctionType]]:
    """The plugin's own functions that are called like hooks and lack ``@hookimpl``, by name."""
    return [
        (name, value)
        for name, value in getattr(plugin, "__dict__", {}).items()
        if name.startswith("maskrec_")
        and isinstance(value, FunctionType)
        and not hasattr(value, "maskrec_impl")
        and value.__module__ == getattr(plugin, "__name__", None)
    ]
