"""Settings of alignment beside those of the data set that a folder holds: which may follow, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskrec.base.words import differences


def only_adds(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether settings differ only in which faces are found and chosen, so that photos without a face may get one."""
    if {name for name in now if now[name] != before.get(name)} - {"choice", "min_face", "detect"}:
        return False
    return before["choice"] in ("only", now["choice"])


def differ(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """How settings differ, in words; of choices among several faces also which can follow which."""
    ways = differences({**before, "choice": ""}, {**now, "choice": ""})
    one, other = (_choice_option(settings.get("choice")) for settings in (before, now))
    if one != other:
        ways.append(
            f"{one} there, {other} here: one of --largest, --central and --all can be added to a data set that was "
            "made with none of them, and then stays"
        )
    return ways


def _choice_option(choice: object) -> str:
    return "none of --largest, --central and --all" if choice == "only" else f"--{choice}"
