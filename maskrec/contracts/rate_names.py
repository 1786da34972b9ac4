"""Names that hold a false accept rate; rates are distinguished by six digits."""

from __future__ import annotations


def far_name(far: float) -> str:
    """The threshold at a false accept rate: ``far=0.001``."""
    return f"far={far:g}"


def tar_name(far: float) -> str:
    """The metric that is the true accept rate at a false accept rate: ``tar@far=0.001``."""
    return f"tar@{far_name(far)}"
