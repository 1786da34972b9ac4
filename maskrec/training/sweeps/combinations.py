"""The runs of a sweep: every combination of the values given for keys of a recipe, each with several seeds."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from maskrec.base.errors import UsageError

_LONGEST_NAME = 120  # file systems allow 255 bytes, and a suffix follows
SEED = "seed"


@dataclass(frozen=True, slots=True)
class Combination:
    """One value of every key that is swept.

    Args:
        values: by key, in the order of the command line, as they were written.
        overrides: ``KEY=VALUE`` words of the command line that all runs share.
    """

    values: Mapping[str, str]
    overrides: tuple[str, ...]

    def words(self, seed: int | None = None) -> list[str]:
        """The changes to the recipe as ``maskrec run`` takes them."""
        seeds = [] if seed is None else [f"{SEED}={seed}"]
        return [*self.overrides, *(f"{key}={value}" for key, value in self.values.items()), *seeds]

    def name(self, seed: int) -> str:
        """The folder of its run: readable, the same for the same values, and another one for other values."""
        whole = ",".join([*(f"{key}={value}" for key, value in self.values.items()), f"{SEED}={seed}"])
        plain = re.sub(r"[^\w.=+,-]", "_", whole, flags=re.ASCII)
        if plain == whole and len(plain) <= _LONGEST_NAME:
            return plain
        return f"{plain[:_LONGEST_NAME]}-{hashlib.sha256(whole.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class SweepGrid:
    """What a sweep's words ask for.

    Args:
        combinations: in the order of the command line, the last key changing fastest.
        seeds: the values of ``seed``, where the words list several; otherwise empty.
    """

    combinations: tuple[Combination, ...]
    seeds: tuple[int, ...]


def read_grid(words: Sequence[str]) -> SweepGrid:
    """All combinations of ``KEY=VALUE,VALUE`` words; a word with one value is a change that all runs share.

    Commas inside of brackets, braces and quotes belong to a value: ``scheduler.milestones=[5,10],[10,20]``.

    Raises:
        UsageError: an empty value, one that is listed twice, a key that is listed twice, a seed that is not a number.
    """
    shared: list[str] = []
    swept: dict[str, list[str]] = {}
    for word in words:
        key, _, value = word.partition("=")
        values = split_values(value)
        if len(values) == 1:
            shared.append(word)
            continue
        key = key.strip()
        if key in swept:
            raise UsageError(f"{word}: the values of `{key}` are listed twice; list them in one word")
        swept[key] = _distinct(word, values)
    seeds = tuple(_seed(word) for word in swept.pop(SEED, []))
    choices = itertools.product(*swept.values())
    combinations = (Combination(dict(zip(swept, chosen, strict=True)), tuple(shared)) for chosen in choices)
    return SweepGrid(tuple(combinations), seeds)


def split_values(text: str) -> list[str]:
    """The text cut at commas that are outside of brackets, braces and quotes, without the spaces around the parts."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and (depth or not parts[-1].strip()):
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        if character == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _distinct(word: str, values: Iterable[str]) -> list[str]:
    found: list[str] = []
    for value in values:
        if not value:
            raise UsageError(f"{word}: a value beside a comma is empty; write it like loss.margin=0.3,0.4")
        if value in found:
            raise UsageError(f"{word}: the value {value} is listed twice; list each once")
        found.append(value)
    return found


def _seed(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise UsageError(f"seed={word}: expected whole numbers, such as seed=1,2,3") from None
