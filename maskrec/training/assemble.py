"""Build everything that a plan names, in the order of the givens, and check what only built components can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import UsageError
from maskrec.contracts.call_into import call_into
from maskrec.contracts.collectives import world_size
from maskrec.contracts.component_calls import Metrics, caveat_of, needs_landmarks, shards_of
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec, canvas_shape
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.inference.evaluating.asking_evaluators import AskedEvaluators
from maskrec.inference.evaluating.pair_checks import landmark_problems
from maskrec.inference.evaluating.training_data import givens_of
from maskrec.inference.initial_weights import load_initial_weights
from maskrec.inference.open_model import open_backbone
from maskrec.recipe.component_answers import metrics_of
from maskrec.recipe.plan import Plan, Spec
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.validation_settings import PATH
from maskrec.runtime.builder import Builder
from maskrec.runtime.compute import Compute
from maskrec.training.checks.data_checks import batch_problems, refuse_columns
from maskrec.training.checks.likely_mistakes import Recipe, likely_mistakes
from maskrec.training.checks.people_checks import loss_with_classes, people_notes, people_problems
from maskrec.training.held_out import HeldOut, hold_out
from maskrec.training.run_length import RunLength, schedule_problems

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Backbone, Dataset, Evaluator, Loss, Observer, Sampler, Transform
    from maskrec.plugin.catalog import Catalog


@dataclass(frozen=True)
class Assembly:
    """Everything of a run, built: on the CPU, in float32, in the order of the recipe.

    ``dataset`` is what is trained on: without what ``held_out`` keeps for the validation loss.
    """

    plan: Plan
    image_size: int
    backbone: Backbone
    dataset: Dataset
    sampler: Sampler
    loss: Loss
    transforms: Mapping[str, Transform]
    evaluators: Mapping[str, Evaluator]
    observers: Mapping[str, Observer]
    pair_sets: tuple[tuple[Spec, PairSet], ...]
    declared: Mapping[str, Metrics]
    component_notes: tuple[Problem, ...] = ()
    held_out: HeldOut | None = None

    @property
    def asked(self) -> AskedEvaluators:
        """The evaluators, with what they are held to."""
        networks = {"the backbone": self.backbone, "the loss": self.loss}
        return AskedEvaluators(self.plan.evaluate, self.evaluators, self.declared, networks)

    @property
    def length(self) -> RunLength:
        """Epochs and optimizer steps of the run."""
        return RunLength.of(self.plan.train, len(self.sampler))

    def caveats(self) -> list[str]:
        """What the data sets and pairs require to be said beside every figure, each once."""
        caveats = [caveat_of(self.dataset), *(pairs.caveat for _, pairs in self.pair_sets)]
        return [caveat for caveat in dict.fromkeys(caveats) if caveat]

    def notes(self) -> list[str]:
        """What the user should know of what was built, beside the plan's own notes.

        What components' checks say, what is likely a mistake, and what `people_notes` does.
        """
        said = dict.fromkeys(note.render() for note in self.component_notes)
        found = [note for note in said if note not in self.plan.notes]
        return [*found, *people_notes(self.dataset, self.pair_sets)]


def assemble(
    plan: Plan, catalog: Catalog, data_root: Path, run_dir: Path | None = None, restoring: bool = False
) -> Assembly:
    """Build the plan's components and cross-check them.

    Args:
        plan: a checked recipe.
        catalog: where names are looked up.
        data_root: what the recipe's paths are relative to.
        run_dir: the ``run_dir`` given; a folder that may not exist yet when only checking.
        restoring: whether a checkpoint's weights come next, so that no starting weights are looked for.

    Raises:
        RecipeError: all problems found, each with its place.
        MaskrecError: a component failed in a way that its author did not foresee.
    """
    builder = _builder(plan, catalog, data_root, restoring)
    backbone = _start_of(builder, plan)
    spec: InputSpec = backbone.input_spec
    image_size = plan.image_size or spec.size
    builder.context = replace(builder.context, input_spec=spec)
    builder.givens["image_size"] = image_size
    dataset = builder.build(plan.data)
    refuse_columns(dataset, plan.data)
    held_out = _hold_out(plan, builder, dataset)
    dataset = dataset if held_out is None else held_out.trained
    _give_data(builder, dataset)
    sampler = builder.build(plan.sampler)
    with call_into(plan.sampler.who, "failed in __len__", sampler):
        len(sampler)
    builder.givens["embedding_size"] = backbone.embedding_size
    builder.givens["run_dir"] = run_dir or Path("runs")
    problems = RecipeProblems()
    loss = _try(builder, plan.loss, problems)
    transforms = {label: _try(builder, each, problems) for label, each in plan.transforms.items()}
    evaluators = {label: _try(builder, each, problems) for label, each in plan.evaluate.items()}
    observers = {label: _try(builder, each, problems) for label, each in plan.observe.items()}
    declared = {label: metrics_of(builder.target(spec), spec, problems) or {} for label, spec in plan.evaluate.items()}
    problems.entries += _cross_checks(plan, builder, dataset, sampler, transforms)
    if not any(problem.path == "sampler" for problem in problems.errors):
        problems.entries += batch_problems(plan, dataset, sampler, backbone, loss)
    problems.refuse()
    built = Recipe(plan, dataset, transforms, builder.pair_sets, spec, canvas_shape(image_size, spec.alignment))
    if plan.init is not None and not restoring:
        load_initial_weights(backbone, plan.init, catalog, data_root)
    return Assembly(
        plan=plan,
        image_size=image_size,
        backbone=backbone,
        dataset=dataset,
        sampler=sampler,
        loss=loss,
        transforms=transforms,
        evaluators=evaluators,
        observers=observers,
        pair_sets=tuple(builder.pair_sets),
        declared=declared,
        component_notes=(*builder.notes, *problems.entries, *likely_mistakes(built)),
        held_out=held_out,
    )


def check_built(plan: Plan, catalog: Catalog, data_root: Path) -> RecipeProblems:
    """Stage 3 of checking: what `assemble` finds wrong, and components' notes where nothing is."""
    problems = RecipeProblems()
    try:
        problems.entries += assemble(plan, catalog, data_root).component_notes
    except RecipeError as error:
        problems.take(error)
    return problems


