"""The entry points of the group ``maskrec`` among the installed distributions; none is imported."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import maskrec
from maskrec.base.words import typed_line
from maskrec.plugin.registered import Failure, Provider, normalise

GROUP = "maskrec"


def installed_plugins(failures: list[Failure]) -> Iterator[tuple[Provider, metadata.EntryPoint]]:
    """All entry points of the group, the built-in ones first, then by distribution.

    Distribution by distribution, because ``metadata.entry_points()`` raises for all when one file is malformed.
    """
    found: dict[str, list[tuple[Provider, metadata.EntryPoint]]] = {}
    for distribution in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                continue
        except (OSError, ValueError):  # unreadable: nothing shows that it declares a plugin
            continue
        name, version = _identity(distribution)
        if name in found:  # shadowed by an earlier one on the path
            continue
        found[name] = []
        try:
            for entry_point in distribution.entry_points.select(group=GROUP):
                found[name].append((Provider(f"{name}:{entry_point.name}", name, version), entry_point))
        except Exception as error:
            failures.append(Failure(Provider(name, name, version), "metadata", typed_line(error), error=error))
    for name in sorted(found, key=lambda name: (name != GROUP, name)):
        yield from found[name]


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        name, version = normalise(distribution.metadata["Name"]), distribution.version
    except Exception:  # broken metadata; use its folder's name instead
        folder = Path(str(getattr(distribution, "_path", "unknown"))).name
        return normalise(folder.split("-")[0].removesuffix(".dist")), "(version unknown)"
    return name, maskrec.__version__ if name == GROUP else version
