"""Finds the plugins and asks each what it offers; one that fails costs nobody else anything.

Our own loop, not pluggy's ``load_setuptools_entrypoints``: that one stops at the first that raises and skips a
second entry point of the same name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import Any

import pluggy

import maskrec
from maskrec.contracts.errors import UsageError
from maskrec.plugin import hookspecs
from maskrec.plugin.catalog import Catalog, Entry, Failure, Provider, normalise
from maskrec.plugin.component import Component
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.loading import foreign_code, one_line

GROUP = "maskrec"


class _RejectedError(Exception):
    """A plugin that is left out; ``stage`` says where it went wrong."""

    def __init__(self, stage: str, message: str) -> None:
        self.stage = stage
        super().__init__(message)


def discover(files: Sequence[Path] = (), *, plugins: bool = True, only: Sequence[str] | None = None) -> Catalog:
    """Everything that the installed plugins and these files declare; no component's code is imported.

    Args:
        files: files given with ``--plugin``; they are executed.
        plugins: False leaves installed plugins out; the built-in components stay.
        only: distributions to take; the built-in components stay. None takes all.

    Raises:
        UsageError: a file that is not there or no Python file, or two files of one name.
    """
    host = _Host()
    wanted = None if only is None else {normalise(name) for name in only}
    for provider, entry_point in _installed(host.failures):
        builtin = provider.distribution == GROUP
        if builtin or (plugins and (wanted is None or provider.distribution in wanted)):
            host.add(provider, entry_point.load)
    if GROUP not in host.distributions:  # run from a checkout that is not installed
        host.add(Provider("maskrec:builtin", GROUP, maskrec.__version__), _builtin)
    for name in sorted((wanted or set()) - host.distributions) if plugins else ():
        message = "no installed distribution of this name declares a maskrec plugin"
        host.failures.append(Failure(Provider(name, name, ""), "metadata", message))
    for file in _checked(files):
        host.add_file(file)
    return host.catalog()


def _builtin() -> Any:
    from maskrec.plugin import builtin

    return builtin


def _installed(failures: list[Failure]) -> Iterator[tuple[Provider, metadata.EntryPoint]]:
    """All entry points of the group, the built-in ones first, then by distribution.

    Distribution by distribution, because ``metadata.entry_points()`` raises for all when one file is malformed.
    """
    found: dict[str, list[tuple[Provider, metadata.EntryPoint]]] = {}
    for distribution in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                continue
        except (OSError, ValueError):  # unreadable: whoever it is, nothing says that it is one of ours
            continue
        name, version = _identity(distribution)
        if name in found:  # shadowed by one earlier on the path
            continue
        found[name] = []
        try:
            for entry_point in distribution.entry_points.select(group=GROUP):
                found[name].append((Provider(f"{name}:{entry_point.name}", name, version), entry_point))
        except Exception as error:
            failures.append(Failure(Provider(name, name, version), "metadata", one_line(error), error=error))
    for name in sorted(found, key=lambda name: (name != GROUP, name)):
        yield from found[name]


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        name, version = normalise(distribution.metadata["Name"]), distribution.version
    except Exception:  # broken metadata; its folder's name is the next best
        folder = Path(str(getattr(distribution, "_path", "unknown"))).name
        return normalise(folder.split("-")[0].removesuffix(".dist")), "(version unknown)"
    return name, maskrec.__version__ if name == GROUP else version


def _checked(files: Sequence[Path]) -> list[Path]:
    paths = list(dict.fromkeys(Path(file).absolute() for file in files))
    names = [path.name for path in paths]
    for path in paths:
        if path.suffix != ".py" or not path.is_file():
            raise UsageError(f"--plugin {path}: there is no such Python file; give the path of a .py file")
        if names.count(path.name) > 1:
            raise UsageError(f"--plugin: two files are called {path.name}; rename one, their names would be the same")
    return paths


class _Host:
    """Registers plugins one by one and keeps what they declare."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.entries: list[Entry] = []
        self.failures: list[Failure] = []
        self.providers: list[Provider] = []
        self.distributions: set[str] = set()

    def catalog(self) -> Catalog:
        order = list(KIND_OF_HOOK.values())
        return Catalog(sorted(self.entries, key=lambda e: order.index(e.kind)), self.failures, self.providers)

    def add_file(self, file: Path) -> None:
        from maskrec.plugin.from_file import import_file

        name = f"file:{file.name}"
        self.add(Provider(name, name, "", file), lambda: import_file(file))

    def add(self, provider: Provider, load: Any) -> None:
        """Import, register and ask one plugin; whatever it does wrong is recorded and nothing of it stays."""
        self.distributions.add(provider.distribution)
        stage = "import"
        try:
            with foreign_code():
                plugin = load()
                stage = "declaration"
                self.manager.register(plugin, provider.name)
                notices = list(_notices(self.manager, plugin, provider))
                self.entries += self._ask(plugin, provider)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: a plugin does not end the program
            if self.manager.has_plugin(provider.name):
                self.manager.unregister(name=provider.name)
            stage = getattr(error, "stage", stage)
            message = str(error) if isinstance(error, _RejectedError) else one_line(error)
            self.failures.append(Failure(provider, stage, message, error=error.__cause__ or error))
        else:
            self.failures += notices
            self.providers.append(provider)

    def _ask(self, plugin: Any, provider: Provider) -> list[Entry]:
        declared: list[Entry] = []
        for hook, kind in KIND_OF_HOOK.items():
            for implementation in getattr(self.manager.hook, hook).get_hookimpls():
                if implementation.plugin is plugin:
                    components = _call(hook, implementation.function)
                    declared += [Entry(kind, component, provider) for component in components]
        if not (self.manager.get_hookcallers(plugin) or []):
            raise _RejectedError(
                "declaration", "it has no hook: write functions marked @hookimpl, such as maskrec_losses"
            )
        taken = {_key(entry) for entry in self.entries}
        for entry in declared:
            _check(entry)
            if _key(entry) in taken:
                raise _RejectedError("declaration", f"{entry.noun} {entry.name!r} is declared twice")
            taken.add(_key(entry))
        return declared


