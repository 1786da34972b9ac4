"""Finds the plugins and collects what each declares; a plugin that fails does not affect the others.

A separate loop, because pluggy's ``load_setuptools_entrypoints`` stops at the first that raises and skips a
second entry point of the same name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pluggy

from maskrec.base.errors import UsageError
from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.version import __version__
from maskrec.contracts.global_state import SharedState
from maskrec.plugin import hookspecs
from maskrec.plugin.author_errors import listed_components, raised_in, refuse_hook_arguments, refuse_without_hooks
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.foreign_code import LIMIT, Noticed, foreign_code
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.installed import GROUP, installed_plugins
from maskrec.plugin.registered import Failure, Provider, Registered, normalise
from maskrec.plugin.validation import RejectedError, check_entry, problems_of, refuse_taken


def discover(files: Sequence[Path] = (), *, plugins: bool = True, only: Sequence[str] | None = None) -> Catalog:
    """Everything that the installed plugins and these files declare; no component is imported.

    Args:
        files: files given with ``--plugin``; they are executed.
        plugins: False leaves installed plugins out; the built-in components stay.
        only: distributions to take; the built-in components stay. None takes all.

    Raises:
        UsageError: a file does not exist or is not a Python file, or two files have the same name.
    """
    host = _Host()
    wanted = None if only is None else {normalise(name) for name in only}
    for provider, entry_point in installed_plugins(host.failures):
        builtin = provider.distribution == GROUP
        if builtin or (plugins and (wanted is None or provider.distribution in wanted)):
            host.add(provider, entry_point.load, entry_point.module)
    if GROUP not in host.distributions:  # run from a checkout that is not installed
        host.add(Provider("maskrec:builtin", GROUP, __version__), _builtin)
    for name in sorted((wanted or set()) - host.distributions) if plugins else ():
        message = "no installed distribution of this name declares a maskrec plugin"
        host.failures.append(Failure(Provider(name, name, ""), "metadata", message))
    for file in _checked(files):
        host.add_file(file)
    return host.catalog()


def _builtin() -> Any:
    from maskrec.plugin import builtin

    return builtin


def _checked(files: Sequence[Path]) -> list[Path]:
    paths = list(dict.fromkeys(Path(file).absolute() for file in files))
    names = [path.name for path in paths]
    for path in paths:
        if path.suffix != ".py" or not path.is_file():
            raise UsageError(f"--plugin {path}: not an existing Python file; give the path of a .py file")
        if names.count(path.name) > 1:
            raise UsageError(
                f"--plugin: two files are called {path.name}; rename one, because their module names would be equal"
            )
    return paths


class _Host:
    """Registers plugins one by one and keeps what they declare."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.entries: list[Registered] = []
        self.failures: list[Failure] = []
        self.providers: list[Provider] = []
        self.distributions: set[str] = set()

    @cached_property
    def _before(self) -> SharedState:
        """What every plugin must leave as it is; taken once, for all of them."""
        return SharedState()

    def catalog(self) -> Catalog:
        order = list(KIND_OF_HOOK.values())
        return Catalog(sorted(self.entries, key=lambda e: order.index(e.kind)), self.failures, self.providers)

    def add_file(self, file: Path) -> None:
        from maskrec.plugin.from_file import import_file

        name = f"file:{file.name}"
        self.add(Provider(name, name, "", file), lambda: import_file(file))

    def add(self, provider: Provider, load: Any, module: str = "") -> None:
        """Import, register and query one plugin; a failure is recorded and the plugin is removed completely.

        Args:
            provider: the plugin.
            load: imports it.
            module: of a distribution, the module that its entry point names.
        """
        self.distributions.add(provider.distribution)
        stage = "import"
        problems: list[Failure] = []
        noticed = Noticed()
        try:
            own = provider.distribution == GROUP
            with foreign_code(None if own else provider.who, LIMIT, noticed, None if own else self._before):
                plugin = load()
                stage = "declaration"
                refuse_hook_arguments(plugin)
                self.manager.register(plugin, provider.name)
                if not (self.manager.get_hookcallers(plugin) or []):
                    refuse_without_hooks(plugin)
                problems += problems_of(self.manager, plugin, provider)
                self.entries += self._ask(plugin, provider, module)
        except INTERRUPTS:
            raise
        except RejectedError as error:
            self._drop(Failure(provider, error.stage, str(error), error=error.__cause__ or error))
        except BaseException as error:  # also SystemExit: a plugin must not end the program
            self._drop(Failure(provider, stage, _explained(error, provider, module), error=error))
        else:
            self.providers.append(provider)
        self.failures += [*problems, *(Failure(provider, "import", s, fatal=False) for s in noticed.sentences())]

    def _drop(self, failure: Failure) -> None:
        if self.manager.has_plugin(failure.provider.name):
            self.manager.unregister(name=failure.provider.name)
        self.failures.append(failure)

    def _ask(self, plugin: Any, provider: Provider, module: str) -> list[Registered]:
        declared: list[Registered] = []
        hooks: dict[str, Any] = {}
        for hook, kind in KIND_OF_HOOK.items():
            for implementation in getattr(self.manager.hook, hook).get_hookimpls():
                if implementation.plugin is plugin:
                    hooks[kind] = implementation.function
                    components = _call(hook, implementation.function, provider, module)
                    declared += [Registered(kind, component, provider) for component in components]
        for entry in declared:
            check_entry(entry, hooks[entry.kind])
        refuse_taken(declared, self.entries, hooks)
        return declared


def _call(hook: str, function: Any, provider: Provider, module: str) -> list[Any]:
    try:
        found = listed_components(hook, function, function())
    except INTERRUPTS:
        raise
    except RejectedError as error:
        _trace(provider, hook, error)
        raise
    except BaseException as error:
        rejected = RejectedError(f"hook {hook}", _explained(error, provider, module))
        _trace(provider, hook, rejected)
        raise rejected from error
    _trace(provider, hook, found)
    return found


def _explained(error: BaseException, provider: Provider, module: str) -> str:
    from maskrec.plugin.installation_hints import installation_hint

    return raised_in(error, provider.file, module) + installation_hint(error, provider, module)


def _trace(provider: Provider, hook: str, result: list[Any] | RejectedError) -> None:
    if os.environ.get("MASKREC_TRACE", "") not in ("", "0"):
        from maskrec.plugin.hook_trace import trace_hook

        trace_hook(provider, hook, result)
