"""Evaluators built for a model that exists, and what only built pair sets show."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from maskrec.contracts.context import Context
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.inference.evaluating.asking_evaluators import AskedEvaluators
from maskrec.inference.evaluating.pair_checks import landmark_problems, trained_on_problems
from maskrec.inference.evaluating.trained_people import TrainedPeople, trained_people
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
    evaluations: NamedEvaluations, model: Model, image_size: int, context: Context, catalog: Catalog, folder: Path
) -> tuple[Builder, AskedEvaluators]:
    """The evaluators, and the builder that has their pair sets.

    Args:
        evaluations: which ones.
        model: the model that they measure.
        image_size: side of the canvas in pixels.
        context: passed on to them.
        catalog: where names are looked up.
        folder: the ``run_dir`` given.

    Raises:
        RecipeError: all that is wrong with them at once.
    """
    opener = partial(open_backbone, catalog=catalog, data_root=context.data_root)
    size = getattr(model.network, "embedding_size", None)
    givens = {"seed": evaluations.seed, "image_size": image_size, "embedding_size": size, "run_dir": folder}
    builder, problems = Builder(catalog, evaluations.seed, context, opener, givens), RecipeProblems()
    built, declared = {}, {}
    for label, spec in evaluations.evaluate.items():
        missing = _missing_givens(builder, spec)
        problems.entries += missing
        try:
            if not missing:
                built[label] = builder.build(spec)
                declared[label] = metrics_of(builder.target(spec), spec, problems) or {}
        except RecipeError as error:
            problems.take(error)
    problems.entries += [each for spec, pairs in builder.pair_sets for each in landmark_problems(spec, pairs)]
    problems.refuse()
    return builder, AskedEvaluators(evaluations.evaluate, built, declared, {"the model": model.network})


def check_people(builder: Builder, run: Path | None, catalog: Catalog) -> TrainedPeople:
    """People who were trained on must not be measured, as far as that is known.

    Args:
        builder: has the pair sets.
        run: the run that the weights come from; None for others, of which nothing is known.
        catalog: where names are looked up.

    Raises:
        RecipeError: some of the people were trained on.
    """
    if run is None or not any(pairs.identities for _, pairs in builder.pair_sets):
        return TrainedPeople()
    spec = builder.context.input_spec
    assert spec is not None
    trained, problems = trained_people(run, spec, catalog), RecipeProblems()
    for named, pairs in builder.pair_sets:
        problems.entries += trained_on_problems(named, pairs, trained.names)
    problems.refuse()
    return trained


def _missing_givens(builder: Builder, spec: Spec) -> list[Problem]:
    """What components ask for that only a training has."""
    found = []
    for path, each in spec.walk():
        if not isinstance(each, Spec):
            continue
        kind = spec.kind if each.kind == "part" else each.kind
        for info in read_parameters(builder.target(each), kind):
            if info.given and info.default is EMPTY and info.name not in {*builder.givens, "context"}:
                message = f"{each.name} needs `{info.name}`, which is known while a model is trained only"
                found.append(Problem(message, path, "choose another one, or have it evaluated in a run", each.mark))
    return found
