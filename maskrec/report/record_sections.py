"""Where a run comes from: its recipe, versions, components, data and starts, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath

from maskrec.report.page_parts import Block, PageSection, PageTable, Words
from maskrec.report.plain_values import mapping, text, texts, whole
from maskrec.report.run_facts import RecipeValue, RunFacts


def record_sections(facts: RunFacts, with_faces: bool = False) -> Iterator[PageSection]:
    """The recipe, the provenance, the commands.

    Args:
        facts: of the run.
        with_faces: whether the page shows faces.
    """
    if facts.recipe:
        yield PageSection("recipe", "Recipe", [_recipe_table(facts), *_recipe_files(facts)])
    blocks = list(_provenance(facts))
    if blocks:
        yield PageSection("provenance", "Provenance", blocks)
    yield PageSection("again", "Again", list(_commands(facts, with_faces)))


def _recipe_table(facts: RunFacts) -> PageTable:
    rows = [[each.path, each.value, _place_words(each)] for each in facts.recipe]
    if any(each.place for each in facts.recipe):
        return PageTable("Every value and where it was written", ["value", "is", "from"], rows, folded=len(rows) > 40)
    return PageTable("Every value", ["value", "is"], [row[:2] for row in rows], folded=len(rows) > 40)


def _place_words(value: RecipeValue) -> str:
    """The file without its folders, and the line; the files are listed below."""
    return PurePath(value.place).name or value.place


def _recipe_files(facts: RunFacts) -> Iterator[Block]:
    places = (each.place.rpartition(":")[0] for each in facts.recipe)
    files = list(dict.fromkeys(place for place in places if place))
    if files:
        yield Words(f"Files: {', '.join(files)}.")


def _provenance(facts: RunFacts) -> Iterator[Block]:
    record = facts.record
    if versions := mapping(record.get("versions") or facts.result.get("versions")):
        yield PageTable("Versions", ["what", "version"], [[name, text(each)] for name, each in versions.items()])
    components = mapping(record.get("components"))
    if components:
        rows = [
            [
                path,
                *(text(mapping(row).get(name)) for name in ("name", "version")),
                text(mapping(row).get("sources"))[:12],
            ]
            for path, row in components.items()
        ]
        yield PageTable("Components", ["place", "component", "version", "sources"], rows, folded=True)
    data = mapping(record.get("data"))
    rows = [["data root", text(record.get("data_root"))], *([name, text(each)[:16]] for name, each in data.items())]
    weights = mapping(record.get("weights"))
    rows += [[f"weights, {name}", _hash_start(name, text(each))] for name, each in weights.items() if text(each)]
    rows += [[f"backbone, {name}", text(each)] for name, each in mapping(record.get("backbone")).items()]
    rows += [["started from", text(mapping(record.get("start")).get("words"))]]
    rows += [
        ["measured on", "; ".join(texts(facts.result.get("measured_on")) or (text(facts.result.get("measured_on")),))]
    ]
    rows = [row for row in rows if row[1]]
    if rows:
        yield PageTable("Data and weights, by the start of their SHA-256", ["what", "which"], rows)
    if facts.starts:
        yield _starts(facts)


def _hash_start(name: str, value: str) -> str:
    return value[:16] if name == "sha256" else value


def _starts(facts: RunFacts) -> PageTable:
    rows = []
    for start in facts.starts:
        computed, processes = mapping(start.get("compute")), whole(start.get("processes"))
        where = " in ".join(text(computed.get(name)) for name in ("device", "precision") if text(computed.get(name)))
        rows.append(
            [
                text(start.get("at")),
                shlex.join(texts(start.get("command"))),
                where,
                "" if processes is None else f"{processes}",
            ]
        )
    return PageTable("Starts", ["at", "command", "on", "processes"], rows, frozenset({3}))


def _commands(facts: RunFacts, with_faces: bool) -> Iterator[Block]:
    if facts.command:
        root = text(facts.record.get("data_root"))
        yield Words("The command that started this run" + (f", with its data below {root}:" if root else ":"))
        yield Words(facts.command, command=True)
    path = str(facts.path)
    if facts.state.word in ("unfinished", "running"):
        yield Words("To continue it where it is:" if facts.state.word == "unfinished" else "Once it has been stopped:")
        yield Words(shlex.join(["maskrec", "resume", path]), command=True)
    yield Words("To measure it again:")
    yield Words(shlex.join(["maskrec", "evaluate", path]), command=True)
    yield Words("To make this page again:")
    yield Words(shlex.join(["maskrec", "report", path, *(["--faces"] if with_faces else [])]), command=True)
