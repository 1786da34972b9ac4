"""All problems of one check, collected on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from maskrec.contracts.problem import Mark, Problem, Problems, RecipeError


@dataclass(slots=True)
class RecipeProblems(Problems):
    """All problems of one check.

    Args:
        entries: all of them, including notes.
        missing: those of ``entries`` that are data which is not there.
        missing_paths: the paths of ``missing``, as the recipe writes them.
        missing_hint: how to get at the missing data.
        data_named: whether the command line names data.
        broken_plugin: whether one of them is caused by a plugin that the recipe needs.
        unmet: by distribution, the problem that it is required and not installed.
        with_install_hint: the distributions that are not installed and that a hint says how to install.
    """

    missing: list[Problem] = field(default_factory=list)
    missing_paths: list[str] = field(default_factory=list)
    missing_hint: str = ""
    data_named: bool = False
    broken_plugin: bool = False
    unmet: dict[str, Problem] = field(default_factory=dict)
    with_install_hint: set[str] = field(default_factory=set)

    def not_installed(self, distribution: str, exact: bool) -> bool:
        """Whether a component of a distribution that is not installed needs a hint of its own: one command says it.

        Args:
            distribution: normalised.
            exact: whether that hint would name the version; the requirement's hint is then left out.
        """
        unmet = self.unmet.get(distribution)
        if unmet is not None and exact:
            del self.unmet[distribution]
            self.entries.remove(unmet)
        first = distribution not in self.with_install_hint and distribution not in self.unmet
        self.with_install_hint.add(distribution)
        return first

    def plugin_error(self, message: str, path: str, mark: Mark | None, hint: str = "") -> None:
        """Record something for a plugin's author to fix."""
        self.broken_plugin = True
        self.error(message, path, mark, hint)

    def missing_data(self, shown: str, problem: Problem) -> None:
        """Record a file or folder of data that does not exist."""
        self.entries.append(problem)
        self.missing.append(problem)
        self.missing_paths.append(shown)

    def hint_at_missing(self, hint: str) -> None:
        """Say once how to get at the missing data: below the last problem of it, as problems are sorted."""
        if not self.missing:
            return
        self.missing_hint = hint
        last = max(self.missing, key=lambda problem: (problem.place, problem.message))

        def hinted(problem: Problem) -> Problem:
            same = problem.place[:3] == last.place[:3] and problem.message == last.message
            return replace(problem, hint=hint) if same else problem

        self.missing, self.entries = list(map(hinted, self.missing)), list(map(hinted, self.entries))

    def missing_as_one(self, problem: Problem, hint: str) -> None:
        """One problem instead of those of missing data, where one change to the command line solves all."""
        gone = set(self.missing)
        self.entries = [problem, *(each for each in self.entries if each not in gone)]
        self.missing, self.missing_hint = [problem], hint

    def take(self, error: RecipeError) -> None:
        """Everything that another check raised."""
        self.entries += error.problems
        self.broken_plugin |= error.broken_plugin

    def refuse(self) -> None:
        """Raises RecipeError with everything that is not a note, if there is anything."""
        if self.errors:
            raise RecipeError(self.errors, self.broken_plugin)

    def only_data_is_missing(self) -> bool:
        """Whether missing data is the only thing to fix."""
        return bool(self.missing) and len(self.errors) == len(self.missing)


def each_once(problems: Sequence[Problem], unread: Sequence[Problem] = ()) -> list[Problem]:
    """Sorted by place, without duplicates.

    Args:
        problems: all of them.
        unread: problems of reading; what the checker reports about a value that could not be read follows from them.
    """
    places = {problem.place[:3] for problem in unread if problem.mark and not problem.note}
    kept = set(unread)
    problems = [problem for problem in problems if problem in kept or problem.place[:3] not in places]
    found: dict[tuple[object, ...], Problem] = {}
    for problem in sorted(problems, key=lambda problem: (problem.place, problem.message)):
        found.setdefault((problem.place[:3] if problem.mark else problem.place, problem.message), problem)
    return list(found.values())


def as_note(problem: Problem) -> Problem:
    """The same problem on one line, as a note."""
    mark = problem.mark and replace(problem.mark, text="")
    return replace(problem, note=True, mark=mark, hint="")
