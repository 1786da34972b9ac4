"""The index over many runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from page_reading import ReadPage
from recorded_runs import write_run

from maskrec.base.errors import UsageError
from maskrec.report.report_index import write_index

Runs = Callable[..., Path]


def test_a_line_each_the_newest_first_and_links_to_reports(tmp_path: Path, finished_run: Runs) -> None:
    hostile = "<b>&\"'\u202e%23 ?#"
    for number in range(10):
        start = {"at": f"2026-11-{10 + number}T00:00:00Z", "command": ["maskrec"], "train": {"epochs": 2}}
        finished_run(f"sweep/run{number}", record={"history": [start]}, finished=number != 3)
    write_run(tmp_path / hostile, record={"name": hostile, "demo_reason": "data is missing"}, finished=False)
    (tmp_path / hostile / "report.html").write_text("made before")
    (tmp_path / "sweep" / "notes").mkdir()
    written = write_index(tmp_path)
    assert written == tmp_path / "report.html"
    page = ReadPage(written.read_text(encoding="utf-8"))
    assert [text for text in page.texts if text.startswith("sweep/")] == [f"sweep/run{9 - n}" for n in range(10)]
    (link,) = [address for address in page.attributes("href") if address != "data:,"]
    assert (tmp_path / unquote(link)).read_text() == "made before"
    assert page.texts.count("finished") == 9
    assert page.texts.count("unfinished") == 2
    assert "demo" in page.texts
    assert "b" not in {tag for tag, _ in page.elements}
    assert "\u202e" not in page.text
    assert write_index(tmp_path) == written


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run is below it"):
        write_index(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        write_index(tmp_path / "missing")
