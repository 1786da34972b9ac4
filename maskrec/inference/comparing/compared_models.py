"""The models that are compared: opened, each once, with the same evaluations."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.words import differences
from maskrec.inference.evaluating.chosen_evaluations import choose_evaluations
from maskrec.inference.evaluating.evaluated_subject import EvaluatedSubject, open_subject, open_written_subject
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.evaluations_only import NamedEvaluations
from maskrec.recipe.writing import written_component
from maskrec.runtime.recorded_run import read_recorded_run
from maskrec.runtime.run_directory import RunDirectory, read_json

USAGE = "maskrec compare RUN RUN --on FILE.yaml"


@dataclass(frozen=True, slots=True, eq=False)
class ComparedModel:
    """A model and what it is measured with.

    Args:
        word: that named it.
        subject: opened.
        evaluations: all with one seed of masks.
        data_root: what their paths are relative to.
        recipe: what it has in common with other trainings of its recipe, as text; None for a model without one.
        seed: of its training; None without a recipe.
    """

    word: str
    subject: EvaluatedSubject
    evaluations: NamedEvaluations
    data_root: Path
    recipe: str | None
    seed: int | None


def open_compared(
    words: Sequence[str], file: Path | None, overrides: Sequence[str], catalog: Catalog, root: Path
) -> list[ComparedModel]:
    """Open every model, and refuse those that cannot be compared.

    Args:
        words: paths, or backbones that are written out.
        file: an evaluations file; None takes the models' own, which must be alike.
        overrides: ``key.path=value`` from the command line, for the evaluations.
        catalog: where names are looked up.
        root: what the file's paths are relative to.

    Raises:
        UsageError: fewer than two, one of them twice, or evaluations that differ.
        RecipeError: all that is wrong with the evaluations at once.
    """
    if len(words) < 2:
        raise UsageError("comparing needs at least two models; write maskrec compare RUN RUN")
    _refuse_equal([(word, word if _written(word) else os.path.realpath(word)) for word in words], "is")
    models = [_open(word, file, overrides, catalog, root) for word in words]
    hashes = [(each.word, f"{each.subject.weights.kind} {each.subject.weights.sha256}") for each in models]
    _refuse_equal(hashes, "has the same weights as")
    if file is None:
        for other in models[1:]:
            _refuse_other_evaluations(models[0], other)
    seed = models[0].evaluations.seed
    return [replace(each, evaluations=replace(each.evaluations, seed=seed)) for each in models]


def _written(word: str) -> bool:
    return word.lstrip().startswith("{")


def _open(word: str, file: Path | None, overrides: Sequence[str], catalog: Catalog, root: Path) -> ComparedModel:
    written = _written(word)
    subject = open_written_subject(word, catalog, root, "MODEL") if written else open_subject(Path(word), catalog, root)
    evaluations, data_root = choose_evaluations(subject, file, overrides, catalog, root, word, USAGE)
    recipe, seed = (None, None) if subject.run is None else _recipe_of(subject.run)
    return ComparedModel(word, subject, evaluations, data_root, recipe, seed)


def _recipe_of(run: Path) -> tuple[str, int]:
    """A run's recipe and training data without its seed, as text; and the seed."""
    recipe: dict[str, Any] = dict(read_recorded_run(run).recipe)
    seed = recipe.pop("seed", 0)
    data = read_json(RunDirectory(run).provenance).get("data", {})
    return json.dumps([recipe, data], sort_keys=True, default=str), int(seed)


def _refuse_equal(named: Sequence[tuple[str, str]], said: str) -> None:
    """Refuse two words that stand for one thing."""
    for place, (word, thing) in enumerate(named):
        for other, before in named[:place]:
            if thing == before:
                shown = f"{word} is named twice" if word == other else f"{word} {said} {other}"
                raise UsageError(f"{shown}; a comparison needs models that can differ, so leave one out")


def _refuse_other_evaluations(one: ComparedModel, other: ComparedModel) -> None:
    relative, absolute = (
        [
            {label: written_component(spec, root) for label, spec in each.evaluations.evaluate.items()}
            for each, root in ((one, roots[0]), (other, roots[1]))
        ]
        for roots in ((Path(), Path()), (one.data_root, other.data_root))
    )
    if relative[0] == relative[1] or absolute[0] == absolute[1]:
        return
    found = differences(relative[0], relative[1], "evaluate")
    raise UsageError(
        f"{other.word} is evaluated otherwise than {one.word} ({found[0]}); name one evaluations file for both: {USAGE}"
    )
