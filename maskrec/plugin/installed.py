"""The entry points of the group ``maskrec`` among the installed distributions; none is imported."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from maskrec.base.version import __version__
from maskrec.base.words import typed_line
from maskrec.plugin.registered import Failure, Provider, normalise

GROUP = "maskrec"
BUILTIN = "maskrec.plugin.builtin"  # the one entry point of maskrec itself


def installed_plugins(failures: list[Failure]) -> Iterator[tuple[Provider, metadata.EntryPoint]]:
    """All entry points of the group, the built-in ones first, then by distribution.

    Distribution by distribution, because ``metadata.entry_points()`` raises for all when one file is malformed.
    """
    found: dict[str, list[tuple[Provider, metadata.EntryPoint]]] = {}
    for distribution in metadata.distributions():
        try:
            points = distribution.entry_points
            declared = [point for point in points if point.group == GROUP]
        except Exception as error:  # torch asks for all of them when it is imported, and then fails too
            failures.append(_unparsable(distribution, error))
            continue
        if not declared:
            continue
        name, version = _identity(distribution)
        if name in found:  # shadowed by an earlier one on the path
            continue
        if name == GROUP and [point.value for point in declared] != [BUILTIN]:
            failures.append(Failure(Provider(name, name, distribution.version), "metadata", _impostor(distribution)))
            continue
        found[name] = [(Provider(f"{name}:{point.name}", name, version), point) for point in declared]
    for name in sorted(found, key=lambda name: (name != GROUP, name)):
        yield from found[name]


def metadata_at_fault(error: BaseException) -> Failure | None:
    """The distribution whose unreadable entry points raise this error in everything that asks for all of them."""
    failures: list[Failure] = []
    list(installed_plugins(failures))
    return next((failure for failure in failures if type(failure.error) is type(error)), None)


def _unparsable(distribution: metadata.Distribution, error: Exception) -> Failure:
    name, version = _identity(distribution)
    message = f"its entry_points.txt cannot be read, by which torch fails too ({typed_line(error)}); reinstall {name}"
    return Failure(Provider(name, name, version), "metadata", message, error=error)


def _impostor(distribution: metadata.Distribution) -> str:
    where = getattr(distribution, "_path", "an unknown place")
    return f"a distribution at {where} calls itself maskrec and is ignored; a plugin needs a name of its own"


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        said = distribution.metadata  # read anew each time
        name, version = normalise(said["Name"]), said["Version"]
    except Exception:  # broken metadata; use its folder's name instead
        folder = Path(str(getattr(distribution, "_path", "unknown"))).name
        return normalise(folder.split("-")[0].removesuffix(".dist")), "(version unknown)"
    return name, __version__ if name == GROUP else version
