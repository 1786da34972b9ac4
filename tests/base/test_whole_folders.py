"""Folders appear whole or not at all, and never in place of what is not theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskrec.base.errors import UsageError
from maskrec.base.whole_folders import whole_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(place: Path, text: str, overwrite: bool = False) -> None:
    with whole_folder(place, "sign", overwrite) as building:
        (building / "sign").write_text(text)
        (building / "new").mkdir()


def fail(place: Path) -> None:
    with whole_folder(place, "sign", overwrite=True) as building:
        (building / "sign").write_text("2")
        raise RuntimeError


def meet(place: Path) -> None:
    """Somebody else makes the folder meanwhile."""
    with whole_folder(place, "sign") as building:
        (building / "sign").write_text("1")
        place.mkdir()
        (place / "theirs").write_text("x")


def test_a_folder_is_there_with_its_parents_once_the_block_ends(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", "1")
    assert (tmp_path / "a" / "b" / "sign").read_text() == "1"
    assert names(tmp_path / "a") == ["b"]


def test_where_the_block_fails_everything_stays_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "a", "1")
    for place in (tmp_path / "a", tmp_path / "b"):
        with pytest.raises(RuntimeError):
            fail(place)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a" / "sign").read_text() == "1"


def test_what_is_there_is_replaced_only_when_asked_and_only_its_own_kind(tmp_path: Path) -> None:
    write(tmp_path / "a", "1")
    with pytest.raises(UsageError, match="holds results already"):
        write(tmp_path / "a", "2")
    write(tmp_path / "a", "2", overwrite=True)
    assert (tmp_path / "a" / "sign").read_text() == "2"
    (tmp_path / "a" / "sign").unlink()
    with pytest.raises(UsageError, match=r"holds other files \(new\)"):
        write(tmp_path / "a", "3", overwrite=True)
    assert names(tmp_path) == ["a"]


def test_what_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds other files"):
        meet(tmp_path / "a")
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["theirs"]


def test_leftovers_of_killed_processes_are_removed_and_what_they_moved_away_comes_back(tmp_path: Path) -> None:
    dead = 2**22 + 1  # above the largest process number
    for end in ("part", "old"):
        (tmp_path / f".a.{dead}.{end}").mkdir()
    (tmp_path / f".a.{dead}.old" / "sign").write_text("before")
    (tmp_path / f".a.{os.getppid()}.part").mkdir()
    with pytest.raises(UsageError, match="holds results already"):
        write(tmp_path / "a", "1")
    assert (tmp_path / "a" / "sign").read_text() == "before"
    assert names(tmp_path) == sorted([f".a.{os.getppid()}.part", "a"])


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=r"a cannot be made: .*file is not a folder"):
        write(tmp_path / "file" / "a", "1")
