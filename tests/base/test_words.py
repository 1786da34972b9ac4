"""Similar names, errors on one line, and differences between two values."""

from __future__ import annotations

import numpy as np
import pytest

from maskrec.base.words import (
    byte_size,
    counted,
    did_you_mean,
    differences,
    nearest,
    one_line,
    os_reason,
    type_shown,
    typed_line,
)


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "None"), (3, "an int"), ({}, "a dict"), (np.zeros(1), "an ndarray"), (np.float32(1), "a float32")],
)
def test_what_a_value_is_has_its_article(value: object, shown: str) -> None:
    assert type_shown(value) == shown


class UnspeakableError(Exception):
    """Raises when it is converted to text."""

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
        "seed 3 there, none here",
        "workers none there, 2 here",
    ]
    assert differences(before, dict(before)) == []
    assert differences(1, 2, "maskrec") == ["maskrec 1 there, 2 here"]


@pytest.mark.parametrize(
    ("count", "what", "words"),
    [(1, "person", "1 person"), (0, "person", "0 people"), (1000, "photo", "1,000 photos"), (1, "face", "1 face")],
)
def test_one_is_singular(count: int, what: str, words: str) -> None:
    assert counted(count, what) == words


def test_what_nobody_can_read_is_not_printed_as_a_difference() -> None:
    before = {"hash": "a" * 64, "earlier": [{"size": 112}], "plan": {"types": {"n95": 1.0}}, "masks": ["none"]}
    after = {"hash": "b" * 64, "earlier": None, "plan": None, "masks": ["none", "both"]}
    assert differences(before, after) == [
        "hash differs",
        "earlier differs",
        "plan differs",
        "masks ['none'] there, ['none', 'both'] here",
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 kB"), (92_160, "92.2 kB"), (999_499, "999 kB"),
     (999_600, "1.00 MB"), (6_120_000, "6.12 MB"), (9_999_999, "10.0 MB"), (1_580_547_964_502_016, "1.58 PB")],
)  # fmt: skip
def test_a_size_has_three_digits_whatever_its_unit(count: int, words: str) -> None:
    assert byte_size(count) == words


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(13, "Permission denied", "a.txt"), "Permission denied"), (OSError("odd"), "odd"), (ValueError("a"), "a")],
)
def test_a_reason_is_what_the_system_says_else_the_errors_text(error: Exception, reason: str) -> None:
    assert os_reason(error) == reason
