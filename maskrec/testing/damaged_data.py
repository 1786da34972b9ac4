"""Copies of the files that a component's options name, so that they can be damaged, and what is said of them then."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError, PluginError
from maskrec.base.words import byte_size, one_line, typed_line
from maskrec.contracts.problem import RecipeError
from maskrec.recipe.annotations import members
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, Skipped

LARGEST = 32 << 20  # bytes that are copied
_TABLES = (".csv", ".tsv", ".txt")


def path_options(candidate: Candidate) -> dict[str, Path]:
    """The options that name a file or folder to read, absolute, by the parameter's name."""
    named = {info.name for info in candidate.parameters() if Path in members(info.annotation)}
    found = {name: Path(str(value)).absolute() for name, value in candidate.options.items() if name in named and value}
    return {name: path for name, path in found.items() if path.exists()}


@dataclass(frozen=True, slots=True)
class CopiedData:
    """A copy of everything that the options name.

    Args:
        candidate: with options that name the copy.
        paths: these, by the parameter's name.
        folder: everything is below it.
    """

    candidate: Candidate
    paths: dict[str, Path]
    folder: Path

    def binary_files(self) -> list[Path]:
        """Files that are not tables, named by the options or below a folder that they name."""
        found: set[Path] = set()
        for path in self.paths.values():
            found |= {path} if path.is_file() else {each for each in path.rglob("*") if each.is_file()}
        return sorted(path for path in found if path.suffix.lower() not in _TABLES)

    def tables(self) -> list[Path]:
        """Text tables that the options name themselves."""
        return sorted({path for path in self.paths.values() if path.is_file() and path.suffix.lower() in _TABLES})


@contextmanager
def copied_data(candidate: Candidate) -> Iterator[CopiedData]:
    """The copy, removed afterwards.

    Raises:
        Skipped: the options name no files, or too many of them.
    """
    named = path_options(candidate)
    if not named:
        raise Skipped("its options name no file or folder")
    folders = [path if path.is_dir() else path.parent for path in named.values()]
    top = Path(os.path.commonpath(folders))
    if top == Path(top.anchor):
        raise Skipped("its options name files in several places; put small data for the checks into one folder")
    _require_small(top)
    with tempfile.TemporaryDirectory(prefix="maskrec-check-") as folder:
        copy = Path(folder).resolve() / top.name
        shutil.copytree(top, copy)
        paths = {name: copy / path.relative_to(top) for name, path in named.items()}
        yield CopiedData(candidate.with_options(**paths), paths, copy)


def _require_small(top: Path) -> None:
    size = 0
    for path in top.rglob("*"):
        size += path.stat().st_size if path.is_file() else 0
        if size > LARGEST:
            raise Skipped(f"{top} has more than {byte_size(LARGEST)}; name small data for the checks in the options")


def said_of(candidate: Candidate, read: Callable[[], Any], what: str) -> str:
    """What is raised when data that is not as it must be is read.

    Args:
        candidate: whose data it is.
        read: opens and reads it.
        what: what is wrong with it, for messages: ``a file that does not exist``.

    Raises:
        ContractError: nothing is raised, or an error that blames the plugin's code.
    """
    try:
        read()
    except PluginError as error:
        raise ContractError(
            f"{candidate.name} does not expect {what}: {one_line(error)}; raise UsageError with the file"
        ) from error
    except RecipeError as error:  # its text quotes the options, which name every file
        return "; ".join(f"{each.message} {each.hint}" for each in error.problems)
    except (MaskrecError, OSError) as error:
        return str(error)
    except Exception as error:
        raise ContractError(
            f"{candidate.name} does not expect {what}: {typed_line(error)}; raise UsageError with the file"
        ) from error
    raise ContractError(f"{candidate.name} read {what} without an error")
