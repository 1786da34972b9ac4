"""What a plugin's code may change for everybody else: torch's settings, the process's, maskrec's own functions."""

from __future__ import annotations

import builtins
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from operator import is_
from pathlib import Path
from types import ModuleType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Settings = tuple[Any, ...]  # values, in the order of `_named`; empty before torch is imported


def settings(component: object = None) -> Settings:
    """The values of the settings that a call into ``component`` has to leave as they are."""
    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    if isinstance(component, torch.nn.Module) and hasattr(component, "training"):  # set by Module.__init__
        return torch.is_grad_enabled(), torch.get_default_dtype(), component.training
    return torch.is_grad_enabled(), torch.get_default_dtype()


def _named(component: Any) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """How a sentence names each setting, and what sets it."""
    torch = sys.modules["torch"]
    yield "torch.is_grad_enabled()", torch.set_grad_enabled
    yield "torch.get_default_dtype()", torch.set_default_dtype
    yield "its `training` flag", lambda value: component.train(value)


def settings_at_import() -> Settings:
    """The settings as torch has them when it was just imported."""
    torch = sys.modules.get("torch")
    return () if torch is None else (True, torch.float32)


def restore_settings(before: Settings, component: object = None) -> list[str]:
    """Set what differs from ``before`` back.

    Returns:
        What differed, in words: ``torch.is_grad_enabled() from True to False``.
    """
    now = settings(component)
    if now == before or not before:
        return []
    changed = []
    for (name, put_back), old, new in zip(_named(component), before, now, strict=False):
        if old != new:
            changed.append(f"{name} from {old} to {new}")
            put_back(old)
    return changed


class SharedState:
    """What no plugin may replace or change while it is imported, as it is now.

    The functions and classes of maskrec, Python's builtins, torch's settings, the current folder, ``sys.stderr`` and
    the handlers of Ctrl-C and SIGTERM. The modules of ``--plugin`` files are the plugins' own.
    """

    def __init__(self) -> None:
        self._kept = [(holder, dict(vars(holder))) for holder in _holders()]
        self._torch = settings()
        self._process = list(_process())

    def put_back(self) -> list[str]:
        """Put back whatever differs; what that was, in words."""
        found = []
        for holder, kept in self._kept:
            now = vars(holder)
            if all(map(is_, kept.values(), map(now.get, kept))):  # ten thousand names: no loop of Python's own
                continue
            for name, value in kept.items():
                if now.get(name) is not value and _is_code(value):
                    setattr(holder, name, value)
                    found.append(f"{_shown(holder)}.{name}")
        for (name, before, put_back), (_, after, _) in zip(self._process, _process(), strict=True):
            if before != after:
                put_back(before)
                found.append(name)
        return found + restore_settings(self._torch or settings_at_import())


def _holders() -> Iterator[ModuleType | type]:
    """The modules of maskrec that are imported, the classes that they define, and the builtins."""
    yield builtins
    for name, module in list(sys.modules.items()):
        if f"{name}.".startswith("maskrec.") and not name.startswith("maskrec.plugin.from_file."):
            yield module
            yield from (each for each in vars(module).values() if isinstance(each, type) and each.__module__ == name)


def _is_code(value: Any) -> bool:
    return callable(value) or isinstance(value, (property, staticmethod, classmethod))


def _shown(holder: ModuleType | type) -> str:
    return holder.__name__ if isinstance(holder, ModuleType) else f"{holder.__module__}.{holder.__qualname__}"


def _process() -> Iterator[tuple[str, Any, Callable[[Any], object]]]:
    """Settings of the process: how a sentence names each, its value, what sets it."""
    yield "the current folder", _current_folder(), _change_folder
    yield "sys.stderr", sys.stderr, lambda stream: setattr(sys, "stderr", stream)
    for number in _SIGNALS:
        yield f"the handler of {number.name}", signal.getsignal(number), partial(_handle_again, number)


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # removed
        return ""


def _change_folder(folder: str) -> None:
    with suppress(OSError):
        os.chdir(folder)


def _handle_again(number: signal.Signals, handler: Any) -> None:
    signal.signal(number, handler or signal.SIG_DFL)
