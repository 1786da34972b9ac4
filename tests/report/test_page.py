"""The page as markup: what a browser may do with it, what a screen reader finds, and nothing from outside in it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_reading import ReadPage
from recorded_runs import RECIPE, write_run

from maskrec.base.errors import UsageError
from maskrec.report.evaluation_sections import _image_words
from maskrec.report.loss_figure import write_loss_figure
from maskrec.report.report_writing import mistake_images, write_page, write_report
from maskrec.report.run_facts import read_facts

Runs = Callable[..., Path]
HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onload='alert(1)",
    "\u202eevil\u2066\u200e",
    "bell\x07escape\x1b[31m\x7f\x85",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- ]]> &amp; &lt;b&gt; $x^2$",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, measured: Any) -> Path:
    """A run whose report is written; drawing it takes most of the time of these tests."""
    run = write_run(tmp_path_factory.mktemp("runs") / "run", evaluated=measured[0], tested=measured[1])
    write_report(run)
    return run


@pytest.fixture(scope="module")
def page(finished: Path) -> ReadPage:
    return ReadPage((finished / "report.html").read_text(encoding="utf-8"))


def test_it_shows_what_the_run_did(page: ReadPage, measured: Any) -> None:
    accuracy = measured[1].metrics["accuracy"]
    assert f"{100 * accuracy:.1f} % of the 600 test pairs of held_out are decided correctly" in page.text
    for metric in ("accuracy", "accuracy/both_masked", "tar@far=0.1/bare", "eer"):
        assert f"{measured[1].metrics[metric]:.4f}" in page.text
    row = next(row for row in measured[1].tables["applied_thresholds"] if row["name"] == "best/bare")
    assert f"{row['accuracy']:.4f} [{row['accuracy_low']:.4f}, {row['accuracy_high']:.4f}]" in page.text
    assert {"maskrec run small.yaml", "small.yaml:1", "command line", "default"} <= set(page.texts)
    order = ["Training", "Distances and the threshold", "ROC and DET", "Decisions"]
    order += [
        "What a threshold costs where it was not chosen",
        "Masks",
        "Worst mistakes",
        "Recipe",
        "Provenance",
        "Again",
    ]
    titles = [text for text in page.texts if text in order]
    assert titles[-len(order) :] == order


def test_the_policy_allows_our_style_and_script_by_their_hash_and_nothing_else(page: ReadPage) -> None:
    (policy,) = [each["content"] for tag, each in page.elements if each.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    contents = {tag: content for tag, content in page.raw if not content.startswith("{")}
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        digest = base64.b64encode(hashlib.sha256(contents[tag].encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert "style" not in {name for _, each in page.elements for name in each}
    assert not [name for _, each in page.elements for name in each if name.startswith("on")]


def test_it_needs_nothing_but_itself(finished: Path, page: ReadPage) -> None:
    assert (finished / "report.html").stat().st_size < 1_000_000
    addresses = [address for name in ("src", "href", "action", "data", "srcset") for address in page.attributes(name)]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "@import" not in dict(page.raw)["style"]
    assert "url(" not in dict(page.raw)["style"]


def test_a_screen_reader_finds_its_way(page: ReadPage) -> None:
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    pointed = [each for name in ("aria-labelledby", "for") for value in page.attributes(name) for each in value.split()]
    pointed += [address[1:] for address in page.attributes("href") if address.startswith("#")]
    assert set(pointed) <= set(ids)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("h1") == tags.count("main") == 1
    assert tags.count("table") == tags.count("caption") > 5
    assert all(each.get("scope") in ("col", "row") for tag, each in page.elements if tag == "th")
    plots = [each for tag, each in page.elements if tag == "svg" and each.get("class") == "plot"]
    assert len(plots) == 10  # loss, rate, throughput, four conditions, ROC, DET, confusion
    assert all(each.get("role") == "img" and each.get("aria-labelledby") for each in plots)
    assert ("html", {"lang": "en"}) in page.elements


def test_every_plot_has_its_numbers_in_a_table(page: ReadPage) -> None:
    summaries = {"Loss by step", "Learning rate by step", "Throughput by step", "True accept rates", "Confusion matrix"}
    summaries |= {f"Distances, {words}" for words in ("all pairs", "bare", "one masked", "both masked")}
    assert summaries <= set(page.texts)


def test_the_script_is_short_and_gets_its_data_as_json(page: ReadPage, measured: Any) -> None:
    (script,) = [content for tag, content in page.raw if tag == "script" and not content.startswith("{")]
    assert len(script.splitlines()) <= 150
    (data,) = [json.loads(content) for tag, content in page.raw if tag == "script" and content.startswith("{")]
    assert data["bins"] == 500
    for condition, counts in data["counts"].items():
        kept = measured[1].details["histograms"]["conditions"][condition]
        assert counts == kept
        assert sum(counts["same"]) == sum(counts["different"]) == (300 if condition == "all" else 100)


def test_what_hides_turns_or_closes_an_element_never_gets_into_the_page(tmp_path: Path, measured: Any) -> None:
    """The same elements with the same attributes as a page with plain words."""
    pages = []
    for name, words in (("plain", ["plain"] * len(HOSTILE)), ("hostile", list(HOSTILE))):
        everything = " ".join(words)
        tested = measured[1]
        tables = dict(tested.tables)
        tables["decisions_by_mask"] = [{**row, "mask": words[0]} for row in tables["decisions_by_mask"]]
        thresholds = {**tested.thresholds, words[2]: tested.thresholds["best"]}
        metrics = {**tested.metrics, words[1]: 0.5}
        image = {"person": everything, "photo": words[1], "mask": words[0]}
        worst = [
            {**row, "left": {**row["left"], **image}, "right": {**row["right"], **image}}
            for row in tested.details["worst_pairs"]
        ]
        details = {**tested.details, "caveat": everything, "worst_pairs": worst}
        tested = dataclasses.replace(tested, tables=tables, thresholds=thresholds, metrics=metrics, details=details)
        record = {
            "name": everything,
            "demo_reason": everything,
            "data_root": words[0],
            "versions": {words[0]: words[1]},
            "components": {words[2]: {"name": words[0], "version": words[1], "sources": words[3]}},
            "data": {words[0]: words[3]},
            "history": [{"at": words[0], "command": ["maskrec", *words], "processes": 1, "train": {"epochs": 2}}],
            "places": {"seed": f"{words[0]}:3"},
        }
        recipe = RECIPE + f"note: {json.dumps(everything)}\n"
        options = {"label": words[0], "record": record, "recipe": recipe, "result": {"stopped": everything}}
        run = write_run(tmp_path / name, tested=tested, **options)
        wanted = mistake_images(run)
        faces = {(label, image): b"jpeg" for label, images in wanted.items() for image in images}
        assert faces
        write_report(run, faces)
        pages.append((run / "report.html").read_text(encoding="utf-8"))
    plain, hostile = map(ReadPage, pages)
    assert [(tag, sorted(each)) for tag, each in hostile.elements] == [
        (tag, sorted(each)) for tag, each in plain.elements
    ]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", pages[1])
    assert HOSTILE[0] in hostile.text
    assert "{{ 7 * 7 }}" in hostile.text
    assert "\\u202eevil\\u2066" in hostile.text
    assert len([1 for tag, _ in hostile.elements if tag == "script"]) == 2


def test_faces_and_names_are_shown_only_where_they_are_asked_for(
    finished: Path, page: ReadPage, finished_run: Runs
) -> None:
    assert "img" not in {tag for tag, _ in page.elements}
    assert "Ann" not in (finished / "report.html").read_text(encoding="utf-8")
    run = finished_run()
    wanted = mistake_images(run)
    faces = {(label, image): b"jpeg" for label, images in wanted.items() for image in images}
    shown = ReadPage(write_report(run, faces).read_text(encoding="utf-8"))
    images = [each for tag, each in shown.elements if tag == "img"]
    assert 0 < len(images) <= 100
    assert {each["src"] for each in images} == {"data:image/jpeg;base64," + base64.b64encode(b"jpeg").decode()}
    assert all("Ann" in (each["alt"] or "") for each in images)


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "report.html"
    mine.write_text("<h1>mine</h1>")
    with pytest.raises(UsageError, match="was not made by maskrec"):
        write_page(mine, "ours")
    assert mine.read_text() == "<h1>mine</h1>"


def test_the_rates_at_the_threshold_are_those_of_the_distances(page: ReadPage, measured: Any) -> None:
    """The table below the slider, against counts over the distances themselves."""
    histograms = measured[1].details["histograms"]
    place = int(next(each["value"] or "" for tag, each in page.elements if tag == "input"))
    width = (histograms["high"] - histograms["low"]) / 500
    assert abs(histograms["low"] + place * width - measured[1].thresholds["best"].value) <= width / 2 * 1.0001
    for condition in ("bare", "one_masked", "both_masked"):
        counts = histograms["conditions"][condition]
        far = np.cumsum(counts["different"])[place - 1] / 100
        frr = 1 - np.cumsum(counts["same"])[place - 1] / 100
        after = page.texts[page.texts.index("At this threshold") :]
        row = after[after.index(condition.replace("_", " ")) :]
        assert row[1:3] == [f"{far:.4f}", f"{frr:.4f}"]


def test_a_validation_loss_is_drawn_beside_the_training_loss(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    rows = [{"kind": "validation", "epoch": each, "step": 10 * each, "loss": 7.125 / each} for each in (1, 2)]
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    read = ReadPage((write_report(run)).read_text(encoding="utf-8"))
    assert {"training", "held-out data", "validation loss", "7.125", "3.562"} <= set(read.texts)
    before = write_loss_figure(read_facts(write_run(tmp_path / "other")))
    after = write_loss_figure(read_facts(run))
    assert before is not None
    assert after is not None
    assert before.read_bytes() != after.read_bytes()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"person": "Ann", "photo": "/data/Ann/Ann_1.jpg", "mask": "cloth_black"}, "Ann_1.jpg, mask: cloth black"),
        ({"person": "Ann", "photo": "C:\\data\\17.jpg"}, "Ann, 17.jpg"),
        ({"person": "Ann", "photo": 3}, "Ann"),
        ({}, ""),
    ],
)
def test_a_face_has_the_name_of_its_file_and_no_folders_of_this_machine(image: dict[str, Any], words: str) -> None:
    assert _image_words(image) == words
