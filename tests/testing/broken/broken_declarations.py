"""Declarations, each with one fault."""

from __future__ import annotations

from maskrec import Component, hookimpl

FAILS = {"two_lines": {"summary_one_line"}, "needs_more": {"builds"}}


@hookimpl
def maskrec_transforms() -> list[Component]:
    return [
        Component("two_lines", ":Plain", "says it\nin two lines"),
        Component("needs_more", ":NeedsMore", "has a required parameter that nobody gives"),
    ]


class Plain:
    """Changes nothing."""

    def __call__(self, batch, draws):
        return batch


class NeedsMore(Plain):
    """Changes nothing.

    Args:
        amount: of change.
    """

    def __init__(self, amount: float) -> None:
        self.amount = amount
