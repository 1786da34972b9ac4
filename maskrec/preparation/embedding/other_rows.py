"""Why a file of embeddings is not the one that a command would make, as a sentence for the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SWITCHES = ("aligned", "detect")


def other_rows(npz: Path, there: Mapping[str, Any], work: Mapping[str, Any]) -> str:
    """The sentence.

    Args:
        npz: the file.
        there: what its record says.
        work: what the command would record.
    """
    ways = list(_ways(there, work)) or ["made in another way"]
    return f"{npz} exists, but is {'; '.join(ways)}; name another file with --out"


def _ways(there: Mapping[str, Any], work: Mapping[str, Any]) -> Iterator[str]:
    before, now = (_part(way, "settings") for way in (there, work))
    if before.get("model") != now.get("model"):
        yield "of another model"
    yield from _other_photos(_part(there, "source"), _part(work, "source"))
    for name in _SWITCHES:
        if before.get(name) != now.get(name):
            yield f"made {'with' if before.get(name) else 'without'} --{name}"
    if before.get("face") != now.get("face"):
        yield f"made with --face {before.get('face')}, not {now.get('face')}"
    if there.get("maskrec") != work.get("maskrec"):
        yield f"made by maskrec {there.get('maskrec')}, and this is {work.get('maskrec')}"


def _other_photos(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Another list of photos; their number where it tells them apart."""
    if before == now:
        return
    then, count = before.get("photos"), now.get("photos")
    yield "of other photos" if then == count else f"of other photos ({then} there, {count} here)"


def _part(way: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = way.get(name)
    return found if isinstance(found, Mapping) else {}
