from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.recipe.node import marks_by_path, plain
from maskrec.recipe.reading import LARGEST_FILE, UnreadableError, load_text, read_text, scalar
from maskrec.recipe.scalars import read_plain, write_plain


def read(text: str):
    reading = read_text(text, "r.yaml")
    assert not reading.problems, [problem.render() for problem in reading.problems]
    assert reading.root is not None
    return plain(reading.root)


def said(text: str) -> list[tuple[int, int, str]]:
    problems = read_text(text, "r.yaml").problems
    return [(problem.mark.line, problem.mark.column, problem.message) for problem in problems if problem.mark]


# The table of the YAML 1.2.2 specification, 10.3.2, and what YAML 1.1 reads differently.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None), ("null", None), ("Null", None), ("NULL", None), ("", None), ("nUll", "nUll"),
        ("true", True), ("True", True), ("FALSE", False), ("tRue", "tRue"),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
        ("0", 0), ("-19", -19), ("+12", 12), ("007", 7), ("0o7", 7), ("0o17", 15), ("0x3A", 58), ("0x1F", 31),
        ("0b11", "0b11"), ("1_000", "1_000"), ("-0x1F", "-0x1F"), ("0o8", "0o8"),
        ("0.", 0.0), ("-0.0", -0.0), (".5", 0.5), ("+12e03", 12000.0), ("-2E+05", -200000.0), ("1e-4", 1e-4),
        ("1e3", 1000.0), ("5e-4", 5e-4), ("1.", 1.0), (".", "."), ("e3", "e3"), ("1e", "1e"), ("1.2.3", "1.2.3"),
        (".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf), ("inf", "inf"), ("nan", "nan"),
        ("1:30", "1:30"), ("2001-01-01", "2001-01-01"), ("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"), ("=", "="),
        ("arcface", "arcface"), ("c:/x", "c:/x"),
    ],
)  # fmt: skip
def test_scalars_by_the_core_schema(text: str, value: object) -> None:
    found = read(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)
    if isinstance(value, float):
        assert math.copysign(1, found) == math.copysign(1, value)


@pytest.mark.parametrize("text", ["'1'", '"true"', "'null'", '"1e-4"', "|-\n  5", ">-\n  no"])
def test_what_is_quoted_is_a_string(text: str) -> None:
    assert isinstance(read(f"key: {text}")["key"], str)


@pytest.mark.parametrize("text", [".nan", ".NaN", "1e400", "-1e999", "9" * 310, "9" * 5000, "0x" + "f" * 300])
def test_numbers_that_no_float_holds_are_refused(text: str) -> None:
    [(line, column, message)] = said(f"a: 1\nkey: {text}")
    assert (line, column) == (2, 6)
    assert "float" in message or ".nan" in message


def test_a_whole_number_within_a_float_is_exact() -> None:
    assert read(f"key: {2**70 + 1}")["key"] == 2**70 + 1


@given(st.one_of(st.none(), st.booleans(), st.integers(-(2**100), 2**100), st.floats(allow_nan=False)))
@settings(deadline=None, max_examples=200)
def test_scalars_are_read_as_written(value: bool | int | float | None) -> None:
    found = read_plain(write_plain(value))
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_place() -> None:
    text = "# heading\nloss:\n  use: arcface\n  scales: [1, 2,\n    3]\nempty:\n"
    reading = read_text(text, "r.yaml")
    marks = {path: (mark.line, mark.column, mark.text) for path, mark in marks_by_path(reading.root).items()}
    assert marks["loss.use"] == (3, 8, "  use: arcface")
    assert marks["loss.scales.2"] == (5, 5, "    3]")
    assert marks["empty"][:2] == (6, 7)
    assert reading.root.child("loss").key.line == 2


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "`a` is listed twice, first in line 1"),
        ("a: {x: 1, x: 2}\n", 1, 11, "`x` is listed twice"),
        ("base: &b {x: 1}\nloss:\n  <<: *b\n", 3, 3, "merge key"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "tags"),
        ("a: !mine 1\n", 1, 4, "tags"),
        ("!!map\na: 1\n", 1, 1, "tags"),
        ("1: x\n", 1, 1, "a key must be a string"),
        ("true: x\n", 1, 1, "a key must be a string"),
        ("? [a, b]\n: 1\n", 1, 3, "a key must be a string"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second one"),
        ("%YAML 1.1\n---\na: 1\n", 1, 1, "directives"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1, "directives"),
        ("a: *nowhere\n", 1, 4, "no anchor"),
        ("a: &x [*x]\n", 1, 8, "inside the value"),
        ("a: &x {b: *x}\n", 1, 11, "inside the value"),
        ("a: &x 1\nb: &x 2\n", 2, 4, "twice"),
        ("a: [1, 2\n", 2, 1, "not YAML"),
        ("a: b: c\n", 1, 5, "not YAML"),
        ("a:\n\tb: 1\n", 2, 1, "tab"),
        ("a: 'x\n", 2, 1, "not YAML"),
        ("a: @x\n", 1, 4, "not YAML"),
        ("a: \x07\n", 1, 4, "U+0007"),
        ('a: "\\ud800"\n', 1, 4, "half a character"),
        ("a: " + "[" * 41 + "]" * 41, 1, 44, "nested more than 40"),
    ],
)
def test_what_recipes_may_not_hold(text: str, line: int, column: int, words: str) -> None:
    problems = said(text)
    assert problems, "nothing was refused"
    assert words in problems[0][2]
    assert problems[0][:2] == (line, column)


