"""The sections of an evaluator's answer: distances, curves, decisions, thresholds, masks, mistakes."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Mapping, Sequence

from maskrec.report.answer_facts import CONDITION_WORDS, AnswerFacts, Histograms
from maskrec.report.evaluation_tables import (
    classes_table,
    confusion_counts,
    mask_table,
    metrics_table,
    mistake_words,
    mistakes_table,
    stage_words,
    summary_table,
    transfer_sentences,
    transferred_table,
)
from maskrec.report.figure_words import count, distance, rate
from maskrec.report.page_parts import (
    Block,
    FacePair,
    Heading,
    PageSection,
    PageTable,
    PicturedPairs,
    Plot,
    Plots,
    Words,
)
from maskrec.report.page_plots import confusion_plot, det_plot, rates_at_edges, roc_plot
from maskrec.report.plain_values import Row, mapping, text, whole
from maskrec.report.run_facts import RunFacts
from maskrec.report.threshold_slider import threshold_slider

Faces = Mapping[tuple[str, int], bytes]
"""JPEG bytes by a pair set's label and an image's place in it."""

_FARS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0001)


def shown_answers(answers: Sequence[AnswerFacts]) -> list[AnswerFacts]:
    """One answer an evaluator: on test pairs, or else on evaluation pairs."""
    tested = {answer.label for answer in answers if answer.stage == "test"}
    return [answer for answer in answers if answer.stage == "test" or answer.label not in tested]


def evaluation_sections(facts: RunFacts, shown: Sequence[AnswerFacts], faces: Faces | None) -> Iterator[PageSection]:
    """A section an answer.

    Args:
        facts: of the run.
        shown: its answers.
        faces: of the mistakes; None where they were not asked for.
    """
    for number, answer in enumerate(shown):
        name = f"evaluation-{number + 1}"
        blocks = list(_blocks(facts, answer, name, faces, first=number == 0))
        yield PageSection(name, f"{answer.label}, {stage_words(answer)}", blocks)


def _blocks(facts: RunFacts, answer: AnswerFacts, name: str, faces: Faces | None, first: bool) -> Iterator[Block]:
    if not first and (summary := summary_table(answer)) is not None:
        yield summary
    histograms = answer.histograms
    if histograms is None:
        yield Words(_without_histograms(facts))
    else:
        yield Heading("Distances and the threshold")
        yield Words(
            "Pairs at or below the threshold are called one person. Drag it, and see what it costs each kind of pairs. "
            f"It moves in {count(histograms.bins)} steps, so what it shows can differ a little from the figures at an "
            "exact threshold."
        )
        yield threshold_slider(answer, histograms, name)
        yield from _curves(histograms, name)
    yield from _decisions(answer, name)
    yield from _thresholds(answer)
    if (masks := mask_table(answer)) is not None:
        yield Heading("Masks")
        yield masks
    yield from _mistakes(facts, answer, faces)
    if (metrics := metrics_table(answer)) is not None:
        yield metrics


def _without_histograms(facts: RunFacts) -> str:
    command = shlex.join(["maskrec", "evaluate", str(facts.path), "--out", "DIR"])
    return (
        "No distributions, curves and mistakes are shown: no histograms of the distances were kept. An evaluator of a "
        f"plugin may keep none, and maskrec kept none before version 0.2. To have them: {command}, then "
        "maskrec report DIR."
    )


def _curves(histograms: Histograms, name: str) -> Iterator[Block]:
    if not any(any(same) and any(different) for same, different in histograms.conditions.values()):
        return
    yield Heading("ROC and DET")
    legend = [(condition, words) for condition, words in CONDITION_WORDS.items() if condition in histograms.conditions]
    table = _rates_table(histograms)
    note = "At the edges of the histograms' bins, which lie on the exact curve."
    roc = Plot("ROC", roc_plot(f"{name}-roc", histograms), legend, table, note)
    yield Plots([roc, Plot("DET", det_plot(f"{name}-det", histograms), legend)])


def _rates_table(histograms: Histograms) -> PageTable:
    """The true accept rate of each condition at false accept rates, the largest one that does not exceed them."""
    rows = []
    found = {name: both for name, both in histograms.conditions.items() if any(both[0]) and any(both[1])}
    for most in _FARS:
        cells = []
        for same, different in found.values():
            pairs = zip(rates_at_edges(different), rates_at_edges(same), strict=True)
            enough = sum(different) * most >= 1
            cells.append(rate(max(tar for far, tar in pairs if far <= most)) if enough else rate(None))
        rows.append([f"{most:g}", *cells])
    columns = ["FAR at most", *(f"TAR, {CONDITION_WORDS[name]}" for name in found)]
    return PageTable("True accept rates", columns, rows, frozenset(range(1, len(columns))), folded=True)


def _decisions(answer: AnswerFacts, name: str) -> Iterator[Block]:
    counts = confusion_counts(answer)
    if counts is None:
        return
    yield Heading("Decisions")
    cells = [[words, *map(count, row)] for words, row in zip(("same person", "different people"), counts, strict=True)]
    table = PageTable(
        "Confusion matrix", ["pairs", "called same", "called different"], cells, frozenset({1, 2}), folded=True
    )
    note = f"All pairs at the threshold {distance(answer.deciding)}." if answer.deciding is not None else ""
    yield Plots([Plot("Confusion matrix", confusion_plot(f"{name}-confusion", counts), (), table, note)])
    if (classes := classes_table(answer)) is not None:
        yield classes


def _thresholds(answer: AnswerFacts) -> Iterator[Block]:
    table = transferred_table(answer)
    if table is None:
        return
    yield Heading("What a threshold costs where it was not chosen")
    for sentence in transfer_sentences(answer):
        yield Words(sentence)
    yield table


def _mistakes(facts: RunFacts, answer: AnswerFacts, faces: Faces | None) -> Iterator[Block]:
    if answer.worst is None:
        return
    yield Heading("Worst mistakes")
    if not answer.worst:
        yield Words("No pair was decided wrongly.")
        return
    if faces is not None:
        yield PicturedPairs([_face_pair(answer, row, faces) for row in answer.worst])
        return
    command = shlex.join(["maskrec", "report", str(facts.path), "--faces"])
    yield Words("Faces and names are biometric data, so they are shown only when asked for:")
    yield Words(command, command=True)
    yield mistakes_table(answer.worst)


def _face_pair(answer: AnswerFacts, row: Row, faces: Faces) -> FacePair:
    left, right = mapping(row.get("left")), mapping(row.get("right"))
    condition = CONDITION_WORDS.get(text(row.get("condition")), "")
    numbers = f"distance {distance(row.get('distance'))}, threshold {distance(row.get('threshold'))}"
    uris = (_uri(answer, left, faces), _uri(answer, right, faces))
    return FacePair(*uris, _image_words(left), _image_words(right), f"{mistake_words(row)}: {numbers}, {condition}")


def _uri(answer: AnswerFacts, image: Row, faces: Faces) -> str:
    content = faces.get((answer.pairs, whole(image.get("image")) or 0))
    return "" if content is None else "data:image/jpeg;base64," + base64.b64encode(content).decode()


def _image_words(image: Row) -> str:
    """Person, the photo's file name without its folders, and the mask; a file that is named by its person says both."""
    mask, person = text(image.get("mask")).replace("_", " "), text(image.get("person"))
    file = text(image.get("photo")).replace("\\", "/").rpartition("/")[2]
    named = person and file.startswith(person)
    return ", ".join(part for part in ("" if named else person, file, f"mask: {mask}" if mask else "") if part)
