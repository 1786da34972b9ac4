"""Placeholder."""

from __future__ import annotations


def run() -> None:
    """Train what a recipe says."""


def resume() -> None:
    """Go on with a run."""
