"""Groups of people from a column of the user's CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.words import counted, plain_name
from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import Table, read_table

_PERSON = "identity"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PeopleGroups:
    """Which group each person is in.

    Args:
        path: of the CSV.
        column: the groups' column.
        of: group by the plain name of a person; "" where the column is empty.
    """

    path: Path
    column: str
    of: dict[str, str]

    def numbers(self, names: Sequence[str]) -> tuple[list[str], list[int], list[str]]:
        """The groups of these people, sorted; each person's as an index into them or -1; and notes on who has none.

        Raises:
            UsageError: fewer than two of the groups are among these people.
        """
        found = [self.of.get(plain_name(name)) for name in names]
        groups = sorted({group for group in found if group})
        if len(groups) < 2:
            raise UsageError(
                f"{self.path}: the people of the evaluation pairs are in {counted(len(groups), 'group')} of the column "
                f"{self.column!r}, and at least two are compared; are its names those of the pairs ({names[0]!r})?"
            )
        numbers = [groups.index(group) if group else -1 for group in found]
        return groups, numbers, list(self._holes(names, found))

    def _holes(self, names: Sequence[str], found: Sequence[str | None]) -> Iterator[str]:
        for value, which in (
            ("", f"have no value in the column {self.column!r} of {self.path}"),
            (None, f"are not in {self.path}"),
        ):
            without = [name for name, group in zip(names, found, strict=True) if group == value]
            if without:
                shown = ", ".join(repr(name) for name in without[:_SHOWN]) + (", ..." if len(without) > _SHOWN else "")
                yield (
                    f"{len(without):,} of {counted(len(names), 'person')} {which} ({shown}): they are in no group, and "
                    "count where a group is compared with everybody"
                )


def read_groups(path: Path, column: str) -> PeopleGroups:
    """Read the columns ``identity`` and ``column`` of a CSV with a row for each person or for each photo of them.

    Other columns are ignored. A person is in one group: rows that leave it empty are filled from the person's others.

    Raises:
        UsageError: the file cannot be read, lacks a column, or puts a person into two groups; everything at once.
    """
    problems = Problems()
    if column == _PERSON:
        raise UsageError(f"column: {column!r} names the people themselves; name the column with their groups")
    table = read_table(path, (_PERSON, column), (), None, problems)
    of: dict[str, str] = {}
    first: dict[str, int] = {}
    for row, (name, value) in enumerate(zip(table.columns[_PERSON], table.columns[column], strict=True)):
        key, group = plain_name(name), value.strip()
        if not key:
            problems.add(table.mark(row), "the identity is empty; name the person")
        elif group and of.get(key) and of[key] != group:
            problems.add(table.mark(row), _two_groups(table, name, group, of[key], first[key]))
        elif group or key not in of:
            of[key], first[key] = group, row
    problems.raise_errors(str(path))
    return PeopleGroups(path, column, of)


def _two_groups(table: Table, name: str, group: str, before: str, row: int) -> str:
    return f"{name!r} is in the group {group!r}, and in {before!r} in line {table.lines[row]}; a person is in one group"
