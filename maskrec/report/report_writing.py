"""Writes the report of a run: reads its folder, makes the page, puts it there in one move."""

from __future__ import annotations

from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.files import write_text
from maskrec.report.evaluation_sections import Faces, evaluation_sections, shown_answers
from maskrec.report.evaluation_tables import summary_table
from maskrec.report.loss_figure import write_loss_figure
from maskrec.report.outcome_sentence import outcome, warnings
from maskrec.report.page_parts import Page
from maskrec.report.page_rendering import render_page
from maskrec.report.plain_values import mapping, whole
from maskrec.report.record_sections import record_sections
from maskrec.report.run_facts import RunFacts, read_facts
from maskrec.report.training_section import training_section
from maskrec.runtime.run_directory import RunDirectory


def write_report(folder: Path, faces: Faces | None = None) -> Path:
    """Write ``report.html`` into the folder, over one that is there.

    Args:
        folder: a run directory, or the folder of an evaluated model.
        faces: of the worst mistakes, with the names of the people; None shows neither.

    Returns:
        The page's path.

    Raises:
        UsageError: the folder is neither.
        MaskrecError: the page cannot be written.
    """
    return write_page(RunDirectory(folder).report, render_page(report_page(read_facts(folder), faces)))


def write_run_pages(folder: Path) -> Path:
    """What a run leaves for people when it ends: ``report.html`` and ``figures/loss.png``; raises as `write_report`."""
    facts = read_facts(folder)
    write_loss_figure(facts)
    return write_page(RunDirectory(folder).report, render_page(report_page(facts)))


def write_page(path: Path, content: str) -> Path:
    """Write a page in one move.

    Raises:
        UsageError: another program's page of this name is there.
        MaskrecError: it cannot be written.
    """
    try:
        with path.open("rb") as stream:
            ours = b'name="generator" content="maskrec' in stream.read(4096)
    except OSError:
        ours = True
    if not ours:
        raise UsageError(f"{path} was not made by maskrec; move it away, and run the same command again")
    write_text(path, content)
    return path


def mistake_images(folder: Path) -> dict[str, list[int]]:
    """Places of the images in the worst mistakes that a report shows, by their pair set's label.

    Raises:
        UsageError: as `write_report`.
    """
    wanted: dict[str, list[int]] = {}
    for answer in shown_answers(read_facts(folder).answers):
        sides = [mapping(row.get(side)).get("image") for row in answer.worst or () for side in ("left", "right")]
        wanted.setdefault(answer.pairs, []).extend(
            place for place in map(whole, sides) if place is not None and place >= 0
        )
    return {label: places for label, places in wanted.items() if label and places}


def report_page(facts: RunFacts, faces: Faces | None = None) -> Page:
    """The page of a run; arguments as for `write_report`."""
    shown = shown_answers(facts.answers)
    training = training_section(facts)
    sections = [
        *([training] if training is not None else []),
        *evaluation_sections(facts, shown, faces),
        *record_sections(facts, with_faces=faces is not None),
    ]
    summary = summary_table(shown[0]) if shown else None
    return Page(facts.name, facts.state.word, outcome(facts, shown), [*warnings(facts, shown)], summary, sections)
