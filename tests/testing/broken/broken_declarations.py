"""Declarations, each with one fault. No check but those of declarations is for parts of this sort."""

from __future__ import annotations

from collections.abc import Iterator

from maskrec import Component, hookimpl

FAILS = {
    "two_lines": {"summary_one_line"},
    "needs_more": {"builds"},
    "untyped": {"parameters_annotated"},
    "unwritable": {"parameters_settable"},
    "unexplained": {"parameters_documented"},
    "misspelt": {"givens_spelled"},
    "mistyped": {"givens_typed"},
    "arc": set(),  # the margin of maskrec is another sort of part
}
OPTIONS = {"misspelt": {"n_classes": 5}}


@hookimpl
def maskrec_parts() -> Iterator[Component]:
    yield Component("two_lines", ":Plain", "says it\nin two lines", part="distance")
    yield Component("needs_more", ":NeedsMore", "has a required parameter that nobody sets", part="distance")
    yield Component("untyped", ":Untyped", "has a parameter without a type", part="distance")
    yield Component("unwritable", ":Unwritable", "has a parameter of a type of its own", part="distance")
    yield Component("unexplained", ":Unexplained", "has a parameter that its docstring leaves out", part="distance")
    yield Component("misspelt", ":Misspelt", "means num_classes", part="distance")
    yield Component("mistyped", ":Mistyped", "expects a list where any sequence may come", part="distance")
    yield Component("arc", ":Plain", "no fault", part="distance")


class Plain:
    """Nothing."""


class NeedsMore:
    """One parameter.

    Args:
        amount: of something.
    """

    def __init__(self, amount: float) -> None:
        self.amount = amount


class Untyped(NeedsMore):
    """One parameter.

    Args:
        amount: of something.
    """

    def __init__(self, amount=1.0) -> None:
        super().__init__(amount)


class Unwritable:
    """One parameter.

    Args:
        plain: which no recipe can make.
    """

    def __init__(self, plain: Plain | None = None) -> None:
        self.plain = plain


class Unexplained(NeedsMore):
    """One parameter."""

    def __init__(self, amount: float = 1.0) -> None:
        super().__init__(amount)


class Misspelt:
    """One parameter.

    Args:
        n_classes: how many there are.
    """

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes


class Mistyped:
    """One parameter.

    Args:
        labels: of the data.
    """

    def __init__(self, labels: list[int]) -> None:
        self.labels = labels
