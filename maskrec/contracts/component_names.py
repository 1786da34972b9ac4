"""What built components are called in messages, so that whoever calls one can name it."""

from __future__ import annotations

import inspect
from typing import Any

_ATTRIBUTE = "_maskrec_name"


def set_name(component: Any, who: str) -> None:
    """Keep the component's path and qualified name, ``loss.parts.arc: maskrec/arcface``, with it.

    A function, which may serve in two places, and a component without attributes have none kept.
    """
    own = getattr(component, "__dict__", None)
    if isinstance(own, dict) and not inspect.isroutine(
        component
    ):  # set here, because a component's own __setattr__ may do anything
        own[_ATTRIBUTE] = who


def name_of(component: Any) -> str:
    """What `set_name` kept, or the name of the component's type, or of the function that it is."""
    kept = getattr(component, "__dict__", {}).get(_ATTRIBUTE)
    if kept is None and inspect.isroutine(component):  # asked last: it takes longest, and each step asks for names
        return f"{component.__module__}.{component.__qualname__}"
    return type(component).__name__ if kept is None else str(kept)
