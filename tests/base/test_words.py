"""Names that are near, errors on one line, and what differs between two values."""

from __future__ import annotations

import pytest

from maskrec.base.words import did_you_mean, differences, nearest, one_line, typed_line


def test_the_likeliest_name_comes_first_and_an_unlike_one_not_at_all() -> None:
    known = ["arcface", "cosface", "triplet", "arcface"]
    assert nearest("arcfase", known, 3)[0] == "arcface"
    assert nearest("arcfase", known, 3).count("arcface") == 1
    assert nearest("zzz", known) == []


def test_a_hint_quotes_the_name_or_says_something_else() -> None:
    assert did_you_mean("cosfac", ["cosface"]) == "did you mean cosface?"
    assert did_you_mean("cosfac", ["cosface"], quote="`") == "did you mean `cosface`?"
    assert did_you_mean("zzz", ["cosface"], "there is cosface") == "there is cosface"
    assert did_you_mean("zzz", []) == ""


class UnspeakableError(Exception):
    """Raises while it says what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "plain", "typed"),
    [
        (ValueError("two\n  lines"), "two lines", "ValueError: two lines"),
        (ValueError(), "ValueError", "ValueError"),
        (UnspeakableError(), "UnspeakableError", "UnspeakableError"),
    ],
)
def test_an_error_is_one_line_whatever_it_says(error: Exception, plain: str, typed: str) -> None:
    assert (one_line(error), typed_line(error)) == (plain, typed)


def test_every_difference_is_named_with_both_values() -> None:
    before = {"size": 112, "fill": "black", "types": {"n95": 1.0, "kn95": 2.0}, "seed": 3}
    after = {"size": 160, "fill": "black", "types": {"n95": 1.0, "kn95": 1.0}, "workers": 2}
    assert differences(before, after) == [
        "size 112 there, 160 here",
        "types.kn95 2.0 there, 1.0 here",
        "seed 3 there, None here",
        "workers None there, 2 here",
    ]
    assert differences(before, dict(before)) == []
    assert differences(1, 2, "maskrec") == ["maskrec 1 there, 2 here"]
