"""The page in a browser: it asks for nothing, says nothing, fits, and its threshold moves by keyboard.

    CHROMIUM=PROGRAM AXE_CORE=axe.min.js python -m pytest -m slow tests/report/test_in_browser.py
    ... REPORT_RUNS=runs/mine:measured REPORT_FACES=1   opens these folders too, their reports written anew, with faces
    ... REPORT_SCREENSHOTS=DIR                          keeps a picture of each page, to be looked at

Folders in ``REPORT_RUNS`` are those of runs, of evaluated models, or with runs below them; names are between colons.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from headless_browser import BROWSER, Browser
from recorded_runs import write_run

from maskrec.inference.evaluating.pair_faces import pair_faces
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.shipped import shipped_recipe, shipped_recipes
from maskrec.report.report_index import write_index
from maskrec.report.report_writing import mistake_images, write_report
from maskrec.report.run_facts import is_reported
from maskrec.training.runner import start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium on the PATH or in CHROMIUM"),
]
AXE = os.environ.get("AXE_CORE")
SCREENSHOTS = os.environ.get("REPORT_SCREENSHOTS")
GIVEN = [Path(each) for each in os.environ.get("REPORT_RUNS", "").split(os.pathsep) if each]
RATES = (
    "[...document.querySelectorAll('table[data-rates] tbody tr')]"
    ".map(row => [...row.cells].map(cell => cell.textContent))"
)
RANGE = "document.querySelector('input[type=range]')"

# A demo with a small network, few people and few steps: its evaluators, losses and samplers stay, and so its report.
NETWORK = "{use: timm, model: test_resnet, neck: linear_bn, embedding_size: 32}"
SMALL = [f"backbone={NETWORK}", "image_size=32", "data.identities=24", "data.images_per_identity=6", "train.epochs=2"]
SMALL += ["train.evaluate_every=1", "train.log_every=1", "train.device=cpu"]
EACH = {
    "triplet_inception": ["sampler.identities_per_batch=8", "sampler.images_per_identity=4"],
    "distill_masked": ["sampler.batch_size=32", f"loss.parts.template.teacher={NETWORK}"],
    "masked_dlib": ["sampler.batch_size=32", f"loss.parts.template.teacher={NETWORK}"],
    "arcface_efficientnet_b3": ["sampler.batch_size=32", "scheduler.warmup_steps=2"],
}
PAIRS = ("evaluate.{}.{}.identities=24", "evaluate.{}.{}.images_per_identity=4", "evaluate.{}.{}.pairs=240")
RECORDED = ("finished", "killed", "failed", "old", "pictured", "index")
NAMES = (*RECORDED, *sorted(shipped_recipes()), *map(str, GIVEN))


def small_demo(name: str, folder: Path) -> Path:
    """The run of a shipped recipe's demo."""
    torch.set_num_threads(1)
    held_out = name in ("quickstart", "distill_masked", "distill_start", "masked_dlib")
    label, choosing = ("held_out", "pairs") if held_out else ("masked_lfw", "evaluation")
    fewer = [each.format(label, pairs) for pairs in (choosing, "test") for each in PAIRS]
    catalog = discover(plugins=False)
    overrides = [*SMALL, *EACH.get(name, ["sampler.batch_size=32"]), *fewer]
    demo = name != "quickstart"
    plan = resolve(shipped_recipe(name), catalog=catalog, overrides=overrides, demo=demo, data_root=folder)
    return start(plan, catalog, folder, folder / name)


def recorded(name: str, folder: Path, measured: Any) -> Path:
    """The page of a run that is made of files alone."""
    both = {"evaluated": measured[0], "tested": measured[1]}
    if name == "index":
        for number in range(10):
            run = write_run(folder / f"run{number}", **both, finished=number % 3 > 0)
            write_report(run)
        return write_index(folder)
    if name in ("killed", "failed"):
        run = write_run(folder / "run", evaluated=measured[0], finished=False)
        if name == "failed":
            (run / "failure.json").write_text('{"exit_code": 1, "message": "loss: not finite; try <b>less</b>"}')
        return write_report(run)
    run = write_run(folder / "run", **both)
    if name == "old":
        for file in (run / "evaluations").iterdir():
            file.unlink()
    picture = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
    faces = {(label, image): picture for label, images in mistake_images(run).items() for image in images}
    return write_report(run, faces if name == "pictured" else None)


