"""What is there: ``list``, ``show``, ``plugins``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from maskrec.cli.options import AsJson, NoPlugins, PluginFiles, open_catalog
from maskrec.cli.text import table, terminal_width
from maskrec.plugin.catalog import Entry, Failure


def entry_row(entry: Entry) -> dict[str, Any]:
    """The keys of one component in ``list --json``."""
    provider, component = entry.provider, entry.component
    return {
        "kind": entry.kind,
        "part": component.part,
        "name": component.name,
        "qualified": entry.qualified,
        "summary": component.summary,
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
    kind: Annotated[str | None, typer.Argument(help="Only this kind: loss, sampler, ...")] = None,
    provider: Annotated[str | None, typer.Option(help="Only what this distribution declares.")] = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """List the components that recipes may name."""
    catalog = open_catalog(plugin, no_plugins)
    entries = [entry for entry in catalog.entries if kind is None or entry.kind == kind]
    if as_json:
        print(json.dumps({"components": [entry_row(entry) for entry in entries]}, indent=2))
        return
    rows = [("KIND", "NAME", "PROVIDER", "SUMMARY")]
    rows += [(entry.noun, entry.name, str(entry.provider), entry.component.summary) for entry in entries]
    print(table(rows, terminal_width()))


def show(name: str, plugin: PluginFiles = None, no_plugins: NoPlugins = False) -> None:
    """Show one component: its parameters, what it does, where it is."""


def plugins(as_json: AsJson = False, plugin: PluginFiles = None, no_plugins: NoPlugins = False) -> None:
    """List the plugins, and what is wrong with those that failed."""