def test_all_that_leaves_the_structure_readable_is_reported_at_once() -> None:
    assert len(said("a: 1\na: 2\n1: x\nb: !t 3\n<<: {}\nc: .nan\n")) == 5


def test_anchors_repeat_a_value() -> None:
    assert read("a: &x {p: [1]}\nb: *x\n") == {"a": {"p": [1]}, "b": {"p": [1]}}


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [" + ", ".join(["lol"] * 9) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 30)]
    start = time.process_time()
    problems = said("\n".join(lines))
    assert "100,000 values" in problems[0][2]
    assert time.process_time() - start < 5  # not a speed test: if it were expanded, reading would never end


def test_deep_nesting_is_not_a_recursion_error() -> None:
    for text in ("[" * 100_000, "{a: " * 50_000, "- " * 20_000, "? " * 20_000):
        assert said(text)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=200)
def test_no_text_raises(text: str) -> None:
    for problem in read_text(text, "r.yaml").problems:
        problem.render().encode()


@given(
    st.lists(st.sampled_from([*list("abx01:-?[]{},&*!|>'\"%@`#~<= \n\t.eE+"), "\\u", "<<", "---", "..."]), max_size=25)
)
@settings(deadline=None, max_examples=300)
def test_no_yaml_like_text_raises(pieces: list[str]) -> None:
    for problem in read_text("".join(pieces), "r.yaml").problems:
        assert problem.mark is not None
        assert problem.mark.line >= 1


def test_files(tmp_path: Path) -> None:
    for name, raw, words in (
        ("latin.yaml", b"a: 1\nb: \xe9\n", "not UTF-8 text (byte 8, line 2)"),
        ("huge.yaml", b"#" * (LARGEST_FILE + 1), "larger than"),
        ("utf16.yaml", "a: 1".encode("utf-16"), "not UTF-8"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UnreadableError) as caught:
            load_text(tmp_path / name, name)
        assert words in str(caught.value)
        assert str(caught.value).startswith(name)
    with pytest.raises(UnreadableError, match="is a folder"):
        load_text(tmp_path, "folder")
    for odd in ("nowhere.yaml", "x" * 5000, "a\0b"):
        with pytest.raises(UnreadableError):
            load_text(tmp_path / odd, "odd")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: 1e-4\r\n")
    assert read(load_text(tmp_path / "r.yaml", "r")) == {"a": 1, "b": {"c": 1e-4}}


def test_the_shown_line_has_no_tabs_or_control_characters() -> None:
    problem = read_text("a: [1, 'x\ty', 2, \x85 .nan]\n", "r\x1b[31m.yaml").problems[0]
    shown = problem.render()
    assert "\x1b" not in shown
    assert "\t" not in shown


def test_scalars_of_a_command_line() -> None:
    assert scalar(" 40 ") == 40
    assert scalar("no") == "no"
    with pytest.raises(UsageError):
        scalar("1e999")
