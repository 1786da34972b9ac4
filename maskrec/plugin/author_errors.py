"""What a plugin's own code raised, for its author: one sentence with a hint where one is known, and file and line."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from maskrec.base.words import typed_line
from maskrec.contracts.call_into import place_of, shown_file, source_of
from maskrec.plugin.component import Component
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.validation import RejectedError, unmarked


def raised_in(error: BaseException, file: Path | None, module: str) -> str:
    """``TYPE: MESSAGE (FILE:LINE)``, the place being the innermost frame of the plugin's own code.

    For a file that is not Python it is the place of the error in that file, whoever imports it.

    Args:
        error: what its code raised.
        file: the file given with ``--plugin``, or None.
        module: for a distribution, the module that was imported; the whole package counts as the plugin's.
    """

    def is_own(frame: FrameType) -> bool:
        if file is not None:
            return frame.f_code.co_filename == str(file)
        name = str(frame.f_globals.get("__name__", ""))
        return f"{name}.".startswith(f"{module.partition('.')[0]}.")

    if isinstance(error, SyntaxError) and error.filename:
        said = " ".join(str(error.msg).split())
        return f"{type(error).__name__}: {said} ({shown_file(error.filename)}:{error.lineno or 1})"
    place = place_of(error, is_own)
    return f"{typed_line(error)}{f' ({place})' if place else ''}{_neighbour(error, file)}"


def _neighbour(error: BaseException, file: Path | None) -> str:
    """The hint for a ``--plugin`` file that imports a file or a folder beside it."""
    if file is None or not isinstance(error, ModuleNotFoundError):
        return ""
    name = (error.name or "").partition(".")[0]
    beside = next((place for place in (file.with_name(f"{name}.py"), file.with_name(name)) if place.exists()), None)
    if not name or beside is None:
        return ""
    return (
        f"; {beside.name} is beside the plugin, but a --plugin file is imported alone: "
        f"move what it needs into {file.name}, or make an installed package of both"
    )


def refuse_hook_arguments(plugin: Any) -> None:
    """Raise RejectedError for a hook that takes an argument."""
    for hook in KIND_OF_HOOK:
        function = getattr(plugin, hook, None)
        if not inspect.isroutine(function) or not hasattr(function, "maskrec_impl"):
            continue
        takes = [name for name, each in inspect.signature(function).parameters.items() if each.default is each.empty]
        if takes:
            raise RejectedError(
                f"hook {hook}", f"a hook takes no arguments, not {', '.join(takes)}: write def {hook}(){_at(function)}"
            )


def listed_components(hook: str, function: Any, answer: Any) -> list[Any]:
    """What the hook returned, as a list; raises RejectedError where it is not a collection, TypeError likewise."""
    if isinstance(answer, (Component, str)) or not isinstance(answer, Iterable):
        what = "None" if answer is None else f"a {type(answer).__name__}"
        hint = ": write [Component(...)]" if isinstance(answer, Component) else ""
        raise RejectedError(f"hook {hook}", f"it must return a list of Components, not {what}{hint}{_at(function)}")
    return list(answer)


def refuse_without_hooks(plugin: Any) -> None:
    """Raise RejectedError for a plugin that no hook calls: what was meant as one is named, with its line."""
    meant = ", ".join(f"{name} is not marked @hookimpl{_at(function)}" for name, function in unmarked(plugin))
    if meant:
        raise RejectedError("declaration", f"it has no hook: {meant}; write @hookimpl in the line above def")
    raise RejectedError("declaration", "it has no hook: write functions marked @hookimpl, such as maskrec_losses")


def _at(function: Any) -> str:
    place = source_of(function)
    return f" ({place})" if place else ""
