"""The examples of docs/contracts.md run as written, and its tables are true."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from pathlib import Path

import pytest
from markdown_blocks import commands, named_blocks, write_blocks
from page_commands import small_run

import maskrec
from maskrec.contracts.givens import GIVENS
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.scaffold.kind_templates import FILES, PARTS, REFERENCE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contracts.md"
RECIPE = "every_kind.yaml"


def result(run: Path) -> dict:
    return json.loads((run / "result.json").read_text(encoding="utf-8"))


ELSEWHERE = ("by_norm.py", RECIPE, "loss.masked_weight=0")
"""What has a test of its own below."""
HERE = [words for words in commands(PAGE) if not set(words) & set(ELSEWHERE)]


def about(words: list[str]) -> str:
    return words[5 if "--plugin" in words else -1]


@pytest.mark.parametrize("words", HERE, ids=about)
def test_every_command_can_start(maskrec_here, tmp_path, words):
    """As checked, which takes a fifth of a run; the run of every kind uses nearly all of the files."""
    write_blocks(PAGE, tmp_path)
    done = maskrec_here("check", *small_run(words[1:])[1:])
    assert done.returncode == 0, done.stderr


RUN_ALWAYS = ("masked_more.py", "capped_entropy.py")
"""What the run of every kind does not use."""


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, marks=[] if about(words) in RUN_ALWAYS else pytest.mark.slow) for words in HERE],
    ids=map(about, HERE),
)
def test_every_command_runs(maskrec_here, tmp_path, words):
    write_blocks(PAGE, tmp_path)
    done = maskrec_here(*small_run(words[1:]), "--run-dir", "run")
    assert done.returncode == 0, done.stderr
    assert result(tmp_path / "run")["steps"] > 0
    for name in plugins_of(words)[1::2]:
        used = f"file:{name}/{name.removesuffix('.py')}"
        assert used in (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")


def plugins_of(words: list[str]) -> list[str]:
    return [word for at, name in enumerate(words) if words[at - 1] == "--plugin" for word in ("--plugin", name)]


def test_every_block_is_run_by_a_command():
    run = {name for words in commands(PAGE) for name in [*plugins_of(words), *words[2:3]]}
    assert set(named_blocks(PAGE)) <= run


def test_a_check_answers_in_one_sentence(maskrec_here, tmp_path):
    write_blocks(PAGE, tmp_path)
    (words,) = [words for words in commands(PAGE) if "loss.masked_weight=0" in words]
    done = maskrec_here(*words[1:])
    assert done.returncode == 2
    assert "masked_weight must be from 1 to 1000, not 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_margin_keeps_its_state(maskrec_here, tmp_path):
    from maskrec.runtime.state_tree import load_tree

    write_blocks(PAGE, tmp_path)
    (words,) = [words for words in commands(PAGE) if words[1] == "run" and "by_norm.py" in words]
    done = maskrec_here(*small_run(words[1:]), "--run-dir", "run")
    assert done.returncode == 0, done.stderr
    state = load_tree(tmp_path / "run" / "checkpoints" / "last.safetensors")["loss"]
    assert set(state) == {"weight", "margin.average"}
    assert float(state["margin.average"]) != 1.0


def test_one_of_every_kind_trains(maskrec_here, tmp_path):
    write_blocks(PAGE, tmp_path)
    (words,) = [words for words in commands(PAGE) if RECIPE in words]
    done = maskrec_here(*small_run(words[1:]), "--run-dir", "run")
    assert done.returncode == 0, done.stderr
    assert result(tmp_path / "run")["stopped"] == "5 steps are enough"
    assert "accuracy" in result(tmp_path / "run")["evaluate"]["middle"]["metrics"]
    declared = json.loads(maskrec_here("list", "--json", *plugins_of(words)).stdout)["components"]
    ours = [row for row in declared if row["distribution"].startswith("file:")]
    assert {row["kind"] for row in ours} == set(KIND_OF_HOOK.values()) - {"loss"}


def test_examples_import_from_maskrec_alone():
    for name, text in named_blocks(PAGE).items():
        if name.endswith(".py"):
            froms = [str(node.module) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
            assert [module for module in froms if module.startswith("maskrec.")] == [], name


def test_the_page_has_an_example_of_every_kind():
    ours = {noun for noun, (page, _) in FILES.items() if page == REFERENCE}
    assert ours == {*KIND_OF_HOOK.values(), *PARTS} - {"loss", "part"}
    assert {file for page, file in FILES.values() if page == REFERENCE} <= set(named_blocks(PAGE))


def table_after(text: str) -> list[list[str]]:
    """The rows of the first table after a place in the page, without its head."""
    lines = PAGE.read_text(encoding="utf-8").partition(text)[2].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    end = next((number for number in range(start, len(lines)) if not lines[number].startswith("|")), len(lines))
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[start:end]]
    return [rows[0], *rows[2:]]


def test_the_table_of_givens_is_true():
    head, *rows = table_after("\n## Givens\n")
    assert [row[0].strip("`") for row in rows] == list(dict.fromkeys(g for names in GIVENS.values() for g in names))
    for column, kinds in enumerate(head[2:], start=2):
        for kind in kinds.split(", "):
            given = {row[0].strip("`") for row in rows if row[column] == "yes"}
            assert given == set(GIVENS[kind]), kind


def test_the_table_of_kinds_is_whole():
    _, *rows = table_after("\n## Kinds\n")
    named = {row[1].strip("`"): row[0] for row in rows if row[1].startswith("`maskrec_")}
    assert named == KIND_OF_HOOK


def fields_of(kind: type) -> set[str]:
    return set(kind._fields) if issubclass(kind, tuple) else {field.name for field in dataclasses.fields(kind)}


def is_record(name: str) -> bool:
    kind = getattr(maskrec, name)
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"))


USERS = ("FaceModel", "Gallery", "group_photos", "open", "open_gallery")  # for who uses models: docs/using.md
RECORDS = [name for name in maskrec.__all__ if is_record(name) and name not in ("FaceModel", "Part")]


@pytest.mark.parametrize("name", RECORDS)
def test_the_table_of_each_type_is_whole(name):
    _, *rows = table_after(f"\n`{name}`")
    assert {word for row in rows for word in re.findall(r"`(\w+)`", row[0])} == fields_of(getattr(maskrec, name))


def test_the_tables_are_of_all_types_that_are_passed():
    assert {"Batch", "Sample", "SampleColumns", "PairSet", "Evaluation", "Stepped", "Mined", "Component"} <= set(
        RECORDS
    )


def test_the_types_in_the_tables_can_be_imported():
    section = PAGE.read_text(encoding="utf-8").partition("\n## Types\n")[2].partition("\n## ")[0]
    cells = [cell for row in re.findall(r"^\| (`.*)$", section, re.MULTILINE) for cell in row.split("|")[1:2]]
    named = {
        word for cell in cells for text in re.findall(r"`([^`]*)`", cell) for word in re.findall(r"\b[A-Z]\w+", text)
    }
    assert named - {"Path", "Sequence", "Mapping", "Any", "None"} <= set(maskrec.__all__)
    assert len(named) > 10


def test_every_public_name_can_be_imported_and_those_of_authors_are_on_a_page():
    pages = "".join((PAGE.parent / f"{page}.md").read_text(encoding="utf-8") for page in ("contracts", "plugins"))
    for name in maskrec.__all__:
        assert getattr(maskrec, name) is not None
        assert re.search(rf"\b{name}\b", pages) or name in USERS, name
