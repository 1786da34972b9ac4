"""What a data set and a sampler show once both are built, before anything is trained."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from maskrec.contracts.call_into import call_into
from maskrec.contracts.component_calls import masked_samples, shards_of
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.recipe.plan import Opened, Plan, Spec
from maskrec.training.checks.global_batches import first_batches, has_batch_norm
from maskrec.training.checks.sampled_batches import sameness_notes, size_problems

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Backbone, Dataset, Loss, Sampler


def refuse_columns(dataset: Dataset, spec: Spec) -> None:
    """Hold the columns that a data set declares to its length and its number of classes.

    ``labels``, ``identities``, ``masked`` and ``shards``: one that is too short would switch off what depends on it.

    Raises:
        RecipeError: the data set is empty, or wrong about itself; its author has to fix the latter.
        PluginError: it cannot be asked.
    """
    with call_into(spec.who, "failed in __len__", dataset):
        empty = len(dataset) == 0
    if empty:
        message = f"{spec.versioned} has no samples, so nothing can be trained; look at what its parameters name"
        raise RecipeError([Problem(message, spec.path, mark=spec.mark)])
    message = _labels_problem(dataset, spec) or _other_columns_problem(dataset, spec)
    if message:
        raise RecipeError([Problem(f"{spec.versioned} {message}", spec.path, mark=spec.mark)], broken_plugin=True)


def _labels_problem(dataset: Dataset, spec: Spec) -> str:
    with call_into(spec.who, "failed in its labels", dataset):
        samples, classes = len(dataset), int(dataset.num_classes)
        labels = array("q", dataset.labels)
    if len(labels) != samples:
        return f"has {len(labels)} labels for {samples} samples"
    numbers = np.frombuffer(labels, dtype=np.int64)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= classes))
    if len(wrong):
        at = int(wrong[0])
        return f"gives sample {at} the label {labels[at]}, and labels go from 0 to num_classes - 1 = {classes - 1}"
    return ""


def _other_columns_problem(dataset: Dataset, spec: Spec) -> str:
    """What is wrong with the columns that may be None, as the end of a sentence; empty where nothing is."""
    with call_into(spec.who, "failed in its identities", dataset):
        samples, classes = len(dataset), int(dataset.num_classes)
        names = None if dataset.identities is None else list(dataset.identities)
    if names is not None and len(names) != classes:
        return f"has {len(names)} identities for {classes} classes; `identities` are names by label, or None"
    other = next((name for name in names or () if not isinstance(name, str)), None)
    if names and other is not None:
        return f"has {other!r} among its identities; they must be strings, or None as a whole"
    for column, values in (("masked", masked_samples(dataset)), ("shards", shards_of(dataset))):
        with call_into(spec.who, f"failed in its {column}", dataset):
            count = samples if values is None else len(values)
        if count != samples:
            return f"has {count} values of `{column}` for {samples} samples"
    return ""


def batch_problems(
    plan: Plan, dataset: Dataset, sampler: Sampler, backbone: Backbone, loss: Loss | None
) -> list[Problem]:
    """Batches of the first epoch that are too small for the processes and for batch norm; notes on batches alike.

    Raises:
        PluginError: the sampler does not keep its contract.
    """
    batches = first_batches(sampler, len(dataset), plan.sampler.who)
    networks = (None if isinstance(plan.backbone, Opened) else backbone, loss)
    batch_norm = any(has_batch_norm(network) for network in networks if network is not None)
    return [
        *size_problems(batches, batch_norm, sampler, plan.sampler),
        *sameness_notes(batches, len(dataset), plan.sampler),
    ]