def with_faces(run: Path) -> Path:
    return write_report(run, pair_faces(run, mistake_images(run), discover()))


def given(folder: Path) -> Path:
    """The page of a folder that the environment names."""
    if not is_reported(folder):
        return write_index(folder)
    return with_faces(folder) if os.environ.get("REPORT_FACES") else write_report(folder)


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory, measured: Any) -> Callable[[str], Path]:
    """``page_of(name)`` writes the report of one of ``NAMES``."""

    def make(name: str) -> Path:
        if name in map(str, GIVEN):
            return given(Path(name))
        folder = tmp_path_factory.mktemp(name)
        if name in RECORDED:
            return recorded(name, folder, measured)
        run = small_demo(name, folder)
        return with_faces(run) if name == "quickstart" else write_report(run)

    return make


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all pages: it takes longer to start than to show them."""
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("name", NAMES)
def test_in_light_and_dark_narrow_and_wide(name: str, page_of: Callable[[str], Path], browser: Browser) -> None:
    page = page_of(name)
    for width, scheme in ((390, "light"), (390, "dark"), (1400, "light"), (1400, "dark")):
        browser.requests.clear()
        browser.messages.clear()
        browser.open(page, width, scheme=scheme)
        assert browser.messages == []
        asked = [address for address in browser.requests if not address.startswith("data:")]
        assert asked == [page.resolve().as_uri()]
        assert browser.value("document.documentElement.scrollWidth <= window.innerWidth"), width
        paper = browser.value("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        if browser.value(f"{RANGE} !== null"):
            _threshold_moves(browser)
        if SCREENSHOTS:
            browser.screenshot(Path(SCREENSHOTS) / f"{Path(name).name}-{width}-{scheme}.png")
        if AXE and (width, scheme) in ((390, "light"), (1400, "dark")):  # each width and each scheme once: it is slow
            _hold_to_axe(browser, Path(AXE))


def _threshold_moves(browser: Browser) -> None:
    before = browser.value(f"{RANGE}.focus(), {RANGE}.value")
    browser.press("ArrowLeft", 37)
    assert int(browser.value(f"{RANGE}.value")) == int(before) - 1
    browser.press("ArrowRight", 39)
    assert browser.value(f"{RANGE}.value") == before


def _hold_to_axe(browser: Browser, library: Path) -> None:
    browser.call("Runtime.evaluate", expression=library.read_text(encoding="utf-8"))
    found = browser.value(
        "axe.run(document, {resultTypes: ['violations'], iframes: false})"
        ".then(found => found.violations.map(each => [each.id, each.impact, each.nodes[0].html]))"
    )
    assert [each for each in found if each[1] in ("serious", "critical")] == []


def test_the_threshold_moves(page_of: Callable[[str], Path], browser: Browser, measured: Any) -> None:
    """By keyboard from where it stands, with the rates that the counts give."""
    counts = measured[1].details["histograms"]["conditions"]
    browser.messages.clear()
    browser.open(page_of("finished"))
    first = browser.value(RATES)
    place = int(browser.value("document.querySelector('input[type=range]').value"))
    line = "Number(document.querySelector('line.threshold').getAttribute('x1'))"
    before = browser.value(line)
    browser.value("document.querySelector('input[type=range]').focus()")
    browser.press("ArrowRight", 39)
    assert browser.value("document.querySelector('input[type=range]').value") == str(place + 1)
    assert browser.value(line) > before
    browser.press("End", 35)
    assert [row[1:3] for row in browser.value(RATES)] == [["1.0000", "0.0000"]] * 4
    browser.press("Home", 36)
    assert [row[1:3] for row in browser.value(RATES)] == [["0.0000", "1.0000"]] * 4
    for step in (50, 137, 300):
        browser.value(
            f"(range => {{ range.value = {step}; range.dispatchEvent(new Event('input')); }})"
            "(document.querySelector('input[type=range]'))"
        )
        for row, name in zip(browser.value(RATES), ("all", "bare", "one_masked", "both_masked"), strict=True):
            same, different = counts[name]["same"], counts[name]["different"]
            accepted, rejected = sum(different[:step]), sum(same[step:])
            assert row[1:3] == [f"{accepted / sum(different):.4f}", f"{rejected / sum(same):.4f}"]
            assert row[4:] == [f"{accepted:,}", f"{rejected:,}"]
    browser.value("document.querySelector('button[data-place]').click()")
    assert browser.value(RATES) == first
    assert browser.messages == []
