"""Plain text for the terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.console import cells, clean, table


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("a\rb\x00c\x07d\x9be", "abcde"),
        ("two\nlines\tand tab", "two\nlines    and tab"),
        ("\u202eright to left\u2066", "right to left"),
        ("\ud800 alone", "? alone"),
        ("[/bold] é 漢", "[/bold] é 漢"),
    ],
)
def test_control_characters_go_and_text_stays(text, plain):
    assert clean(text) == plain


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_nothing_that_moves_the_cursor_is_left(text):
    left = clean(text)
    assert not [c for c in left if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]
    assert clean(left) == left


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=1, max_size=5), st.integers(1, 60))
def test_a_table_has_a_line_a_row_and_fits(rows, width):
    lines = table(rows, width).split("\n")
    assert len(lines) == len(rows)
    assert all(cells(line) <= width for line in lines)


def test_columns_align_by_what_the_terminal_shows():
    lines = table([("漢字", "x"), ("ab", "x"), ("e\u0301", "x")]).splitlines()
    assert [cells(line) for line in lines] == [7, 7, 7]
