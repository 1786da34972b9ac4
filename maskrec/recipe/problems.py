"""Collects what a check finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from maskrec.contracts.problem import Mark, Problem
from maskrec.contracts.problem import Problems as SharedProblems


@dataclass(slots=True)
class Problems(SharedProblems):
    """All problems of one check.

    Args:
        problems: notes among them.
        missing: those of ``problems`` that are data which is not there.
        missing_paths: which paths these are, as the recipe writes them.
        data_named: whether the command line names data.
        broken_plugin: whether one of them is the fault of a plugin that the recipe needs.
    """

    missing: list[Problem] = field(default_factory=list)
    missing_paths: list[str] = field(default_factory=list)
    data_named: bool = False
    broken_plugin: bool = False

    def plugin_error(self, message: str, path: str, mark: Mark | None, hint: str = "") -> None:
        """Something for a plugin's author to mend."""
        self.broken_plugin = True
        self.error(message, path, mark, hint)

    def missing_data(self, shown: str, problem: Problem) -> None:
        """A file or folder of data that is not there."""
        self.problems.append(problem)
        self.missing.append(problem)
        self.missing_paths.append(shown)

    def only_data_is_missing(self) -> bool:
        """Whether there is nothing to mend but data to be put in place."""
        return bool(self.missing) and len(self.errors) == len(self.missing)


def each_once(problems: Sequence[Problem], unread: Sequence[Problem] = ()) -> list[Problem]:
    """Sorted by place, equal ones once.

    Args:
        problems: all of them.
        unread: those of reading; what the checker says of a value that could not be read follows from them.
    """
    places = {problem.place[:3] for problem in unread if problem.mark and not problem.note}
    problems = [problem for problem in problems if problem in unread or problem.place[:3] not in places]
    found: dict[tuple[object, ...], Problem] = {}
    for problem in sorted(problems, key=lambda problem: (problem.place, problem.message)):
        found.setdefault((problem.place[:3] if problem.mark else problem.place, problem.message), problem)
    return list(found.values())


def as_note(problem: Problem) -> Problem:
    """The same on one line, no longer an error."""
    mark = problem.mark and replace(problem.mark, text="")
    return replace(problem, note=True, mark=mark, hint="")