def _builder(plan: Plan, catalog: Catalog, data_root: Path, restoring: bool) -> Builder:
    try:
        device = Compute.pick(plan.train).device
    except UsageError as error:  # of this machine, so the recipe's values have no mark for it
        raise RecipeError([Problem(str(error))]) from error
    context = Context(data_root=data_root, device=str(device), world_size=world_size(), restoring=restoring)
    opener = partial(open_backbone, catalog=catalog, data_root=data_root)
    givens = {"seed": plan.seed, "image_size": plan.image_size}
    return Builder(catalog, plan.seed, context, opener, givens)


def _start_of(builder: Builder, plan: Plan) -> Backbone:
    """The backbone; where another run's weights come next it need not find pretrained ones."""
    context = replace(builder.context, restoring=builder.context.restoring or plan.init is not None)
    backbone: Backbone = replace(builder, context=context).build(plan.backbone)
    return backbone


def _try(builder: Builder, spec: Spec, problems: RecipeProblems) -> Any:
    """Build it, or return None with its problems recorded."""
    try:
        return builder.build(spec)
    except RecipeError as error:
        problems.take(error)
        return None


def _hold_out(plan: Plan, builder: Builder, dataset: Dataset) -> HeldOut | None:
    """The data in two parts where the recipe asks for a validation loss.

    Raises:
        RecipeError: too little is left on either side.
    """
    settings = plan.train.validation
    if settings is None:
        return None
    try:
        found = hold_out(dataset, settings, "photos" if loss_with_classes(plan, builder) else "people", plan.seed)
        if len(found.validation) < world_size():
            raise ValueError(
                f"{len(found.validation)} photos are held out, too few for {world_size()} processes; hold out more"
            )
    except ValueError as error:
        mark = plan.marks.get(PATH, plan.marks.get("train"))
        raise RecipeError([Problem(f"`validation`: {error}", PATH, mark=mark)]) from error
    return found


def _give_data(builder: Builder, dataset: Dataset) -> None:
    builder.givens |= givens_of(dataset)
    builder.context = replace(builder.context, shards=shards_of(dataset))
    builder.has_landmarks = dataset.has_landmarks


def _cross_checks(
    plan: Plan,
    builder: Builder,
    dataset: Dataset,
    sampler: Sampler,
    transforms: Mapping[str, Transform],
) -> list[Problem]:
    problems = _landmark_problems(plan, dataset, transforms)
    problems += [problem for spec, pairs in builder.pair_sets for problem in landmark_problems(spec, pairs)]
    problems += people_problems(plan, builder, dataset, builder.pair_sets)
    problems += schedule_problems(plan, RunLength.of(plan.train, len(sampler)))
    if len(sampler) == 0:
        problems.append(Problem("the sampler yields no batch from this data", "sampler", mark=plan.sampler.mark))
    if sampler.batch_size < 2 * world_size():
        of = f"each of {world_size()} processes" if world_size() > 1 else "a process"
        message = f"batch_size {sampler.batch_size} is too small: {of} needs at least 2 images"
        problems.append(Problem(message, "sampler", mark=plan.sampler.mark))
    return problems


def _landmark_problems(plan: Plan, dataset: Dataset, transforms: Mapping[str, Transform]) -> list[Problem]:
    return [
        Problem(
            f"{plan.transforms[label].versioned} needs landmarks and {plan.data.name} has none",
            f"transforms.{label}",
            "name a landmarks file, use image_csv on a faces.csv that `maskrec data align` wrote, or remove this",
            plan.transforms[label].mark,
        )
        for label, transform in transforms.items()
        if needs_landmarks(transform) and not dataset.has_landmarks
    ]
