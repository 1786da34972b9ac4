"""One thing wrong with a recipe or a file, and all things wrong at once: what, where, how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskrec.base.errors import PluginError, UsageError

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file: its name as the user gave it, line and column from 1 (0: not known), the line itself."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        """``FILE``, ``FILE:LINE`` or ``FILE:LINE:COLUMN``."""
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])


@dataclass(frozen=True, slots=True)
class Problem:
    """What a component's ``check`` yields and what every checker reports.

    Args:
        message: one sentence: what is wrong.
        path: the parameter's path. A component's own ``check`` names it relative to itself (``margin``); the checker
            puts the component's path before it (``loss.parts.arc.margin``).
        hint: how to fix it.
        mark: the place in the recipe or the file; for a recipe the checker fills it in from ``path``.
        note: True for something worth knowing that is not an error.
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
        where = f"{self.mark}: " if self.mark else ""
        if not where and self.path:
            where = f"{self.path}: "
        lines = [f"{where}{'note: ' if self.note else ''}{self.message}"]
        if self.mark and self.mark.text:
            lines += [f"    {self.mark.text}", "    " + " " * (self.mark.column - 1) + "^"]
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


@dataclass(slots=True)
class Problems:
    """Problems as a check finds them, so that all can be reported at once.

    Args:
        entries: all of them in the order found, including notes.
    """

    entries: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """Without the notes."""
        return [problem for problem in self.entries if not problem.note]

    def error(self, message: str, path: str, mark: Mark | None, hint: str = "") -> None:
        """Record something that has to be fixed."""
        self.entries.append(Problem(message, path, hint, mark))

    def note(self, message: str, path: str, mark: Mark | None, hint: str = "") -> None:
        """Record something worth knowing."""
        self.entries.append(Problem(message, path, hint, mark, note=True))

    def add(self, place: Mark | Path | str, message: str) -> None:
        """Record something wrong with a file, a folder or a line of a file."""
        self.entries.append(Problem(message, mark=place if isinstance(place, Mark) else Mark(str(place))))

    def raise_errors(self, what: str) -> None:
        """Raise UsageError with the first ``SHOWN`` errors and their number, if there are any; a file's by line."""
        errors = self.errors
        files: dict[str, int] = {}
        for problem in errors:
            files.setdefault(problem.place[0], len(files))
        errors.sort(key=lambda problem: (files[problem.place[0]], problem.place[1:3]))
        if len(errors) == 1:
            raise UsageError(errors[0].render())
        if errors:
            rest = len(errors) - SHOWN
            lines = [f"{what} has {len(errors)} problems:", *(f"  {problem.render()}" for problem in errors[:SHOWN])]
            raise UsageError("\n".join([*lines, f"  and {rest} more"] if rest > 0 else lines))


class RecipeError(UsageError):
    """A recipe with problems, each with its place.

    Args:
        problems: what is wrong; the attribute of this name has them sorted by file and line.
        broken_plugin: whether one of them is the fault of a plugin that the recipe needs; the exit code is then 3.
    """

    def __init__(self, problems: Sequence[Problem], broken_plugin: bool = False) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.place)
        self.broken_plugin = broken_plugin
        if broken_plugin:
            self.exit_code = PluginError.exit_code
        super().__init__("\n".join(problem.render() for problem in self.problems))

    def sentence(self) -> str:
        """All problems on one line, without their places: for recipes that the user did not write."""
        return "; ".join(f"{each.message}{f' ({each.hint})' if each.hint else ''}" for each in self.problems)

    def __reduce__(self) -> tuple[type[RecipeError], tuple[Sequence[Problem], bool]]:
        """How it goes to another process: by what it was made from."""
        return type(self), (self.problems, self.broken_plugin)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ``ValueError`` with the first problem's message: for constructors that use their own ``check``."""
    for problem in problems:
        if not problem.note:
            raise ValueError(f"{problem.message}; {problem.hint}" if problem.hint else problem.message)
