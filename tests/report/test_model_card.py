"""The card of an exported network: facts of its run, hostile names shown as they are, what is unknown not stated."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from recorded_runs import write_run

from maskrec.contracts.evaluation import Threshold
from maskrec.inference.deciding.decision import in_unit_l2
from maskrec.report.backbone_origin import BackboneOrigin, without_folders
from maskrec.report.markdown_text import fenced, inline, table
from maskrec.report.model_card import ExportedFile, model_card
from maskrec.report.page_parts import PageTable
from maskrec.report.run_facts import read_facts, with_record_of

Runs = Callable[..., Path]
FILE = ExportedFile("net.onnx", "runs/mine", "RGB images of 112 x 112 pixels, aligned as 'arcface'")
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PARTS = ("paragraph", "bullet_list", "list_item")
KINDS = {"inline", *(f"{part}_{end}" for part in PARTS for end in ("open", "close"))}
HOSTILE = "<script>alert(1)</script> [x](https://x.example) `a` |\n\n# Top\n| a | \u202e1. **b** $m$ ![](y)"


def sections(card: str) -> dict[str, str]:
    found = {}
    for part in card.split("\n## ")[1:]:
        name, _, text = part.partition("\n")
        found[name] = text.strip()
    return found


def front_matter(card: str) -> dict[str, Any]:
    assert card.startswith("---\n")
    found: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return found


def recorded(run: Path, **facts: Any) -> Path:
    record = json.loads((run / "provenance.json").read_text())
    (run / "provenance.json").write_text(json.dumps({**record, **facts}))
    return run


def test_its_facts_are_the_runs(finished_run: Runs) -> None:
    run = recorded(
        finished_run("run"),
        start={"kind": "distilled start", "words": "distilled start: the run runs/START"},
        photos={"data": "maskrec/image_csv", "photos": 12345, "people": 90},
        history=[{"command": ["maskrec", "run", "a b.yaml"]}],
    )
    result = json.loads((run / "result.json").read_text())
    said = sections(card := model_card(FILE, read_facts(run)))
    assert said["What it started from"] == "Distilled start: the run runs/START."
    assert "Number of photos: 12,345\n- Number of people: 90" in said["The photos it learned from"]
    assert said["How to make it again"].endswith("```text\nmaskrec run 'a b.yaml'\n```")
    rows = [line for line in said["What was measured"].splitlines() if line.startswith("| ")]
    applied = result["test"]["held_out"]["tables"]["applied_thresholds"]
    row = next(row for row in applied if row["condition"] == "one_masked")
    interval = f"{row['accuracy']:.4f} \\[{row['accuracy_low']:.4f}, {row['accuracy_high']:.4f}\\]"
    assert any(line.startswith("| one masked |") and interval in line for line in rows)
    for name, fields in result["test"]["held_out"]["thresholds"].items():
        shown = f"| {inline(name)} | {fields['value']:.4g} | {in_unit_l2(Threshold(**fields)):.4f} |"
        assert any(line.startswith(shown) for line in rows), shown
    assert "as verify prints it (L2 of unit embeddings)" in said["What was measured"]
    assert "masked pairs are the hardest for it, accuracy" in said["Weak points"]
    assert "all pairs" not in said["Weak points"]
    first = said["What was measured"].split("\n")[0]
    assert re.fullmatch(
        r"Decided correctly: [\d.]+ % of bare pairs \(held_out\), [\d.]+ % of one masked pairs \(held_out\), "
        r"[\d.]+ % of both masked pairs \(held_out\)\.", first
    ), first  # fmt: skip
    assert "Not measured" in said["Groups of people"]
    assert front_matter(card)["license_name"] == "not stated"
    assert "Weights: not stated\n- Photos: not stated" in said["Licences"]


@pytest.mark.parametrize(
    ("stated", "known"), [("Apache-2.0", "apache-2.0"), ("mit\n", "mit"), ("CC0-1.0", "cc0-1.0"), ("MIT-like", None)]
)
def test_a_licence_that_hubs_know_is_called_as_they_call_it(stated: str, known: str | None) -> None:
    card = model_card(replace(FILE, licence=stated), None)
    matter = front_matter(card)
    assert (matter["license"], matter.get("license_name")) == ((known, None) if known else ("other", stated))
    assert f"- Weights: {stated.strip()}\n" in sections(card)["Licences"]


def test_a_backbone_without_a_run_says_what_is_known_of_it() -> None:
    written = {"use": "mobilefacenet", "weights": "/home/me/weights/mfn.safetensors"}
    origin = BackboneOrigin(
        written, {"maskrec-insightface": "0.1.0", "torch": "2.9"},
        ("maskrec", "export", without_folders(written), "net.onnx"),
    )  # fmt: skip
    card = model_card(replace(FILE, model=without_folders(written), origin=origin), None)
    assert "/home" not in card
    said = sections(card)
    assert said["What it started from"] == "The backbone mobilefacenet with weights mfn.safetensors."
    assert "| maskrec-insightface | 0.1.0 |" in said["Versions"]
    assert "maskrec export '{use: mobilefacenet, weights: mfn.safetensors}' net.onnx" in said["How to make it again"]
    assert "\n# {use: mobilefacenet, weights: mfn.safetensors}\n" in card
    assert without_folders("/a/b/model") == "model"


def test_groups_that_were_measured_are_shown(finished_run: Runs) -> None:
    run = finished_run("run")
    answer = {
        "label": "fair", "stage": "evaluate", "epoch": 2, "metrics": {},
        "tables": {"groups": [{"compared": "bare", "group": HOSTILE, "people": 17, "far": 0.01, "far_low": 0.005,
                               "far_high": 0.02, "ratio": 1.5, "tar": None, "note": "unknown"}]},
    }  # fmt: skip
    (run / "evaluations").mkdir(exist_ok=True)
    (run / "evaluations" / "fair.json").write_text(json.dumps(answer))
    (row,) = [
        line for line in sections(model_card(FILE, read_facts(run)))["Groups of people"].splitlines() if "17" in line
    ]
    assert row == f"| bare | {inline(HOSTILE)} | 17 | 0.0100 \\[0.0050, 0.0200\\] | 1.5000 | – | unknown |"


def test_names_of_strangers_do_nothing(finished_run: Runs) -> None:
    run = recorded(
        finished_run("run"), name=HOSTILE, start={"words": HOSTILE}, versions={HOSTILE: HOSTILE},
        history=[{"command": ["maskrec", "run", "```\n# no\n````"]}],
    )  # fmt: skip
    card = model_card(ExportedFile(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 'MIT: "x"\n---\nb: c\n```'), read_facts(run))
    assert "\u202e" not in card
    matter = front_matter(card)
    assert matter["license_name"] == 'MIT: "x"'
    assert "b" not in matter
    plain = card.replace("\\<", "").replace("\\`", "").replace("\\[", "").replace("\\$", "")
    before_licence, _, rest = plain.partition("## Licences")
    assert not {"<", "`", "$"} & set(before_licence)
    assert len([line for line in card.splitlines() if line.startswith("# ")]) == 2  # the second stands in a fence
    assert "`````text\nmaskrec run '```\n# no\n````'\n`````" in rest


def test_a_measured_folder_has_the_record_of_its_run(finished_run: Runs, tmp_path: Path) -> None:
    run = recorded(write_run(tmp_path / "run", finished=False), photos={"photos": 77, "people": 5})
    facts = with_record_of(read_facts(finished_run("measured")), read_facts(run))
    said = sections(model_card(FILE, facts))
    assert "Number of photos: 77\n" in said["The photos it learned from"]
    assert "| one masked |" in said["What was measured"]


@pytest.mark.parametrize(
    ("caption", "shown"), [("rates", "rates:"), ("rates. They say little.", "rates. They say little.")]
)
def test_a_caption_ends_with_one_sign(caption: str, shown: str) -> None:
    assert table(PageTable(caption, ["a"], [["1"]], frozenset())) == f"{shown}\n\n| a |\n| --- |\n| 1 |"


def test_text_of_markdown() -> None:
    assert inline("1. a") == "1\\. a"
    assert inline("- a") == "\\- a"
    assert inline("runs/a-b.onnx 0.5") == "runs/a-b.onnx 0.5"
    assert inline("a|b\n<c>") == "a\\|b \\<c>"
    assert fenced("a ```` b").splitlines() == ["`````text", "a ```` b", "`````"]


@pytest.mark.parametrize(
    "text", ["by_group: FAR = 0.01 (95 %), a-b + c > d # e {f} ! g ^ h", "tar@far=0.001/bare", "a & b, 3."]
)
def test_signs_that_begin_nothing_stay_as_they_are(text: str) -> None:
    assert inline(text) == text


@given(st.text(alphabet="ab1.)_*`~[]()<>!&;#+-=|\\$:/@ \n", max_size=30))
@example("https://a.b www.a.b a@b.c &amp; &#35; **b** _i_ [x](y) <b> ![](z)")
@example("---")
@example("1. - + # >")
def test_a_reader_of_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    shown = " ".join(text.split())
    for before in ("", "- "):
        tokens = MARKDOWN.parse(f"{before}{inline(text)}")
        inner = [child for token in tokens for child in token.children or ()]
        assert "".join(child.content for child in inner) == shown
        assert {child.type for child in inner} <= {"text", "text_special"}
        assert {token.type for token in tokens} <= KINDS


def test_without_an_evaluation_and_without_a_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "result.json").unlink()
    for facts in (read_facts(run), None):
        said = sections(model_card(FILE, facts))
        assert said["What was measured"] == "Nothing: not stated."
        assert said["What it started from"] == "Not stated."
        assert "Number of people: not stated" in said["The photos it learned from"]
        assert "nothing was measured with these weights" in said["Weak points"]
    assert said["How to make it again"] == "The command is not stated."
