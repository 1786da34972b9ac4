"""The examples of docs/contracts.md run as written."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from markdown_blocks import write_blocks

import maskrec
from maskrec.contracts.givens import GIVENS
from maskrec.plugin.hookspecs import KIND_OF_HOOK

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contracts.md"
TINY = [
    "data.identities=4",
    "data.images_per_identity=8",
    "sampler.batch_size=16",
    "evaluate=null",
    "train={epochs: 1, workers: 0, best: null}",
]


def result(run: Path) -> dict:
    return json.loads((run / "result.json").read_text(encoding="utf-8"))


def test_the_one_file_loss_trains(maskrec_here, tmp_path):
    write_blocks(PAGE, tmp_path)
    plugin = ("--plugin", "masked_more.py", "loss.use=masked_more")
    done = maskrec_here("run", "maskrec:quickstart", "--demo", "--run-dir", "run", *plugin, *TINY)
    assert done.returncode == 0, done.stderr
    assert result(tmp_path / "run")["steps"] == 2
    assert "file:masked_more.py/masked_more" in (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")


def test_its_check_answers_in_one_sentence(maskrec_here, tmp_path):
    write_blocks(PAGE, tmp_path)
    plugin = ("--plugin", "masked_more.py", "loss.use=masked_more")
    done = maskrec_here("check", "maskrec:quickstart", *plugin, "loss.scale=-1")
    assert done.returncode == 2
    assert "scale must be above 0, not -1" in done.stderr
    assert "24 is a good start" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_one_file_margin_trains_with_a_criterion_and_a_head(maskrec_here, tmp_path):
    from maskrec.runtime.state_tree import load_tree

    write_blocks(PAGE, tmp_path)
    loss = "loss={use: margin_softmax, scale: 24, margin: {use: by_norm, margin: 0.2}, criterion: focal}"
    done = maskrec_here(
        "run", "maskrec:quickstart", "--demo", "--run-dir", "run", "--plugin", "by_norm.py", loss, *TINY
    )
    assert done.returncode == 0, done.stderr
    recipe = (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")
    assert "file:by_norm.py/by_norm" in recipe
    state = load_tree(tmp_path / "run" / "checkpoints" / "last.safetensors")["loss"]
    assert set(state) == {"weight", "margin.average"}
    assert float(state["margin.average"]) != 1.0
    wrong = maskrec_here("check", "maskrec:quickstart", "--plugin", "by_norm.py", loss, "loss.margin.margin=-1")
    assert wrong.returncode == 2
    assert "margin must be at least 0, not -1" in wrong.stderr


def test_one_of_every_kind_trains(maskrec_here, tmp_path):
    write_blocks(PAGE, tmp_path)
    plugins = [word for name in ("shapes.py", "tiny.py", "extras.py") for word in ("--plugin", name)]
    done = maskrec_here("run", "every_kind.yaml", "--run-dir", "run", *plugins)
    assert done.returncode == 0, done.stderr
    assert result(tmp_path / "run")["stopped"] == "5 steps are enough"
    assert "gap" in result(tmp_path / "run")["evaluate"]["gap"]["metrics"]
    recipe = (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")
    declared = json.loads(maskrec_here("list", "--json", *plugins).stdout)["components"]
    ours = [row for row in declared if row["distribution"].startswith("file:")]
    assert {row["kind"] for row in ours} == set(KIND_OF_HOOK.values()) - {"loss"}
    assert [row["qualified"] for row in ours if row["qualified"] not in recipe] == []


def test_the_package_is_found_when_installed(maskrec_cli, tmp_path):
    write_blocks(PAGE, tmp_path)
    folder = tmp_path / "maskrec-masked-more"
    (tmp_path / "masked_more.py").rename(folder / "maskrec_masked_more" / "loss.py")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "built"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "built").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = maskrec_cli("list", "--json", "--provider", "maskrec-masked-more", path=[tmp_path / "site"])
    assert done.returncode == 0, done.stderr
    assert [row["qualified"] for row in json.loads(done.stdout)["components"]] == ["maskrec-masked-more/masked_more"]
    shown = maskrec_cli("show", "masked_more", path=[tmp_path / "site"])
    assert "how often a masked face counts" in shown.stdout


def rows_of_table(heading: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    return [rows[0], *rows[2:]]


def test_the_table_of_givens_is_true():
    head, *rows = rows_of_table("Givens")
    assert [row[0].strip("`") for row in rows] == list(dict.fromkeys(g for names in GIVENS.values() for g in names))
    for column, kinds in enumerate(head[2:], start=2):
        for kind in kinds.split(", "):
            given = {row[0].strip("`") for row in rows if row[column] == "yes"}
            assert given == set(GIVENS[kind]), kind


def test_the_table_of_kinds_is_whole():
    _, *rows = rows_of_table("Kinds")
    named = {row[1].strip("`"): row[0] for row in rows if row[1].startswith("`maskrec_")}
    assert named == KIND_OF_HOOK


@pytest.mark.parametrize(("name", "after"), [("Sample", "`Batch`, "), ("Batch", "A geometric ")])
def test_the_tables_of_fields_are_whole(name, after):
    text = PAGE.read_text(encoding="utf-8").partition(f"\n`{name}`, ")[2].partition(f"\n{after}")[0]
    told = {word for row in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)}
    assert told == {field.name for field in dataclasses.fields(getattr(maskrec, name))}
