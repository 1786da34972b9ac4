"""The problems that a check found, for the terminal and as JSON."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from maskrec.base.console import clean, say
from maskrec.base.words import counted, plain_name
from maskrec.cli.text_tables import plain_table, print_table
from maskrec.preparation.checking import Report, Settings
from maskrec.preparation.face_sets import FaceSet, SetProblem

SHOWN = 10
_PLACES = 6

KINDS = {
    "bad_table": "tables that cannot be read",
    "bad_row": "rows that cannot be read",
    "damaged": "archives or folders that cannot be read",
    "unfinished": "folders whose work has not finished",
    "unreadable": "photos that cannot be used",
    "twice": "photos listed twice",
    "label_gap": "targets with gaps",
    "labels": "people and targets that contradict each other",
    "nameless": "photos without an identity",
    "no_photo": "files that are not photos",
    "empty_folder": "folders without photos",
    "unlisted": "photos that are not listed",
    "landmarks": "broken landmarks",
    "duplicate_across": "the same photo under several names",
    "duplicate_in_roles": "the same photo in several roles",
    "duplicate_within": "the same photo several times under one name",
    "near_duplicate_across": "nearly the same photo under several names",
    "near_duplicate_in_roles": "nearly the same photo in several roles",
    "near_duplicate_within": "nearly the same photo several times under one name",
    "one_only": "sets of one person only",
    "spelling": "names of one set in two spellings",
    "in_both": "people in two sets, by name",
    "in_both_by_face": "people in two sets, by their faces",
    "one_person": "people of one set who look like one person",
    "not_aligned": "sets that may not be aligned",
    "no_names": "sets without names",
}


def show(report: Report, everything: bool = False) -> None:
    """Print the sets, the number of problems of each kind, and the problems; the first ``SHOWN`` of each kind."""
    print_table(_sets(report.sets))
    for note in dict.fromkeys(report.notes):
        _line(f"note: {note}")
    by_kind = {
        key: list(found)
        for key, found in groupby(report.problems, key=lambda problem: (problem.severity, problem.kind))
    }
    if by_kind:
        print_table(_counts({key: len(found) for key, found in by_kind.items()}))
    for (severity, kind), found in by_kind.items():
        for problem in found if everything else found[:SHOWN]:
            _line(_problem_text(problem))
        if len(found) > SHOWN and not everything:
            _line(f"{severity}: {len(found) - SHOWN:,} more of {KINDS.get(kind, kind)}; --all prints them")
    if report.problems:
        _line("")
    _line(f"{counted(report.errors, 'error')}, {counted(report.warnings, 'warning')}")


def _line(text: str) -> None:
    say(text)


def _sets(sets: Any) -> Table:
    numbers = ("photos", "people", "single", "masked")
    table = plain_table(*numbers, "landmarks", "role", "kind", "set", numbers=numbers)
    for faces in sets:
        counts = _people(faces)
        single = sum(count == 1 for count in counts.values())
        masked = int(faces.masked.sum()) if faces.masked is not None else 0
        words = [f"{number:,}" for number in (len(faces), len(counts), single, masked)]
        words += ["no" if faces.landmarks is None else "yes", faces.role or "-", faces.kind, str(faces.path)]
        table.add_row(*(_cell(word) for word in words))
    return table


def _counts(counts: dict[tuple[str, str], int]) -> Table:
    table = plain_table("severity", "what", "found", numbers=("found",))
    for (severity, kind), count in counts.items():
        style = "red" if severity == "error" else "yellow"
        table.add_row(Text(severity, style), _cell(KINDS.get(kind, kind)), _cell(f"{count:,}"))
    return table


def _cell(text: str) -> Text:
    return Text(clean(text).replace("\n", " "))


def _people(faces: FaceSet) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in faces.people:
        if name:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _problem_text(problem: SetProblem) -> str:
    """``severity: place: message`` for one place, else the message with its places below."""
    message = _one_line(problem.message)
    if len(problem.places) == 1:
        return f"{problem.severity}: {_one_line(problem.places[0])}: {message}"
    lines = [f"{problem.severity}: {message}", *(f"    {_one_line(place)}" for place in problem.places[:_PLACES])]
    if len(problem.places) > _PLACES:
        lines.append(f"    and {len(problem.places) - _PLACES:,} more")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """Line breaks in names escaped, so that a name cannot add lines to the output."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


def as_dict(report: Report, settings: Settings, model: Path | None) -> dict[str, Any]:
    """All problems as plain values."""
    return {
        "version": 1,
        "clean": report.errors == 0,
        "errors": report.errors,
        "warnings": report.warnings,
        "settings": {
            "near_bits": settings.near_bits,
            "model": None if model is None else str(model),
            "cosine": None if model is None else settings.cosine,
            "photos_each": None if model is None else settings.photos_each,
        },
        "sets": [
            {
                "path": str(faces.path),
                "role": faces.role or None,
                "kind": faces.kind,
                "photos": len(faces),
                "people": len({plain_name(name) for name in faces.people if name}),
                "landmarks": faces.landmarks is not None,
            }
            for faces in report.sets
        ],
        "notes": list(dict.fromkeys(report.notes)),
        "findings": [
            {
                "severity": problem.severity,
                "kind": problem.kind,
                "message": problem.message,
                "places": list(problem.places),
                "people": list(problem.people),
                "value": problem.value,
            }
            for problem in report.problems
        ],
    }