def _key(entry: Entry) -> tuple[str, str, str]:
    return (entry.kind, entry.component.part, entry.qualified)


def _call(hook: str, function: Any) -> list[Any]:
    try:
        return list(function())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _RejectedError(f"hook {hook}", one_line(error)) from error


def _check(entry: Entry) -> None:
    component = entry.component
    if not isinstance(component, Component):
        raise _RejectedError(
            "declaration", f"a hook for {entry.kind} returned {component!r:.80}, which is no Component"
        )
    if (entry.kind == "part") != bool(component.part):
        wrong = "must say which part it is" if entry.kind == "part" else "must not name a part"
        raise _RejectedError("declaration", f"{entry.kind} {component.name!r} {wrong} (the field `part`)")
    if component.target.startswith(":") and entry.provider.file is None:
        raise _RejectedError(
            "declaration", f"the target {component.target!r} names no module, which only a --plugin file may leave out"
        )


def _notices(manager: pluggy.PluginManager, plugin: Any, provider: Provider) -> Iterable[Failure]:
    """What pluggy passes over in silence: hooks nobody calls, and functions that were meant to be hooks."""
    for caller in manager.get_hookcallers(plugin) or []:
        optional = all(impl.optionalhook for impl in caller.get_hookimpls() if impl.plugin is plugin)
        if caller.spec is None and not optional:
            near = difflib.get_close_matches(caller.name, KIND_OF_HOOK, n=1)
            meant = f"did it mean {near[0]}?" if near else "it may be meant for a newer maskrec"
            yield Failure(provider, f"hook {caller.name}", f"unknown and left out, {meant}", fatal=False)
    for name, value in list(getattr(plugin, "__dict__", {}).items()):
        meant = name.startswith("maskrec_") and isinstance(value, FunctionType) and not hasattr(value, "maskrec_impl")
        if meant and value.__module__ == getattr(plugin, "__name__", None):
            yield Failure(provider, "declaration", f"{name} is not marked @hookimpl and was left out", fatal=False)
