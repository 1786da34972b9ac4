"""Evaluators built for a model that exists, and what only built pair sets show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError
from maskrec.base.words import one_line
from maskrec.contracts.component_calls import Metrics
from maskrec.contracts.context import Context
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.inference.evaluating.asking_evaluators import AskedEvaluators
from maskrec.inference.evaluating.pair_checks import landmark_problems, trained_on_problems
from maskrec.inference.evaluating.trained_people import TrainedPeople, trained_people
from maskrec.inference.evaluating.training_data import FROM_DATA, givens_of, open_training_data
from maskrec.inference.model import Model
from maskrec.inference.open_model import open_backbone
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.signature import EMPTY, read_parameters
from maskrec.recipe.component_answers import metrics_of
from maskrec.recipe.evaluations_only import NamedEvaluations
from maskrec.recipe.plan import Spec
from maskrec.recipe.problems import RecipeProblems
from maskrec.runtime.builder import Builder


def build_evaluators(
    evaluations: NamedEvaluations,
    model: Model,
    image_size: int,
    context: Context,
    catalog: Catalog,
    folder: Path,
    run: Path | None = None,
) -> tuple[Builder, AskedEvaluators, dict[str, RecipeError]]:
    """The evaluators, the builder that has their pair sets, and by label what is wrong with those that are left out.

    What they ask of the training data (its labels) is answered by the data of the run that the weights come from.

    Args:
        evaluations: which ones.
        model: the model that they measure.
        image_size: side of the canvas in pixels.
        context: passed on to them.
        catalog: where names are looked up.
        folder: the ``run_dir`` given.
        run: the run that the weights come from; None for others, whose training data is not known.

    Raises:
        RecipeError: none of them can be built; all that is wrong with them at once.
    """
    opener = partial(open_backbone, catalog=catalog, data_root=context.data_root)
    size = getattr(model.network, "embedding_size", None)
    givens = {"seed": evaluations.seed, "image_size": image_size, "embedding_size": size, "run_dir": folder}
    builder = Builder(catalog, evaluations.seed, context, opener, givens)
    built, declared, refused = dict[str, Any](), dict[str, Metrics](), dict[str, RecipeError]()
    hint = _give_training_data(builder, evaluations, model, run)
    for label, spec in evaluations.evaluate.items():
        problems, before = RecipeProblems(_missing_givens(builder, spec, hint)), len(builder.pair_sets)
        try:
            problems.refuse()
            evaluator = builder.build(spec)
            metrics = metrics_of(builder.target(spec), spec, problems) or {}
            sets = builder.pair_sets[before:]
            problems.entries += [each for named, pairs in sets for each in landmark_problems(named, pairs)]
            problems.refuse()
        except RecipeError as error:
            refused[label] = error
            del builder.pair_sets[before:]
        else:
            built[label], declared[label] = evaluator, metrics
    if not built:
        refuse_all(refused.values())
    return builder, AskedEvaluators(evaluations.evaluate, built, declared, {"the model": model.network}), refused


def refuse_all(errors: Iterable[RecipeError]) -> None:
    """Raise RecipeError with the problems of all errors at once, if there are any."""
    every = RecipeProblems()
    for each in errors:
        every.take(each)
    every.refuse()


def check_people(builder: Builder, run: Path | None, catalog: Catalog) -> TrainedPeople:
    """People who were trained on must not be measured, as far as that is known.

    Args:
        builder: has the pair sets.
        run: the run that the weights come from; None for others, of which nothing is known.
        catalog: where names are looked up.

    Raises:
        RecipeError: some of the people were trained on.
    """
    if not any(pairs.identities for _, pairs in builder.pair_sets):
        return TrainedPeople()
    if run is None:
        unknown = "it is not known which people the network was trained on"
        return TrainedPeople(notes=[f"{unknown}, so whether some of them are in these pairs was not checked"])
    spec = builder.context.input_spec
    assert spec is not None
    trained, problems = trained_people(run, spec, catalog), RecipeProblems()
    for named, pairs in builder.pair_sets:
        problems.entries += trained_on_problems(named, pairs, trained.names)
    problems.refuse()
    return trained


def _give_training_data(builder: Builder, evaluations: NamedEvaluations, model: Model, run: Path | None) -> str:
    """Give the builder what its components ask of the training data; else how that can be fixed, in words."""
    missing = {name for spec in evaluations.evaluate.values() for _, name in _asked_beyond(builder, spec)}
    if not missing & set(FROM_DATA):
        return "choose another one, or have it evaluated in a run"
    if run is None:
        return "name the run whose weights these are, or choose another evaluator"
    try:
        builder.givens |= givens_of(open_training_data(run, model.spec, builder.catalog))
    except MaskrecError as error:  # the data may be on another machine
        return f"the training data cannot be opened ({one_line(error)[:200]}); restore it, or choose another evaluator"
    return ""


def _missing_givens(builder: Builder, spec: Spec, hint: str) -> list[Problem]:
    """What components ask for that only a training has."""
    return [
        Problem(f"{each.versioned} needs `{name}` of the training data", each.path, hint, each.mark)
        for each, name in _asked_beyond(builder, spec)
    ]


def _asked_beyond(builder: Builder, spec: Spec) -> Iterator[tuple[Spec, str]]:
    """The givens that components need and that the builder does not have."""
    for each in spec.specs():
        kind = spec.kind if each.kind == "part" else each.kind
        for info in read_parameters(builder.target(each), kind):
            if info.given and info.default is EMPTY and info.name not in {*builder.givens, "context"}:
                yield each, info.name
