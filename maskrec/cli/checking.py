"""Placeholder."""

from __future__ import annotations


def check() -> None:
    """Check recipes."""


def schema() -> None:
    """Print the JSON Schema."""


def recipes() -> None:
    """List the shipped recipes."""


def copy() -> None:
    """Copy a shipped recipe."""
