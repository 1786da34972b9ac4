"""``MASKREC_TRACE=1``: every call of a plugin's hook and its result, on standard error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maskrec.base.console import say
from maskrec.plugin.component import Component
from maskrec.plugin.registered import Provider


def trace_hook(provider: Provider, hook: str, result: Sequence[Any] | Exception) -> None:
    """One line about a call.

    Args:
        provider: the plugin.
        hook: the hook's name.
        result: what it returned, or why that was refused.
    """
    said = f"failed: {result}" if isinstance(result, Exception) else f"returned {_shown(result)}"
    say(f"trace: {provider.who}: {hook}() {said}".replace("\n", " "), error=True)


def _shown(components: Sequence[Any]) -> str:
    return ", ".join(map(_component, components)) or "nothing"


def _component(each: Any) -> str:
    """``ring (maskrec_foo.ring:Ring, before circle)``."""
    if not isinstance(each, Component):
        return f"{each!r:.80}"
    before = f", before {' and '.join(each.aliases)}" if each.aliases else ""
    return f"{each.name} ({each.target}{before})"
