"""What a data set and a sampler show once both are built, before anything is trained."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from maskrec.contracts.call_into import call_into
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.recipe.plan import Opened, Plan, Spec
from maskrec.training.checks.sampler_checks import first_batches, has_batch_norm, size_problems

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Backbone, Dataset, Loss, Sampler


def refuse_labels(dataset: Dataset, spec: Spec) -> None:
    """Hold the labels that a data set declares to its length and its number of classes.

    Raises:
        RecipeError: the data set is wrong about itself; its author has to fix that.
        PluginError: it cannot be asked.
    """
    with call_into(spec.who, "failed in its labels", dataset):
        samples, classes = len(dataset), int(dataset.num_classes)
        labels = [operator.index(label) for label in dataset.labels]
    wrong = next(((at, label) for at, label in enumerate(labels) if not 0 <= label < classes), None)
    if len(labels) != samples:
        message = f"has {len(labels)} labels for {samples} samples"
    elif wrong is not None:
        message = (
            f"gives sample {wrong[0]} the label {wrong[1]}, and labels go from 0 to num_classes - 1 = {classes - 1}"
        )
    else:
        return
    raise RecipeError([Problem(f"{spec.name} {message}", spec.path, mark=spec.mark)], broken_plugin=True)


def batch_problems(
    plan: Plan, dataset: Dataset, sampler: Sampler, backbone: Backbone, loss: Loss | None
) -> list[Problem]:
    """Batches of the first epoch that are too small for the processes and for batch norm.

    Raises:
        PluginError: the sampler does not keep its contract.
    """
    batches = first_batches(sampler, len(dataset), plan.sampler.who)
    networks = (None if isinstance(plan.backbone, Opened) else backbone, loss)
    said = size_problems(batches, any(has_batch_norm(network) for network in networks if network is not None))
    return [Problem(message, "sampler", mark=plan.sampler.mark) for message in said]
