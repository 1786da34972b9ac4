"""What a run's network starts from, as a fact for its record: random weights, weights of its own, another run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError
from maskrec.recipe.plan import Opened, Plan, Spec
from maskrec.recipe.provenance import opened_hash
from maskrec.runtime.recorded_run import read_recorded_run
from maskrec.runtime.run_directory import RunDirectory, read_json

DISTILLED = "distilled start"
_DISTILLING = "template_distillation"
_OWN_WEIGHTS = ("pretrained", "weights")


def starting_point(plan: Plan, data_root: Path) -> dict[str, str]:
    """Where the network's weights come from.

    Args:
        plan: of the run.
        data_root: what its paths are relative to.

    Returns:
        ``kind`` (``random weights``, ``pretrained weights``, ``distilled start``, ``another run``, ``exported file``,
        ``not stated``) and ``words``, a clause; of another run also ``run``, ``run_id`` and the hash of ``weights``.
    """
    opened = plan.init or (plan.backbone if isinstance(plan.backbone, Opened) else None)
    if opened is not None:
        location = data_root / opened.location
        found = {"run": opened.location.as_posix(), "weights": opened_hash(location)}
        if opened.source == "file":
            return {"kind": "exported file", "words": f"the exported file {found['run']}", **found}
        return _another_run(RunDirectory(location), found)
    assert isinstance(plan.backbone, Spec)
    stated = {name: plan.backbone.parameters[name] for name in _OWN_WEIGHTS if name in plan.backbone.parameters}
    chosen = [f"{name}: {value}" for name, value in stated.items() if value not in (None, False)]
    if chosen:
        return {
            "kind": "pretrained weights",
            "words": f"pretrained weights ({plan.backbone.name}, {', '.join(chosen)})",
        }
    if stated:
        return {"kind": "random weights", "words": f"random weights ({plan.backbone.name})"}
    return {"kind": "not stated", "words": f"what {plan.backbone.name} starts with, which it does not state"}


def _another_run(run: RunDirectory, found: dict[str, str]) -> dict[str, str]:
    """A distilled start where the other run learned from a teacher's templates, with what that run started from."""
    try:
        record, recorded = read_json(run.provenance), read_recorded_run(run.path)
    except (MaskrecError, OSError, KeyError, ValueError):
        return {"kind": "another run", "words": f"the run {found['run']}, whose record cannot be read", **found}
    said = record.get("start")
    before = said.get("words") if isinstance(said, Mapping) else None
    teachers = [
        _words(teacher) for loss in _losses(recorded.recipe.get("loss")) for teacher in _teachers(loss.get("teacher"))
    ]
    kind = DISTILLED if teachers else "another run"
    taught = f", taught by {_DISTILLING} from {' and '.join(teachers)}" if teachers else ""
    words = f"{kind}: the run {found['run']} of the recipe {recorded.name}{taught}"
    words += f", itself from {before}" if isinstance(before, str) else ", whose own start is not stated"
    return {"kind": kind, "words": words, **found, "run_id": recorded.run_id}


def _losses(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every distilling loss, at any depth."""
    if isinstance(value, Mapping):
        if str(value.get("use", "")).rpartition("/")[2] == _DISTILLING:
            yield value
        for inner in value.values():
            yield from _losses(inner)


def _teachers(teacher: Any) -> list[Mapping[str, Any]]:
    if not isinstance(teacher, Mapping):
        return []
    if {"use", "run", "file"} & teacher.keys():
        return [teacher]
    return [each for each in teacher.values() if isinstance(each, Mapping)]


def _words(teacher: Mapping[str, Any]) -> str:
    named = next((str(teacher[name]) for name in ("use", "run", "file") if name in teacher), "an unknown teacher")
    own = [f"{name}: {teacher[name]}" for name in _OWN_WEIGHTS if teacher.get(name) not in (None, False)]
    return f"{named} ({', '.join(own)})" if own else named
