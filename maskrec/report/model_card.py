"""The card of an exported network, in the form that model hubs use: from facts of its run and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt

from maskrec.base.version import __version__
from maskrec.recipe.provenance import recorded_versions
from maskrec.report.answer_facts import CONDITION_WORDS, AnswerFacts
from maskrec.report.backbone_origin import BackboneOrigin
from maskrec.report.evaluation_sections import shown_answers
from maskrec.report.evaluation_tables import accuracy_of, mask_table, summary_table
from maskrec.report.figure_words import NOTHING, count, interval, percent, short
from maskrec.report.hub_licences import hub_licence
from maskrec.report.markdown_text import bullets, fenced, inline, table
from maskrec.report.outcome_sentence import outcome, warnings
from maskrec.report.page_parts import PageTable
from maskrec.report.plain_values import Row, mapping, number, text, whole
from maskrec.report.run_facts import RunFacts

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """What the card says of the file beside it.

    Args:
        name: of the file.
        model: what was exported, in the words of the command line.
        reads: the images that it expects, in words.
        parity: how far it agrees with the model, in words; empty for one that holds the model's own numbers.
        licence: of the weights, in words; None where it is not stated.
        origin: what is known of a backbone without a run.
    """

    name: str
    model: str
    reads: str
    parity: str = ""
    licence: str | None = None
    origin: BackboneOrigin = field(default_factory=BackboneOrigin)


def model_card(exported: ExportedFile, facts: RunFacts | None) -> str:
    """The card in Markdown, YAML front matter first; what is not known is said to be not stated.

    Args:
        exported: the file beside the card.
        facts: of the run that the weights come from; None for a backbone without a run.
    """
    sections = {
        "The file": _file(exported),
        "What it started from": [inline(_start(exported, facts))],
        "The photos it learned from": _photos(facts),
        "What was measured": list(_measured(facts)),
        "Groups of people": list(_groups(facts)),
        "Weak points": [bullets(_weak_points(facts))],
        "Uses not to make of it": [bullets(_NOT_FOR)],
        "Licences": _licences(exported),
        "Versions": [_versions(exported, facts)],
        "How to make it again": list(_again(exported, facts)),
    }
    title = facts.name if facts is not None else exported.model
    blocks = [_front_matter(exported, facts), f"# {inline(title)}"]
    for name, found in sections.items():
        blocks += [f"## {name}", *found]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _front_matter(exported: ExportedFile, facts: RunFacts | None) -> str:
    licence = (exported.licence or NOT_STATED).strip().splitlines()
    known = hub_licence(exported.licence or "")
    named = {"license": "other", "license_name": licence[0][:100] if licence else NOT_STATED}
    values = {
        **({"license": known} if known else named),
        "library_name": "maskrec",
        "pipeline_tag": "image-feature-extraction",
        "tags": [
            "face-recognition",
            "masked-face-recognition",
            *(["demo"] if facts is not None and facts.demo else []),
        ],
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in values.items()]  # JSON is YAML, quoted as it must be
    return "\n".join(["---", *lines, "---"])


def _file(exported: ExportedFile) -> list[str]:
    said = [f"{inline(exported.name)}: a network that turns an aligned face into an embedding."]
    said.append(f"It expects {inline(exported.reads)}.")
    if exported.parity:
        said.append(f"Compared before it was written: {inline(exported.parity)}.")
    return [bullets(said)]


def _start(exported: ExportedFile, facts: RunFacts | None) -> str:
    """As the run recorded it, or as the component says it."""
    start = mapping(facts.record.get("start")) if facts is not None else {}
    words = text(start.get("words")) or exported.origin.start or NOT_STATED
    return f"{words[:1].upper()}{words[1:]}."


def _photos(facts: RunFacts | None) -> list[str]:
    photos = mapping(facts.record.get("photos")) if facts is not None else {}
    number, people = whole(photos.get("photos")), whole(photos.get("people"))
    values = {each.path: each.value for each in facts.recipe} if facts is not None else {}
    masks = [value for path, value in values.items() if path.startswith("transforms.") and path.endswith(".use")]
    said = [
        f"Data set: {inline(text(photos.get('data')) or values.get('data.use', NOT_STATED))}",
        f"Number of photos: {NOT_STATED if number is None else f'{number:,}'}",
        f"Number of people: {NOT_STATED if people is None else f'{people:,}'}",
        f"Changed while training by: {inline(', '.join(masks) or NOT_STATED)}",
        f"Licence of the photos, and whether the people in them agreed: {NOT_STATED}",
    ]
    return [bullets(said)]


def _measured(facts: RunFacts | None) -> Iterator[str]:
    shown = shown_answers(facts.answers) if facts is not None else []
    if facts is None or not shown:
        yield f"Nothing: {NOT_STATED}."
        return
    if by_condition := _by_condition(shown):
        yield inline(by_condition)
    yield inline(outcome(facts, shown))
    for answer in shown:
        yield inline(f"{answer.label}: pairs {answer.pairs or NOT_STATED}, {answer.distance}.")
        for found in (summary_table(answer), mask_table(answer), _thresholds(answer)):
            if found is not None:
                yield table(found)


def _by_condition(shown: Sequence[AnswerFacts]) -> str:
    """The accuracy of masked pairs beside that of bare ones, as a sentence; empty where one of them is missing."""
    said = {}
    for condition in [name for name in CONDITION_WORDS if name != "all"]:
        for answer in shown:
            if condition not in said and (found := number(accuracy_of(answer, condition).get("accuracy"))) is not None:
                said[condition] = f"{percent(found)} of {CONDITION_WORDS[condition]} pairs ({answer.label})"
    return f"Decided correctly: {', '.join(said.values())}." if len(said) > 1 and "bare" in said else ""


def _thresholds(answer: AnswerFacts) -> PageTable | None:
    rows = [
        [name, short(each.get("value")), _as_verify_has_it(each), text(each.get("source"))]
        for name, each in answer.thresholds.items()
    ]
    columns = ["name", f"value ({answer.distance})", "as verify prints it (L2 of unit embeddings)", "chosen on"]
    return PageTable(f"Thresholds of {answer.label}", columns, rows, frozenset({1, 2})) if rows else None


def _as_verify_has_it(threshold: Row) -> str:
    """As ``in_unit_l2`` of decisions, which imports torch; a dash where verify has no use for it."""
    value, kind = number(threshold.get("value")), text(threshold.get("distance"))
    if value is None or value < 0 or (threshold.get("normalize") is not True and kind != "cosine"):
        return NOTHING
    factor = {"squared_l2": 1.0, "cosine": 2.0}.get(kind)
    return f"{value if factor is None else sqrt(factor * value):.4f}"


def _groups(facts: RunFacts | None) -> Iterator[str]:
    answers = facts.answers if facts is not None else ()
    tables = [(answer, rows) for answer in answers if (rows := answer.tables.get("groups"))]
    for answer, rows in tables:
        cells = [
            [
                text(row.get("compared")),
                text(row.get("group")),
                count(row.get("people")),
                interval(row, "far", "far_low", "far_high"),
                interval(row, "ratio", "ratio_low", "ratio_high"),
                interval(row, "tar", "tar_low", "tar_high"),
                text(row.get("note")),
            ]
            for row in rows
        ]
        columns = ["compared", "group", "people", "FAR [95 %]", "times the others' FAR [95 %]", "TAR [95 %]", "note"]
        yield table(PageTable(f"{answer.label}, by groups of people", columns, cells, frozenset({2, 3, 4, 5})))
    if not tables:
        yield (
            "Not measured: nobody knows whether it takes people of some groups for one another more often than those "
            "of others. The evaluator by_group measures it."
        )


def _weak_points(facts: RunFacts | None) -> Iterator[str]:
    shown = shown_answers(facts.answers) if facts is not None else []
    if facts is None or not shown:
        yield "Its accuracy is not stated: nothing was measured with these weights."
    else:
        yield from map(inline, warnings(facts, shown))
        yield from map(inline, _worst_rows(shown))
    yield "Faces unlike those that were measured (other ages, cameras, light, masks) are covered by no figure here."
    yield "A photo of a photo, a drawn face or a mask made to resemble somebody is a face to it: it does not see fraud."


def _worst_rows(shown: Sequence[AnswerFacts]) -> Iterator[str]:
    """The condition with the lowest accuracy of each answer."""
    for answer in shown:
        found = summary_table(answer)
        if found is None or "accuracy [95 %]" not in found.columns:
            continue
        place = list(found.columns).index("accuracy [95 %]")
        rows = [row for row in found.rows if row[place][:1].isdigit() and row[0] != CONDITION_WORDS["all"]]
        if len(rows) > 1:
            worst = min(rows, key=lambda row: float(row[place].split()[0]))
            yield f"{answer.label}: {worst[0]} pairs are the hardest for it, accuracy {worst[place]}."


_NOT_FOR = (
    "Decisions about people without their consent, and without somebody who can overrule it.",
    "Watch lists, policing, and telling who somebody is in public places.",
    "Guesses at a person's origin, health, feelings, sex or age.",
    "Any people or cameras on which its errors were not measured first, with the threshold that will be used.",
)


def _licences(exported: ExportedFile) -> list[str]:
    stated = (exported.licence or NOT_STATED).strip()
    short = "\n" not in stated
    said = [f"Weights: {inline(stated) if short else 'as stated here'}", f"Photos: {NOT_STATED}"]
    said.append("What the weights or photos started from may have licences of its own, which bind these too.")
    return [bullets(said), *([] if short else [fenced(stated)])]


def _versions(exported: ExportedFile, facts: RunFacts | None) -> str:
    """Of what the run was trained with, or the backbone measured with; else of what is installed here."""
    found: dict[str, object] = dict(exported.origin.versions)
    if facts is not None:
        recorded = mapping(facts.record.get("versions")) or mapping(facts.result.get("versions"))
        found |= {**recorded_versions(facts.record.get("components")), **recorded}
    rows = [[name, text(value) or NOT_STATED] for name, value in found.items()]
    return table(PageTable("Made with", ["what", "version"], [*rows, ["exported by maskrec", __version__]]))


def _again(exported: ExportedFile, facts: RunFacts | None) -> Iterator[str]:
    trained = facts.command if facts is not None else None
    if command := trained or exported.origin.command_line:
        at_hand = "its data, its recipe and what it started from are" if trained else "its weights are"
        yield f"Where {at_hand} at hand:"
        yield fenced(command)
        return
    yield f"The command is {NOT_STATED}."
