"""The page in a browser: it asks for nothing, says nothing, fits, and its threshold moves by keyboard."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from headless_browser import BROWSER, Browser

from maskrec.report.report_index import write_index
from maskrec.report.report_writing import mistake_images, write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium on the PATH or in CHROMIUM"),
]
Runs = Callable[..., Path]
AXE = os.environ.get("AXE_CORE")
RATES = (
    "[...document.querySelectorAll('table[data-rates] tbody tr')]"
    ".map(row => [...row.cells].map(cell => cell.textContent))"
)


@pytest.fixture
def pages(tmp_path: Path, finished_run: Runs) -> list[Path]:
    """Reports of a finished, a killed and an old run, one with pictures, and an index."""
    finished, killed, old = finished_run("a"), finished_run("b", finished=False, tested=None), finished_run("c")
    pictured = finished_run("d")
    for file in (old / "evaluations").iterdir():
        file.unlink()
    picture = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
    faces = {(label, image): picture for label, images in mistake_images(pictured).items() for image in images}
    return [*map(write_report, (finished, killed, old)), write_report(pictured, faces), write_index(tmp_path)]


def test_in_light_and_dark_narrow_and_wide(tmp_path: Path, pages: list[Path]) -> None:
    with Browser(tmp_path / "profile") as browser:
        for page in pages:
            for width in (390, 1400):
                for scheme in ("light", "dark"):
                    browser.requests.clear()
                    browser.open(page, width, scheme=scheme)
                    assert browser.messages == []
                    asked = [address for address in browser.requests if not address.startswith("data:")]
                    assert asked == [page.as_uri()]
                    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth"), (page, width)
                    paper = browser.value("getComputedStyle(document.body).backgroundColor")
                    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
                    if AXE:
                        _hold_to_axe(browser, Path(AXE))


def _hold_to_axe(browser: Browser, library: Path) -> None:
    browser.call("Runtime.evaluate", expression=library.read_text(encoding="utf-8"))
    found = browser.value(
        "axe.run().then(found => found.violations.map(each => [each.id, each.impact, each.nodes[0].html]))"
    )
    assert [each for each in found if each[1] in ("serious", "critical")] == []


def test_the_threshold_moves(tmp_path: Path, pages: list[Path], measured: Any) -> None:
    """By keyboard from where it stands, with the rates that the counts give."""
    counts = measured[1].details["histograms"]["conditions"]
    with Browser(tmp_path / "profile") as browser:
        browser.open(pages[0])
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
