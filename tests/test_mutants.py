"""Drawing mutants: the same seed draws the same, each changes one place and is still Python."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from known_mutants import FAULTS, UNNOTICED, Known
from mutant_runs import Noted, function_at, in_order
from mutation import KINDS, Mutant, draw, mutants_of, named

ROOT = Path(__file__).parents[1]
ROOMS = ["training", "runtime", "inference", "recipe", "preparation"]

SOURCE = '''"""A docstring with 1 number."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    SIZE = 3

__all__ = ["f", 2]


def f(é: int = 4, *, flag: bool = True) -> int | None:
    """Is 5 < 6?"""
    assert é < 7, "é is at least 7"
    message = "8 is in " + str(9)
    if "é" in message and 0 <= é < 10:  # ü < 11
        print(message, 12.5)
    if not é:
        raise ValueError("13", 14)
    count: int = é
    return count


def g(n: float) -> bool:
    return n != 0
'''


def test_what_can_be_changed_and_what_stays() -> None:
    changes = [(mutant.old, mutant.new) for mutant in mutants_of(SOURCE, "f.py")]
    assert changes == [
        ("4", "5"),
        ("True", "False"),
        ("in", "not in"),
        ("0", "1"),
        ("<=", "<"),
        ("<", "<="),
        ("10", "11"),
        ("print(message, 12.5)", "pass"),
        ("12.5", "13.5"),
        ("count", "None"),
        ("n != 0", "not (n != 0)"),
        ("!=", "=="),
        ("0", "1"),
    ]
    assert [mutant.line for mutant in mutants_of(SOURCE, "f.py")] == [
        11,
        11,
        15,
        15,
        15,
        15,
        15,
        16,
        16,
        20,
        24,
        24,
        24,
    ]


def test_each_changes_its_place_and_nothing_else() -> None:
    for mutant in mutants_of(SOURCE, "f.py"):
        text = mutant.applied_to(SOURCE)
        assert text.startswith(SOURCE[: mutant.offset] + mutant.new)
        assert text.endswith(SOURCE[mutant.offset + len(mutant.old) :])
        assert len(text) == len(SOURCE) - len(mutant.old) + len(mutant.new)
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(SOURCE))


def test_a_mutant_of_another_text_is_refused() -> None:
    mutant = Mutant("f.py", 1, "a change", "one", "two", 4, "named")
    assert mutant.applied_to("one one one") == "one two one"
    with pytest.raises(ValueError, match="'one' is not at offset 4"):
        mutant.applied_to("one or one")


def test_the_same_seed_draws_the_same_ones_of_every_kind_and_room() -> None:
    first, again = (draw(ROOT, ROOMS, 7, 60, 8) for _ in range(2))
    assert first == again
    assert first != draw(ROOT, ROOMS, 8, 60, 8)
    places = {(mutant.file, mutant.offset) for mutant in first}
    assert len(places) == len(first) == 60
    assert min(Counter(mutant.file.split("/")[1] for mutant in first)[room] for room in ROOMS) >= 8
    assert {mutant.kind for mutant in first} == set(KINDS)
    for mutant in first:
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        compile(mutant.applied_to(text), mutant.file, "exec")


def test_more_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="too few places for 3 mutants"):
        draw(ROOT, ["nowhere"], 1, 3, 1)


@pytest.mark.parametrize("known", [*UNNOTICED, *FAULTS], ids=lambda known: known.what)
def test_a_known_mutant_fits_one_place_and_names_tests_that_are_there(known: Known) -> None:
    mutant = named(ROOT, known.what, known.file, known.old, known.new)
    text = (ROOT / known.file).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(mutant.applied_to(text))) != ast.dump(ast.parse(text))
    for test in known.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not name or any(
            isinstance(node, ast.Assert) or "raises" in ast.dump(node) for node in ast.walk(functions[name])
        )


@pytest.mark.parametrize(("text", "times"), [("", 0), ("a b", 0), ("a b, a b", 2)])
def test_a_text_that_is_not_there_once_is_an_error(text: str, times: int, tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(text)
    with pytest.raises(ValueError, match=rf"f\.py: the text 'a  ?b' of 'a fault' is there {times} times, not once"):
        named(tmp_path, "a fault", "f.py", "a  b" if text == "a b" else "a b", "c")
    with pytest.raises(ValueError, match="0 times"):
        named(tmp_path, "a fault", "nowhere.py", "a b", "c")


MODULE = """
import functools

SIZE = 1


@functools.cache
def outer(n):
    def inner():
        return n

    return inner() + SIZE


class C:
    def method(self): return 2
"""


@pytest.mark.parametrize(("line", "first"), [(4, 1), (7, 7), (8, 7), (10, 9), (12, 7), (15, 1), (16, 16)])
def test_the_function_around_a_line(line: int, first: int) -> None:
    assert function_at(MODULE, line) == first


def test_tests_that_call_the_function_come_first_then_those_of_the_module_the_quick_ones_before() -> None:
    mutant = Mutant("maskrec/room/it.py", 12, "", "", "", 0, "named")
    own, near, far = "maskrec/room/it.py:7", "maskrec/room/it.py:16", "maskrec/room/item.py:7"
    noted = {
        "slow": Noted(9.0, frozenset({far, near, own})),
        "quick": Noted(0.1, frozenset({far})),
        "near": Noted(2.0, frozenset({near})),
        "own": Noted(3.0, frozenset({own})),
        "nothing": Noted(0.0, frozenset()),
    }
    assert in_order(mutant, MODULE, noted) == ["own", "slow", "near", "nothing", "quick"]
