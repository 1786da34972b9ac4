"""One thing wrong with a recipe: what, where, how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from maskrec.base.errors import UsageError


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text: file name as the user gave it, line and column counted from 1, the line itself."""

    file: str
    line: int
    column: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a component's ``check`` yields and what every checker reports.

    Args:
        message: one sentence: what is wrong.
        path: the parameter's path. A component's own ``check`` names it relative to itself (``margin``); the checker
            puts the component's path before it (``loss.parts.arc.margin``).
        hint: how to fix it.
        mark: the place in the recipe; the checker fills it in from ``path``.
        note: True for something worth knowing that is no error.
    """

    message: str
    path: str = ""
    hint: str = ""
    mark: Mark | None = None
    note: bool = False

    @property
    def place(self) -> tuple[str, int, int, str]:
        """Sort key: by file, line and column, those without a place first."""
        if self.mark is None:
            return ("", 0, 0, self.path)
        return (self.mark.file, self.mark.line, self.mark.column, self.path)

    def within(self, path: str) -> Problem:
        """The same problem, with its path seen from the top of the recipe."""
        inner = f"{path}.{self.path}" if self.path and path else self.path or path
        return replace(self, path=inner)

    def render(self) -> str:
        """``file:line:col: message``, the line, a caret and the hint, as plain text."""
        where = f"{self.mark.file}:{self.mark.line}:{self.mark.column}: " if self.mark else ""
        if not where and self.path:
            where = f"{self.path}: "
        lines = [f"{where}{'note: ' if self.note else ''}{self.message}"]
        if self.mark and self.mark.text:
            lines += [f"    {self.mark.text}", "    " + " " * (self.mark.column - 1) + "^"]
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


class RecipeError(UsageError):
    """A recipe with problems, each with its place; ``problems`` are sorted by file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.place)
        super().__init__("\n".join(problem.render() for problem in self.problems))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ``ValueError`` with the first problem's message: for constructors that use their own ``check``."""
    for problem in problems:
        if not problem.note:
            raise ValueError(f"{problem.message}; {problem.hint}" if problem.hint else problem.message)
