"""A contract check: a function of a candidate with an id, the kinds it is for, and the release it came with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from maskrec.base.version import __version__

if TYPE_CHECKING:
    from maskrec.testing.candidate import Candidate

FIRST_RELEASE = (0, 1)
"""The first release with contract checks; its checks fail at once."""
DECLARATION = "declaration"
"""Stands for every kind, in `contract_check`: what is asked of a declaration."""

_NUMBERS = re.compile(r"(?<![\w:])[-+]?\d[\d.,e+-]*")
_REGISTERED: list[ContractCheck] = []


class ContractError(AssertionError):
    """A component does not keep its contract; the message is one sentence.

    Args:
        message: the sentence; it names the component.
        cause: equal for failures that one change to the component would end; by default the message, whatever
            numbers it names, such as the shape of a batch. The number of a line counts.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause or _NUMBERS.sub("#", message)


class Skipped(Exception):  # noqa: N818 - as pytest calls it
    """A check that does not apply to this component; the message says why."""


@dataclass(frozen=True, slots=True)
class ContractCheck:
    """One check.

    Args:
        id: the function's name, as in test ids and ``expected_failures``.
        function: raises `ContractError`, or `Skipped` where it does not apply.
        kinds: whose components it is for; `DECLARATION` stands for every kind.
        parts: of parts, which ones; empty for all.
        since: the release it came with, ``"0.1"``.
    """

    id: str
    function: Callable[[Candidate], None]
    kinds: tuple[str, ...]
    parts: tuple[str, ...]
    since: str

    @property
    def summary(self) -> str:
        """What must hold: the first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @property
    def only_warns(self) -> bool:
        """Whether a failure is a warning for now: through the minor release with which the check came."""
        return _minor(self.since) > FIRST_RELEASE and _minor(__version__) <= _minor(self.since)

    def applies_to(self, kind: str, part: str) -> bool:
        """Whether it is for components of this kind, and of this sort of part."""
        fits = kind in self.kinds and (kind != "part" or not self.parts or part in self.parts)
        return fits or DECLARATION in self.kinds


def contract_check(
    *kinds: str, since: str, parts: tuple[str, ...] = ()
) -> Callable[[Callable[[Candidate], None]], Callable[[Candidate], None]]:
    """Registers the function as a check, its name as the id; ``kinds`` and the rest as in `ContractCheck`.

    >>> @contract_check("loss", since="0.1")
    ... def finite_scalar(candidate):
    ...     '''It is a finite scalar.'''
    """

    def register(function: Callable[[Candidate], None]) -> Callable[[Candidate], None]:
        _REGISTERED.append(ContractCheck(function.__name__, function, kinds, parts, since))
        return function

    return register


def checks_for(kind: str, part: str = "") -> list[ContractCheck]:
    """The checks for a component, those of its declaration first.

    Args:
        kind: one of ``contracts.kinds.KINDS``, or ``part``.
        part: of a part, which sort.
    """
    for name in (DECLARATION, kind):
        import_module(f"maskrec.testing.{name}_checks")
    found = [check for check in _REGISTERED if check.applies_to(kind, part)]
    return sorted(found, key=lambda check: DECLARATION not in check.kinds)


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])
