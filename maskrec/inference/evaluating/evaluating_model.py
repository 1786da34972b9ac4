"""Evaluates a model that exists: any evaluators on any pairs, and what it decides with, as a model folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError
from maskrec.base.files import write_json, write_text
from maskrec.base.progress import Progress
from maskrec.base.whole_folders import whole_folder
from maskrec.base.words import one_line
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.problem import RecipeError
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.measuring_decisions import gather, measure_once
from maskrec.inference.deciding.model_folder import NAME, ModelFolder, write_model_folder
from maskrec.inference.evaluating.asking_evaluators import AskedEvaluators
from maskrec.inference.evaluating.evaluated_subject import EVALUATIONS
from maskrec.inference.evaluating.evaluation_values import to_plain, write_evaluation, write_figures
from maskrec.inference.evaluating.prepared_evaluation import WhatToEvaluate, prepare_evaluation
from maskrec.inference.evaluating.result_tables import final_tables, interval_lines
from maskrec.inference.galleries.measured_searches import measured_searches
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.provenance import versions
from maskrec.recipe.writing import evaluations_yaml

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """What came out, plain.

    Args:
        evaluated: by label, on the pairs that choose thresholds.
        tested: by label, on test pairs.
        decisions: error rates and mask probe.
        caveats: what must be said beside every figure.
        notes: what else was said.
        failed: the sentences of evaluators that could not measure, by label; the others went on.
    """

    evaluated: Mapping[str, Evaluation]
    tested: Mapping[str, Evaluation]
    decisions: Decisions
    caveats: tuple[str, ...]
    notes: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)


def evaluate_model(
    what: WhatToEvaluate, catalog: Catalog, progress: Progress, out: Path | None = None, overwrite: bool = False
) -> MeasuredModel:
    """Evaluate, show every table, and write a model folder.

    Args:
        what: model and evaluations.
        catalog: where names are looked up.
        progress: shows lines and bars.
        out: the model folder; None writes none.
        overwrite: whether a model folder that is there is replaced.

    Raises:
        RecipeError: no evaluator can be built, or people were trained on.
        MaskrecError: an image that cannot be read or an evaluator that fails, where nothing else is measured; or
            the disk is full or not writable.
    """
    with _folder(out, overwrite) as building:
        measured = _measure(what, catalog, progress, building)
        if out is not None:
            _write(what, measured, out, building)
    return measured


@contextmanager
def _folder(out: Path | None, overwrite: bool) -> Iterator[Path]:
    """Where evaluators may write; it becomes ``out``, or is removed."""
    if out is not None:
        with whole_folder(out, NAME, overwrite) as building:
            yield building
        return
    with tempfile.TemporaryDirectory(prefix="maskrec-") as folder:
        yield Path(folder)


def _measure(what: WhatToEvaluate, catalog: Catalog, progress: Progress, folder: Path) -> MeasuredModel:
    prepared = prepare_evaluation(what, catalog, progress, folder)
    asked, embed, caveats, notes = prepared.asked, prepared.embed, prepared.caveats, prepared.notes
    failed: dict[str, MaskrecError] = dict(prepared.refused)
    for label, error in failed.items():
        progress.line(f"failed {label}: {_sentence(error)}")
    try:
        answers = _one_by_one(asked, lambda one: one.evaluate(embed), failed, progress.line)
        evaluated = dict(_shown(answers, "evaluate", progress.line, folder))
        if failed and not evaluated:
            raise next(iter(failed.values()))
        choosing = embed.asked
        answers = _one_by_one(asked, lambda one: one.test(embed, evaluated), failed, progress.line)
        tested = dict(_shown(answers, "test", progress.line, folder))
    finally:
        prepared.save()
    progress.note("counting error rates")
    gathered = gather(choosing, embed)
    once = measure_once(gathered, what.evaluations.seed, what.workers)
    for line in (*once.notes, *caveats):
        progress.line(f"note: {line}")
    thresholds = {f"{label}.{name}": t for label, each in evaluated.items() for name, t in each.thresholds.items()}
    decisions = Decisions(
        thresholds, once.risk, once.probe, gathered.measured_on, galleries=once.galleries, caveats=gathered.caveats
    )
    for line in measured_searches(decisions):
        progress.line(line)
    sentences = {label: _sentence(error) for label, error in failed.items()}
    return MeasuredModel(evaluated, tested, decisions, caveats, (*notes, *once.notes), sentences)


def _sentence(error: MaskrecError) -> str:
    """What is wrong, on one line; the file of a recipe and the place in it are known from the evaluator's label."""
    return " ".join(error.sentence().split()) if isinstance(error, RecipeError) else one_line(error)


def _one_by_one(
    asked: AskedEvaluators,
    ask: Callable[[AskedEvaluators], Iterator[tuple[str, Evaluation]]],
    failed: dict[str, MaskrecError],
    line: Say,
) -> Iterator[tuple[str, Evaluation]]:
    """The answers of each evaluator; where one cannot measure, its sentence is shown and kept and the next is asked."""
    for label, evaluator in asked.built.items():
        try:
            yield from ask(replace(asked, built={label: evaluator}))
        except MaskrecError as error:
            failed[label] = error
            line(f"failed {label}: {_sentence(error)}")


def _shown(
    answers: Iterator[tuple[str, Evaluation]], occasion: str, line: Say, folder: Path
) -> Iterator[tuple[str, Evaluation]]:
    """The answers, their tables shown and their figures written as they come."""
    which = "with the thresholds of these evaluation pairs" if occasion == "test" else "on its evaluation pairs"
    for label, evaluation in answers:
        write_figures(folder / "figures", label, occasion, evaluation)
        write_evaluation(folder / "evaluations", label, occasion, evaluation, stage=occasion)
        line(f"{occasion} {label}: {which}")
        for each in (*interval_lines(evaluation.tables), *final_tables(evaluation)):
            line(f"    {each}")
        yield label, replace(evaluation, figures={}, details={})


def _write(what: WhatToEvaluate, measured: MeasuredModel, out: Path, building: Path) -> None:
    subject = what.subject
    plain = {label: to_plain(evaluation) for label, evaluation in measured.evaluated.items()}
    folder = ModelFolder(
        path=out,
        name=subject.name,
        weights=subject.weights,
        input_spec=subject.model.spec,
        decisions=measured.decisions,
        backbone=subject.backbone,
        seed=subject.seed,
        image_size=subject.image_size if subject.backbone is not None else None,
        components=subject.components,
    )
    result: dict[str, Any] = {
        "name": subject.name,
        "model": subject.model.origin,
        "measured_on": measured.decisions.measured_on,
        "versions": versions(),
        "caveats": measured.caveats,
        "notes": measured.notes,
        "evaluate": plain,
        "test": {label: to_plain(evaluation) for label, evaluation in measured.tested.items()},
        **({"failed": dict(measured.failed)} if measured.failed else {}),
    }
    write_text(building / EVALUATIONS, evaluations_yaml(what.evaluations, what.data_root))
    write_json(building / "result.json", result)
    write_model_folder(folder, {label: each["thresholds"] for label, each in plain.items()}, building)
