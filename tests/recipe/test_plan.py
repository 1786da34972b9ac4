from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskrec.contracts.problem import Mark
from maskrec.recipe.plan import Opened, Spec, map_leaves, walk


def mark(line: int) -> Mark:
    return Mark("a.yaml", line, 1)


MINER = Spec("part", "m/miner", "loss.parts.tri.miner", {"count": 3}, mark(5), {"count": mark(6)})
TRIPLET = Spec("loss", "m/tri", "loss.parts.tri", {"miner": MINER, "margin": 1.0}, mark(3), {"margin": mark(4)})
TEACHER = Opened("run", Path("runs/a"), "loss.teachers.1", mark(8))
LOSS = Spec(
    "loss",
    "m/sum",
    "loss",
    {"parts": {"tri": TRIPLET}, "teachers": [None, TEACHER], "files": (Path("a"), {"b": Path("c")})},
    mark(1),
    {"parts": mark(2), "teachers": mark(7)},
)


def test_walking_gives_everything_with_its_path_outer_things_first() -> None:
    assert list(LOSS.walk()) == [
        ("loss", LOSS),
        ("loss.parts.tri", TRIPLET),
        ("loss.parts.tri.miner", MINER),
        ("loss.parts.tri.miner.count", 3),
        ("loss.parts.tri.margin", 1.0),
        ("loss.teachers.0", None),
        ("loss.teachers.1", TEACHER),
        ("loss.files.0", Path("a")),
        ("loss.files.1.b", Path("c")),
    ]
    assert list(walk(TEACHER, "elsewhere")) == [("elsewhere", TEACHER)]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("parts", 2),
        ("parts.tri", 3),
        ("parts.tri.margin", 4),
        ("parts.tri.miner", 5),
        ("parts.tri.miner.count", 6),
        ("parts.tri.miner.other", 5),
        ("parts.arc.margin", 2),
        ("teachers.1", 7),
        ("files.0", 1),
        ("", 1),
    ],
)
def test_the_mark_of_a_path_is_that_of_the_nearest_thing(path: str, line: int) -> None:
    assert LOSS.mark_of(path) == mark(line)


def test_leaves_are_changed_where_they_are() -> None:
    value: dict[str, Any] = {"a": [1, (2, MINER)], "b": {}}
    assert map_leaves(value, lambda leaf: [leaf]) == {"a": [[1], ([2], [MINER])], "b": {}}
