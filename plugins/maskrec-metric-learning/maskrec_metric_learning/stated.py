"""One parameter as this plugin states it: type, unit and range, which the library's signatures do not say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from maskrec.contracts.kinds import Part
from maskrec.contracts.problem import Problem


@dataclass(frozen=True, slots=True)
class Stated:
    """A parameter of the library.

    Args:
        annotation: its type.
        help: one line: what it is, its unit, its range.
        low: smallest value of a number, or of each number of a list.
        high: largest value.
        open_low: whether ``low`` itself is refused.
        open_high: whether ``high`` itself is refused.
    """

    annotation: Any
    help: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    @property
    def range(self) -> str:
        """The range in words, to follow "must be"; empty without a range."""
        low = "" if self.low == -math.inf else f"{'above' if self.open_low else 'at least'} {self.low:g}"
        high = "" if self.high == math.inf else f"{'below' if self.open_high else 'at most'} {self.high:g}"
        return " and ".join(filter(None, (low, high)))

    def holds(self, value: float) -> bool:
        """Whether a number is finite and in the range."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return math.isfinite(value) and above and below

    def or_none(self) -> Stated:
        """The same, null allowed."""
        return replace(self, annotation=self.annotation | None)


def number(help: str, *, above: float = -math.inf, least: float = -math.inf, below: float = math.inf,
           most: float = math.inf) -> Stated:  # fmt: skip
    """A number ``above`` or ``at least`` one bound and ``below`` or ``at most`` another."""
    return _bounded(float, help, above, least, below, most)


def whole(help: str, least: int, most: float = math.inf) -> Stated:
    """A whole number of at least ``least``."""
    return _bounded(int, help, -math.inf, least, math.inf, most)


def switch(help: str) -> Stated:
    """Yes or no."""
    return Stated(bool, help)


def part(sort: str, help: str) -> Stated:
    """A part that may be left out."""
    return Stated(Annotated[Any, Part(sort)] | None, help)


def range_problems(stated: Mapping[str, Stated], values: Mapping[str, Any]) -> Iterator[Problem]:
    """Numbers out of range, alone or in lists.

    Args:
        stated: by name.
        values: what a recipe sets, defaults filled in; others are looked over.
    """
    for name, value in values.items():
        said = stated.get(name)
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if said and isinstance(each, (int, float)) and not isinstance(each, bool) and not said.holds(each):
                yield Problem(f"{name} must be a finite number{_after(said.range)}, not {each}", name)


def _after(range: str) -> str:
    return f" {range}" if range else ""


def _bounded(annotation: Any, help: str, above: float, least: float, below: float, most: float) -> Stated:
    stated = Stated(annotation, help, max(above, least), min(below, most), above > least, below < most)
    return replace(stated, help=f"{help}; {stated.range}" if stated.range else help)
