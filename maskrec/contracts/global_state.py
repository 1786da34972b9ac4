"""What a component's code may change for everybody else: torch's global state and its own training mode."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Setting = tuple[str, Any, Callable[[Any], object]]  # how a sentence names it, its value, what sets it


def settings(component: object = None) -> list[Setting]:
    """The settings that a call into ``component`` has to leave as they are. Nothing before torch is imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    found: list[Setting] = [
        ("torch.is_grad_enabled()", torch.is_grad_enabled(), torch.set_grad_enabled),
        ("torch.get_default_dtype()", torch.get_default_dtype(), torch.set_default_dtype),
    ]
    if isinstance(component, torch.nn.Module) and hasattr(component, "training"):  # set by Module.__init__
        found.append(("its `training` flag", component.training, component.train))
    return found


def restore_settings(before: list[Setting], component: object = None) -> list[str]:
    """Set what differs from ``before`` back.

    Returns:
        What differed, in words: ``torch.is_grad_enabled() from True to False``.
    """
    changed = []
    for (name, old, put_back), (_, new, _) in zip(before, settings(component), strict=False):
        if old != new:
            changed.append(f"{name} from {old} to {new}")
            put_back(old)
    return changed
