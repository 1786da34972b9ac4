"""A run directory, or the folder of an evaluated model, as plain facts; whatever is missing or damaged is said."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.plain_json import read_json_object
from maskrec.recipe.node import plain
from maskrec.recipe.reading import UnreadableError, load_text, read_text
from maskrec.report.answer_facts import AnswerFacts, read_answers
from maskrec.report.metric_rows import MetricRows, read_metric_rows
from maskrec.report.plain_values import Row, mapping, rows, text, texts, whole
from maskrec.report.run_state import RunState, state_of
from maskrec.runtime.recorded_run import flat_values
from maskrec.runtime.run_directory import RunDirectory

MODEL = "model.json"


@dataclass(frozen=True, slots=True)
class RecipeValue:
    """A value of the recipe: its path, how it is written, and where it comes from (``FILE:LINE``, or a default)."""

    path: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """All that a report shows.

    Args:
        path: the folder.
        name: of the recipe, or of the model.
        state: how far it is.
        demo: whether the recipe's demo was run.
        demo_reason: why, where the recipe fell back to it by itself.
        caveats: what belongs beside every figure.
        problems: what could not be read, in sentences.
        metrics: rows of the training.
        answers: of the evaluators, those on test pairs first.
        recipe: every value.
        record: the provenance; empty where it could not be read.
        result: of a finished run, or of an evaluated model.
    """

    path: Path
    name: str
    state: RunState
    demo: bool
    demo_reason: str
    caveats: tuple[str, ...]
    problems: tuple[str, ...]
    metrics: MetricRows
    answers: tuple[AnswerFacts, ...]
    recipe: tuple[RecipeValue, ...]
    record: Mapping[str, Any]
    result: Mapping[str, Any]

    @property
    def starts(self) -> list[Row]:
        """Each start of the run, the first one first."""
        return rows(self.record.get("history"))

    @property
    def command(self) -> str | None:
        """The command that started it, as a shell takes it."""
        words = texts(self.starts[0].get("command")) if self.starts else ()
        return shlex.join(words) if words else None

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were chosen, from 1."""
        return whole(mapping(self.result.get("best")).get("epoch"))


def is_reported(path: Path) -> bool:
    """Whether a report can be made of the folder: a run's, or an evaluated model's."""
    return path.is_dir() and (RunDirectory(path).is_run or (path / MODEL).is_file())


def read_facts(path: Path) -> RunFacts:
    """Read a folder.

    Raises:
        UsageError: it is neither a run directory nor the folder of an evaluated model.
    """
    if not is_reported(path):
        raise UsageError(
            f"{path} is not a run directory (it has no recipe.yaml and provenance.json), nor the folder of an "
            "evaluated model; name one that `maskrec run` or `maskrec evaluate --out` has written"
        )
    run, problems = RunDirectory(path), list[str]()
    trained = run.is_run
    record = _object(run.provenance, problems) if trained else _object(path / MODEL, problems)
    result = _object(run.result, problems) if run.result.exists() else {}
    metrics = read_metric_rows(run.metrics) if trained else MetricRows()
    answers, unread = read_answers(path, result)
    recipe = _recipe(run.recipe if trained else path / "evaluations.yaml", mapping(record.get("places")), problems)
    return RunFacts(
        path=path,
        name=text(record.get("name")) or path.name,
        state=state_of(path, record, result, metrics) if trained else RunState("measured"),
        demo=record.get("demo") is True,
        demo_reason=text(record.get("demo_reason")),
        caveats=_caveats(record, result, answers),
        problems=(*problems, *metrics.problems, *unread),
        metrics=metrics,
        answers=tuple(answers),
        recipe=recipe,
        record=record,
        result=result,
    )


def with_record_of(measured: RunFacts, run: RunFacts) -> RunFacts:
    """What was measured of a model folder, with all else from the run whose weights it measured."""
    return replace(
        run,
        answers=measured.answers,
        result=measured.result,
        caveats=tuple(dict.fromkeys([*measured.caveats, *run.caveats])),
        problems=(*measured.problems, *run.problems),
    )


def _caveats(record: Row, result: Row, answers: list[AnswerFacts]) -> tuple[str, ...]:
    said = [*texts(result.get("caveats")), *(answer.caveat for answer in answers)]
    return tuple(dict.fromkeys(each for each in said if each))


def _object(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except (OSError, ValueError) as error:
        problems.append(f"{path.name} cannot be read ({error})")
        return {}


def _recipe(path: Path, places: Mapping[str, Any], problems: list[str]) -> tuple[RecipeValue, ...]:
    """Every value of the recipe; those without a place are defaults, where places are known at all."""
    try:
        reading = read_text(load_text(path, path.name), path.name)
        if reading.problems:
            raise ValueError(reading.problems[0].message)
    except (UnreadableError, OSError, ValueError, MaskrecError) as error:
        problems.append(f"{path.name} cannot be read ({error})")
        return ()
    flat = {} if reading.root is None else dict(flat_values(plain(reading.root)))
    otherwise = "default" if places else ""
    return tuple(
        RecipeValue(name, _written(value), text(places.get(name)) or otherwise) for name, value in flat.items()
    )


def _written(value: Any) -> str:
    """A value as a recipe may write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
