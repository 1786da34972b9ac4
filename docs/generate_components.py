"""Writes docs/components.md: every built-in component as the catalog declares it and its code documents it.

python docs/generate_components.py
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path

from maskrec.base.words import article
from maskrec.cli.showing import type_text
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.host import discover
from maskrec.plugin.registered import Registered
from maskrec.plugin.signature import EMPTY, ParameterInfo, parameter_help, read_parameters, without_parameters

OUTPUT = Path(__file__).with_name("components.md")
HEAD = """# Built-in components

Written by `docs/generate_components.py`; do not edit. `maskrec show NAME` says the same of one component, also of a
plugin's. What each kind must do is in [contracts.md](contracts.md), how recipes name components in
[recipes.md](recipes.md).
"""
TITLES = {hook.removeprefix("maskrec_"): kind for hook, kind in KIND_OF_HOOK.items()}


def components_page() -> str:
    """The whole page, in Markdown."""
    catalog = discover((), plugins=False)
    blocks = [HEAD]
    for title, kind in TITLES.items():
        entries = [entry for entry in catalog.entries if entry.kind == kind]
        blocks += [f"## {title.capitalize()}", "\n".join(_overview(entries))]
        for entry in entries:
            blocks += _component(entry, catalog)
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def _overview(entries: Iterable[Registered]) -> Iterator[str]:
    yield from _table(
        ("name", "what"), ((f"[`{entry.name}`](#{entry.name})", entry.component.summary) for entry in entries)
    )


def _component(entry: Registered, catalog: Catalog) -> list[str]:
    """Heading, text and parameters of one component."""
    target = catalog.load(entry)
    parameters = read_parameters(target, entry.kind)
    needs = "".join(f" Needs `pip install {name}`." for name in entry.component.needs)
    part = f" It is {article(entry.component.part)}." if entry.component.part else ""
    given = [f"`{parameter.name}`" for parameter in parameters if parameter.given]
    return [
        f"### {entry.name}",
        f"`{entry.component.target}`.{part}{needs}",
        markdown(without_parameters(inspect.getdoc(target) or "")),
        "\n".join(_parameters([p for p in parameters if not p.given], parameter_help(target))),
        f"Given by the runner: {', '.join(given)}." if given else "",
    ]


def _parameters(parameters: list[ParameterInfo], helps: dict[str, str]) -> Iterator[str]:
    if not parameters:
        return
    rows = (
        (
            f"`{parameter.name}`",
            f"`{type_text(parameter.annotation)}`",
            _default(parameter),
            single_backticks(helps.get(parameter.name, "")),
        )
        for parameter in parameters
    )
    yield from _table(("parameter", "type", "default", "meaning"), rows)


def _default(parameter: ParameterInfo) -> str:
    value = parameter.default
    return "required" if value is EMPTY else f"`{value.value if isinstance(value, Enum) else value!r}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row(tuple("---" for _ in head))
    yield from map(_row, rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def single_backticks(text: str) -> str:
    """Code as Markdown marks it."""
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def markdown(docstring: str) -> str:
    """A docstring as Markdown: its ``Raises:`` and ``Returns:`` sections become lists."""
    lines = []
    for paragraph in single_backticks(docstring).split("\n\n"):
        head, _, body = paragraph.strip("\n").partition("\n")
        if re.fullmatch(r"(Raises|Returns|Yields):", head):
            items = re.sub(r"^(\w[\w, ]*): ", r"- `\1`: ", textwrap.dedent(body), flags=re.MULTILINE)
            lines.append(f"{head}\n\n{items if items.startswith('- ') else '- ' + items}")
        else:
            lines.append(paragraph)
    return "\n\n".join(lines)


if __name__ == "__main__":
    OUTPUT.write_text(components_page(), encoding="utf-8")
