"""How the settings of the pairs in a folder differ from those of a command, in the options of ``data pairs``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NUMBERS = ("evaluation", "test")
_OTHERS = ("masks", "same_photo", "train_faces", "seed")


def differing_options(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """``--types: not given there, n95,kn95 here`` for every option whose value differs.

    The numbers of pairs come only where nothing else differs: those that nobody asks for follow from the others.

    Args:
        before: settings from a ``pairs.json``.
        now: the settings of the command, as they would be written.
    """
    found = list(_compared(_options(before), _options(now)))
    return found or list(_compared(*({name: f"{way[name]:,}" for name in _NUMBERS} for way in (before, now))))


def _compared(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        there, here = (way.get(name, "not given") for way in (before, now))
        if there != here:
            yield f"--{name.replace('_', '-')}: {there} there, {here} here"


def _options(settings: Mapping[str, Any]) -> dict[str, str]:
    plan = settings["put_on"] or {}
    words = {name: _word(settings[name]) for name in _OTHERS}
    words |= {f"{split}_share": _word(share) for split, share in settings["shares"].items()}
    words |= {"preset": "reference"} if settings["protocol"] == "reference" else {}
    if plan:
        types = (name if weight == 1 else f"{name}={weight:g}" for name, weight in plan["types"].items())
        words["types"] = ",".join(types)
        words |= {"every_type": "given"} if plan["every_type"] else {}
        words |= {"copies": str(plan["copies"])} if plan["copies"] != 1 else {}
    return words


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
