"""Why a folder's data set is not the one that a command would make, as a sentence for the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maskrec.base.words import differences

Settings = Mapping[str, Any]
Differ = Callable[[Settings, Settings], list[str]]
"""How settings differ, in words: those of the folder's data set, and those of the command."""

_FROM_PHOTOS = ("source", "groups", "columns")  # follow from the photos, so that they are no reason of their own


def other_work(destination: Path, there: Mapping[str, Any], work: Mapping[str, Any], differ: Differ) -> str:
    """The sentence; empty where both are the same.

    Args:
        destination: the folder.
        there: its ``work.json``.
        work: what the command would write into it.
        differ: describes other settings.
    """
    before = {name: value for name, value in there.items() if name != "earlier"}
    if before == work:
        return ""
    photos = _other_photos(before.get("source"), work["source"])
    parts = {name for name in (*before, *work) if name != "settings" and not (photos and name in _FROM_PHOTOS)}
    settings = before.get("settings")
    ways = differ(settings, work["settings"]) if isinstance(settings, Mapping) else ["settings differ"]
    one, other = ({name: way[name] for name in way if name in parts} for way in (before, work))
    ways += differences(one, other)
    if photos and not ways:
        return f"{destination}: {photos}"
    ways += [photos] if photos else []
    return (
        f"{destination}: holds a data set made in another way ({'; '.join(ways)}); use the same command again, or "
        "another folder"
    )


def _other_photos(before: Any, now: Mapping[str, Any]) -> str:
    """How the photos differ, and what to do; empty where they do not."""
    if before == now or not isinstance(before, Mapping):
        return ""
    then, count = before.get("photos"), now["photos"]
    new = "make the data set in a new folder"
    if before.get("kind") != now["kind"]:
        return f"made from a source of the kind {before.get('kind')}, not {now['kind']}; {new}, or name the same source"
    if not isinstance(then, int) or then == count:
        return (
            f"the list of photos has changed since this data set was started ({count:,} as before, but with other "
            f"names, people, masks or landmarks); {new}, or undo the change"
        )
    back = f"remove what was added ({count - then:,})" if count > then else "put back those that are gone"
    return f"the photos have changed since this data set was started ({then:,} then, {count:,} now); {new}, or {back}"
