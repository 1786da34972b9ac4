"""Whether the files and folders that a plan names exist."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from maskrec.contracts.problem import Mark, Problem
from maskrec.recipe.node import COMMAND_LINE, closest_mark
from maskrec.recipe.plan import Opened, Spec, walk
from maskrec.recipe.problems import RecipeProblems

DATA = ("data", "evaluate")
"""The sections whose paths are data: only these paths may be missing in a recipe that falls back to its demo."""

_NAMED = 3  # missing files in a sentence
_MAKING = "make it from photos with `maskrec data align` and `maskrec data pairs`"
_MADE = ("", ".csv")  # endings of what they make: folders and tables; lists and archives come from elsewhere
_PUTTING = "put it there"


def check_files(
    tops: Iterable[Spec | Opened | None], marks: Mapping[str, Mark], data_root: Path, problems: RecipeProblems
) -> None:
    """Report every path that does not exist; record whether the command line named data.

    Args:
        tops: the recipe's components, as far as they could be checked.
        marks: the place of every value, by path.
        data_root: what paths are relative to.
        problems: collects the problems.
    """
    for top in (each for each in tops if each is not None):
        for path, value in walk(top, top.path):
            mark = closest_mark(marks, path)
            if isinstance(value, Spec):
                _note_naming(path, value.mark, problems)
            elif isinstance(value, Opened):
                _check_opened(value, data_root, problems)
            elif isinstance(value, Path):
                _note_naming(path, mark, problems)
                _check_path(path, value, mark, data_root, problems)
    if way := _beside(problems):
        _say_beside(problems, way, data_root)
    else:
        problems.hint_at_missing(_way_to_data(problems, data_root))


def _note_naming(path: str, mark: Mark | None, problems: RecipeProblems) -> None:
    if path.partition(".")[0] in DATA and mark is not None and mark.file == COMMAND_LINE:
        problems.data_named = True


def _check_path(path: str, value: Path, mark: Mark | None, data_root: Path, problems: RecipeProblems) -> None:
    if exists_on_disk(data_root / value):
        return
    name = path.rpartition(".")[2]
    message = f"`{name}` names {value.as_posix()}, which does not exist{_looked(value, data_root)}"
    if path.partition(".")[0] in DATA:
        problems.missing_data(value.as_posix(), Problem(message, path, mark=mark))
    else:
        problems.error(message, path, mark)


def _relative(problems: RecipeProblems) -> list[tuple[Path, Mark | None]]:
    """The missing data that the recipe names by relative paths, and where it names it."""
    return [
        (Path(shown), problem.mark)
        for shown, problem in zip(problems.missing_paths, problems.missing, strict=True)
        if not Path(shown).is_absolute()
    ]


def _beside(problems: RecipeProblems) -> str:
    """How to get at missing data that is in a recipe's folder; empty where not all of it is."""
    relative = _relative(problems)
    folders = {Path(mark.file).parent for _, mark in relative if mark is not None and mark.file != COMMAND_LINE}
    for folder in sorted(folders):
        if all(exists_on_disk(folder / value) for value, _ in relative):
            return f"the files are beside the recipe: add --data-root {shlex.quote(folder.as_posix())}"
    return ""


def _say_beside(problems: RecipeProblems, way: str, data_root: Path) -> None:
    names = list(dict.fromkeys(problems.missing_paths))
    if len(names) == 1:
        problems.hint_at_missing(way)
        return
    some = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    where = "the current folder" if data_root == Path() else data_root.as_posix()
    said = f"{len(names)} files that it names were looked for in {where} and do not exist there: {some}"
    mark = next((problem.mark for problem in problems.missing if problem.mark is not None), None)
    place = mark and Mark(mark.file)
    problems.missing_as_one(Problem(way, problems.missing[0].path, said, place), way)


def _way_to_data(problems: RecipeProblems, data_root: Path) -> str:
    """How to get at the missing data: where it was found, or else how it is made."""
    relative = _relative(problems)
    for value, _ in relative:
        for start in range(1, len(value.parts)):
            if exists_on_disk(data_root / (found := Path(*value.parts[start:]))):
                return (
                    f"{(data_root / found).as_posix()} exists: move it and the files beside it to where the recipe "
                    f"expects them, {(data_root / value).parent.as_posix()}"
                )
    made = all(Path(shown).suffix.lower() in _MADE for shown in problems.missing_paths)
    return f"{_MAKING if made else _PUTTING}, or say where the data is: --data-root D"


def _check_opened(opened: Opened, data_root: Path, problems: RecipeProblems) -> None:
    place = data_root / opened.location
    if exists_on_disk(place) and (opened.source == "file" or place.is_dir()):
        return
    what = "run directory" if opened.source == "run" else "file"
    message = f"the {what} {opened.location.as_posix()} does not exist{_looked(opened.location, data_root)}"
    problems.error(message, opened.path, opened.mark)


def _looked(value: Path, data_root: Path) -> str:
    return "" if value.is_absolute() or data_root == Path() else f" (looked in {data_root.as_posix()})"


def exists_on_disk(path: Path) -> bool:
    """Whether the path exists; a path that the system rejects does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def missing_in_words(paths: list[str]) -> str:
    """``data/train.csv is missing``, or the first and how many more."""
    names = list(dict.fromkeys(paths))
    if len(names) == 1:
        return f"{names[0]} is missing"
    return f"{names[0]} and {len(names) - 1} more are missing"
