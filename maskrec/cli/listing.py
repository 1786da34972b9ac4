"""What is installed: ``list``, ``show``, ``plugins``."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any

import typer

from maskrec.base.console import say, table, terminal_width
from maskrec.base.errors import UsageError
from maskrec.base.words import did_you_mean, nearest
from maskrec.cli.options import AsJson, NoPlugins, PluginFiles, open_catalog
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.registered import Failure, Registered, normalise


def entry_row(entry: Registered) -> dict[str, Any]:
    """The keys of one component in ``list --json``."""
    provider, component = entry.provider, entry.component
    return {
        "kind": entry.kind,
        "part": component.part,
        "name": component.name,
        "qualified": entry.qualified,
        "summary": component.summary,
        "aliases": list(component.aliases),
        "target": component.target,
        "needs": list(component.needs),
        "plugin": provider.name,
        "distribution": provider.distribution,
        "version": provider.version,
        "file": str(provider.file) if provider.file else None,
    }


def failure_row(failure: Failure) -> dict[str, Any]:
    """The keys of one failure in ``list --json`` and ``plugins --json``."""
    return {
        "plugin": failure.provider.name,
        "distribution": failure.provider.distribution,
        "version": failure.provider.version,
        "stage": failure.stage,
        "message": failure.message,
        "fatal": failure.fatal,
    }


def list_components(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KIND]...", help=f"Only {', '.join(KIND_OF_HOOK.values())}, or a part: miner."),
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="DISTRIBUTION", help="Only what this distribution declares.")
    ] = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """List the components that recipes can name.

    With --json: {"components": [{kind, part, name, qualified, summary, aliases, target, needs, plugin, distribution,
    version, file}], "failures": [{plugin, distribution, version, stage, message, fatal}]}.
    """
    catalog = open_catalog(plugin, no_plugins)
    asked = [_kind(kind, catalog) for kind in kinds or KIND_OF_HOOK.values()]
    source = None if provider is None else _source(catalog, provider)
    entries = [e for e in catalog.entries if {e.kind, e.noun} & {*asked} and source in (None, e.provider.distribution)]
    if as_json:
        failures = [failure_row(failure) for failure in catalog.failures]
        print(json.dumps({"components": [entry_row(entry) for entry in entries], "failures": failures}, indent=2))
        return
    rows = [("KIND", "NAME", "PROVIDER", "SUMMARY")]
    rows += [(entry.noun, entry.name, str(entry.provider), _summary(entry)) for entry in entries]
    say(table(rows, terminal_width()))


def _summary(entry: Registered) -> str:
    """What it does, and its names of the past, which recipes may still say."""
    names = " and ".join(entry.component.aliases)
    return f"{entry.component.summary} (before: {names})" if names else entry.component.summary


def _kind(text: str, catalog: Catalog) -> str:
    """The kind, or the sort of part, that the user means, in the singular or the plural."""
    for hook, kind in KIND_OF_HOOK.items():
        if text in (kind, hook.removeprefix("maskrec_")):
            return kind
    parts = dict.fromkeys(entry.component.part for entry in catalog.entries if entry.component.part)
    for part in parts:
        if text in (part, f"{part}s"):
            return part
    kinds = [*KIND_OF_HOOK.values(), *parts]
    raise UsageError(f"unknown kind {text!r}; {did_you_mean(text, kinds, ', '.join(kinds))}")


def _source(catalog: Catalog, text: str) -> str:
    """The distribution, or ``file:FILE.py``, that the user means."""
    sources = dict.fromkeys(provider.distribution for provider in catalog.providers)
    name = text if text in sources else normalise(text)
    if name not in sources:
        raise UsageError(f"no plugin of {text!r} is loaded; there is {', '.join(sources)}")
    return name


def plugins(as_json: AsJson = False, plugin: PluginFiles = None, no_plugins: NoPlugins = False) -> None:
    """List the plugins, and what is wrong with those that failed. MASKREC_TRACE=1 shows each hook's answer on stderr.

    With --json: {"plugins": [{plugin, distribution, version, file, components}], "failures": [{plugin, distribution,
    version, stage, message, fatal}]}; "components" counts what it declares.
    """
    catalog = open_catalog(plugin, no_plugins, tolerant=True, quiet=True)
    counts = Counter(entry.provider for entry in catalog.entries)
    if as_json:
        loaded = [
            {
                "plugin": provider.name,
                "distribution": provider.distribution,
                "version": provider.version,
                "file": str(provider.file) if provider.file else None,
                "components": counts[provider],
            }
            for provider in catalog.providers
        ]
        failures = [failure_row(failure) for failure in catalog.failures]
        print(json.dumps({"plugins": loaded, "failures": failures}, indent=2))
        return
    rows = [("PLUGIN", "VERSION", "COMPONENTS", "PROBLEM")]
    rows += [(provider.name, provider.version, str(counts[provider]), "") for provider in catalog.providers]
    rows += [
        (failure.provider.name, failure.provider.version, "-", f"{failure.stage}: {failure.message}")
        for failure in catalog.failures
    ]
    say(table(rows))  # never cut: a sentence ends with the place that an author looks for


def show(
    name: Annotated[str, typer.Argument(help="Bare or qualified: arcface, maskrec/arcface.")],
    kind: Annotated[str | None, typer.Option("--kind", help="Which kind or part, of several with a name.")] = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Show a component: its parameters, what it does, where it is."""
    from maskrec.cli.showing import describe

    catalog = open_catalog(plugin, no_plugins)
    asked = None if kind is None else _kind(kind, catalog)
    found = [entry for entry in catalog.find(name) if asked in (None, entry.kind, entry.noun)]
    if not found:
        raise _nothing_called(catalog, name, asked)
    if len(found) > 1:
        same_kind = len({entry.noun for entry in found}) == 1
        choices = [entry.qualified if same_kind else f"{entry.qualified} --kind {entry.noun}" for entry in found]
        raise UsageError(f"{name!r} is declared more than once; choose one with maskrec show {' or '.join(choices)}")
    say(describe(found[0], catalog))


_LIKE = 0.75  # of all kinds' names some is like any word: `stripes` and `triplet` share five of seven letters


def _of_recipe(name: str) -> str:
    """What to say where the name is a recipe's; empty where it is not."""
    from maskrec.recipe.shipped import PREFIX, shipped_recipes

    recipe = f"{PREFIX}{name}" if name in shipped_recipes() else name
    if not recipe.startswith(PREFIX) and not recipe.endswith((".yaml", ".yml")):
        return ""
    return (
        f"{recipe} is a recipe, and maskrec show describes components: maskrec check {recipe} checks it, maskrec "
        "recipes lists those that are shipped"
    )


def _nothing_called(catalog: Catalog, name: str, kind: str | None) -> UsageError:
    if said := _of_recipe(name):
        return UsageError(said)
    names = [entry.name for entry in catalog.entries if kind in (None, entry.kind, entry.noun)]
    near = nearest(name.rpartition("/")[2], names, likeness=_LIKE)
    failed = next((failure for failure in catalog.failures if failure.fatal), None)
    hints = [catalog.declared_by_stem(name) or (f"did you mean {near[0]}?" if near else "")]
    hints += [f"a plugin that may provide it failed: {failed.provider.name}"] if failed else []
    hints += [] if catalog.has_files or "/" in name else ["is a --plugin FILE missing?"]
    message = f"no {kind or 'component'} is called {name!r}"
    return UsageError(f"{message}; {' or '.join(filter(None, hints)) or 'maskrec list shows all components'}")
