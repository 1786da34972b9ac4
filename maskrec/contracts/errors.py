"""Errors that a user can cause. Each is one sentence; the command line prints it without a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskrec.contracts.problem import Problem


class MaskrecError(Exception):
    """Something failed while running (exit code 1): the message says what, where and how to fix it."""

    exit_code = 1


class UsageError(MaskrecError):
    """The recipe, the data or the command line is wrong (exit code 2)."""

    exit_code = 2


class PluginError(MaskrecError):
    """A plugin that is needed cannot be loaded (exit code 3)."""

    exit_code = 3


class RecipeError(UsageError):
    """A recipe with problems, each with its place; ``problems`` are sorted by file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.place)
        super().__init__("\n".join(problem.render() for problem in self.problems))
