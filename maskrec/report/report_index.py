"""An index over many runs: a line each, with a link to its report."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from maskrec.base.errors import UsageError
from maskrec.contracts.guessing import near_guessing
from maskrec.report.evaluation_sections import shown_answers
from maskrec.report.evaluation_tables import accuracy_of
from maskrec.report.figure_words import interval
from maskrec.report.page_rendering import render_index
from maskrec.report.plain_values import text
from maskrec.report.report_writing import write_page
from maskrec.report.run_facts import RunFacts, is_reported, read_facts
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.runs_below import folders_below

_CONDITIONS = {"all": "all pairs", "bare": "bare", "one_masked": "one masked", "both_masked": "both masked"}
COLUMNS = ["run", "folder", "state", "epochs", "started", "measured on", *_CONDITIONS.values(), "note"]


def write_index(folder: Path) -> Path:
    """Write ``report.html`` into a folder of runs, the newest run first.

    Runs are looked for up to four folders deep, and not within runs. A run's line links its report where it has one.

    Returns:
        The page's path.

    Raises:
        UsageError: it is not a folder, or no run is below it.
        MaskrecError: the page cannot be written.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name a run directory, or a folder with runs below it")
    found = [read_facts(path) for path in folders_below(folder, is_reported)]
    if not found:
        raise UsageError(f"{folder} is not a run directory, and no run is below it; name one of the two")
    found.sort(key=lambda facts: (_started(facts), str(facts.path)), reverse=True)
    rows = [_row(facts, folder) for facts in found]
    return write_page(folder / "report.html", render_index(f"Runs in {folder.resolve().name}", rows, COLUMNS))


def _started(facts: RunFacts) -> str:
    return text(facts.starts[0].get("at")) if facts.starts else ""


def _row(facts: RunFacts, folder: Path) -> dict[str, str]:
    answers = shown_answers(facts.answers)
    report = RunDirectory(facts.path).report
    notes = [
        *(["demo"] if facts.demo or facts.demo_reason else []),
        *(["collapsed"] if any(answer.collapsed for answer in answers) else []),
        *(["near guessing"] if any(near_guessing(answer.metrics) for answer in answers) else []),
        *(["damaged"] if facts.problems else []),
        *([f"{len(answers)} evaluators"] if len(answers) > 1 else []),
    ]
    state = facts.state
    accuracies = {
        words: interval(accuracy_of(answers[0], name), "accuracy", "low", "high") if answers else "–"
        for name, words in _CONDITIONS.items()
    }
    return {
        "link": quote(os.path.relpath(report, folder)) if report.is_file() else "",
        "run": facts.name,
        "folder": os.path.relpath(facts.path, folder),
        "state": state.word,
        "epochs": "–" if state.word == "measured" else f"{state.epoch} of {state.epochs or '?'}",
        "started": _started(facts).replace("T", " ") or "–",
        "measured on": f"{answers[0].label}, {answers[0].stage}" if answers else "–",
        **accuracies,
        "note": ", ".join(notes) or "–",
    }
