"""Calls into a component's code: whatever it raises becomes one sentence that says whose code it is and where.

Every call that a run makes into a component goes through `call_into`, or through `failure_of` where the error is
passed on as a value.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Literal

from maskrec.base.errors import MaskrecError, PluginError, UsageError
from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import typed_line
from maskrec.contracts.global_state import restore_settings, settings

# Frames of these are never where a component's author has to look.
_LIBRARIES = ("PIL", "cv2", "numpy", "pandas", "pluggy", "safetensors", "scipy", "timm", "torch", "torchvision")
_CORE = ("base", "cli", "contracts", "inference", "recipe", "runtime", "testing", "training")
_CALLED_WITH = {
    "__getitem__": "(index)",
    "diagnostics": "()",
    "evaluate": "(embed)",
    "load_state_dict": "(state)",
    "set_epoch": "(epoch)",
    "state_dict": "()",
    "test": "(embed, evaluation)",
}


class call_into:  # noqa: N801 - used as a function; a generator's context takes three times as long, in every step
    """The block calls a component.

    Args:
        who: the component's path and qualified name: ``loss: file:dead.py/dead``.
        what: what fails when the block raises: ``failed in forward``.
        component: the component, whose source is named where the traceback does not enter it.

    Raises:
        MaskrecError: what the component says in such an error of its own; otherwise as `failure_of`.
        PluginError: the block has changed torch's global state or the component's training mode; both are put back.
    """

    __slots__ = ("before", "component", "what", "who")

    def __init__(self, who: str, what: str, component: object = None) -> None:
        self.who, self.what, self.component = who, what, component

    def __enter__(self) -> None:
        self.before = settings(self.component)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        changed = restore_settings(self.before, self.component)
        if error is None:
            if changed:
                raise PluginError(_left_behind(self.who, self.what, changed, self.component))
        # Of the others also SystemExit: a component must not end the program.
        elif not isinstance(error, (MaskrecError, *INTERRUPTS, GeneratorExit)) and not _between_processes(error):
            raise failure_of(self.who, self.what, error, self.component) from error
        return False


def failure_of(who: str, what: str, error: BaseException, component: object = None) -> MaskrecError:
    """The error to raise for what a component's code raised: a `PluginError` with its file and line.

    Memory that runs out and files that cannot be read or written are not the author's to fix: a `MaskrecError`.
    """
    said = sentence_of(who, what, error, component)
    if ran_out_of_memory(error):
        return MaskrecError(f"{said}; memory ran out: try a smaller batch_size or image_size")
    if isinstance(error, OSError):
        return MaskrecError(said)
    return PluginError(said)


def sentence_of(who: str, what: str, error: BaseException, component: object = None) -> str:
    """``WHO WHAT: TYPE: MESSAGE (FILE:LINE)`` on one line, with what the method is called with where that fails."""
    place = place_of(error)
    hint = ""
    if not place:
        method = getattr(component, what.rpartition(" ")[2], None)
        place = (source_of(method) if inspect.isroutine(method) else "") or source_of(component)
        hint = _signature_hint(who, method) if isinstance(error, TypeError) and "argument" in str(error) else ""
    if "before Module.__init__() call" in str(error):
        hint = "; call super().__init__() first in its __init__"
    return f"{who} {what}: {typed_line(error)}{f' ({place})' if place else ''}{hint}"


def _signature_hint(who: str, method: Any) -> str:
    """What a component's method is called with, as the end of a sentence; empty where that is not known."""
    name = getattr(method, "__name__", "")
    called = _CALLED_WITH.get(name, "")
    if name == "forward":
        called = "(embeddings, labels[, batch])" if who.startswith("loss") else "(images)"
    if name == "__call__":
        called = "(batch, draws)" if who.startswith("transforms") else ""
    return f"; {name} is called with {called}" if called else ""


def _left_behind(who: str, what: str, changed: Sequence[str], component: object) -> str:
    """The sentence for settings that a call has changed."""
    name = what.rpartition(" ")[2]
    method = getattr(component, name, None)
    place = (source_of(method) if inspect.isroutine(method) else "") or source_of(component)
    where = f"in {name}" if what.startswith("failed in ") else "when it was built"
    return (
        f"{who} changed {' and '.join(changed)} {where} and left it so{f' ({place})' if place else ''}; use it as a "
        "context (`with torch.no_grad():`), or set it back: other components would compute differently"
    )


def own_words(error: MaskrecError) -> MaskrecError:
    """The same message and exit code as a plain error, which can be passed between processes."""
    kinds = (PluginError, UsageError)
    kind = next((kind for kind in kinds if kind.exit_code == error.exit_code), MaskrecError)
    return kind(str(error))


def place_of(error: BaseException, is_own: Callable[[FrameType], bool] | None = None) -> str:
    """``FILE:LINE`` of the innermost frame of an author's code; empty where no frame is the author's.

    Args:
        error: what was raised.
        is_own: whether a frame is the author's; by default, whether it is neither a library's nor the core's.
    """
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not _is_library(frame) if is_own is None else is_own(frame):
            found = f"{shown_file(frame.f_code.co_filename)}:{line}"
    return found


def source_of(component: object) -> str:
    """``FILE:LINE`` of a component's class or function; empty where it has no Python source."""
    target: Any = component if inspect.isroutine(component) or inspect.isclass(component) else type(component)
    try:
        file, (_, line) = inspect.getsourcefile(target), inspect.getsourcelines(target)
    except (OSError, TypeError):
        return ""
    return f"{shown_file(file)}:{line}" if file else ""


def shown_file(file: str) -> str:
    """A file as the user would write it: relative where it lies below the current folder."""
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):
        return file
    return file if relative.startswith(os.pardir) else relative


def _is_library(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    top, _, rest = name.partition(".")
    if top == "maskrec":
        return rest.partition(".")[0] in _CORE
    return top in sys.stdlib_module_names or top in _LIBRARIES


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, of the device or of the host; also where that is the cause of the error."""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):
            return True
        error = error.__cause__
    return False


def _between_processes(error: BaseException) -> bool:
    """Whether it comes from torch's communication: another process has failed, and not this component."""
    if type(error).__name__.startswith("Dist") and type(error).__module__.startswith("torch"):
        return True
    last = list(traceback.walk_tb(error.__traceback__))[-1:]
    return any(str(frame.f_globals.get("__name__", "")).startswith("torch.distributed") for frame, _ in last)
