"""What a model answers in a comparison: each pair's distance and decision, and what the pairs were."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.progress import Progress
from maskrec.base.words import plain_name
from maskrec.contracts.component_calls import method_of
from maskrec.contracts.decided_pairs import DecidedPairs
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.comparing.compared_models import ComparedModel
from maskrec.inference.comparing.measured_pairs import MeasuredPairs, measured_pairs
from maskrec.inference.evaluating.asking_evaluators import AskedEvaluators
from maskrec.inference.evaluating.building_evaluators import refuse_all
from maskrec.inference.evaluating.prepared_evaluation import PreparedEvaluation, WhatToEvaluate, prepare_evaluation
from maskrec.inference.image_digests import ImageDigests
from maskrec.metrics.arrays import Floats
from maskrec.metrics.people_resamples import PeopleOfPairs
from maskrec.plugin.catalog import Catalog
from maskrec.runtime.compute import Compute


@dataclass(frozen=True, slots=True, eq=False)
class ConditionAnswers:
    """How a model decides the pairs of one condition.

    Args:
        occasion: ``evaluate`` or ``test``: whether these pairs chose the thresholds.
        condition: ``all`` or a name of ``CONDITIONS``.
        same: bool ``(n,)``, whether each pair shows one person.
        right: bool ``(n,)``, whether it is decided rightly.
        distances: float64 ``(n,)``.
        fars: at which TAR is compared.
        people: who is on the pairs; where the set does not say, each image counts as a person.
        named: whether the set says.
    """

    occasion: str
    condition: str
    same: NDArray[np.bool_]
    right: NDArray[np.bool_]
    distances: Floats
    fars: tuple[float, ...]
    people: PeopleOfPairs
    named: bool


@dataclass(frozen=True, slots=True, eq=False)
class ModelAnswers:
    """All answers of a model.

    Args:
        model: whose they are.
        answers: by label of the evaluation.
        pairs: what was measured, by label of the pair set.
        left_out: labels of evaluations that decide no pairs.
        caveats: what must be said beside every figure.
        notes: what else was said of the model.
    """

    model: ComparedModel
    answers: dict[str, list[ConditionAnswers]]
    pairs: dict[str, MeasuredPairs]
    left_out: tuple[str, ...]
    caveats: tuple[str, ...]
    notes: tuple[str, ...]


def ask_model(
    model: ComparedModel,
    compute: Compute,
    workers: int,
    catalog: Catalog,
    progress: Progress,
    cache: Path | None = None,
) -> ModelAnswers:
    """Evaluate a model as ``maskrec evaluate`` does, and take its decisions one by one.

    Args:
        model: with its evaluations.
        compute: where and how.
        workers: loader processes.
        catalog: where names are looked up.
        progress: shows lines and bars.
        cache: folder in which embeddings are kept; None keeps none.

    Raises:
        RecipeError: evaluators or pairs that cannot be built, or people who were trained on.
        UsageError: no evaluation decides pairs.
        MaskrecError: an image that cannot be read, embeddings that are not finite, or an evaluator that fails.
    """
    what = WhatToEvaluate(model.subject, model.evaluations, model.data_root, compute, workers, cache=cache)
    with tempfile.TemporaryDirectory(prefix="maskrec-") as folder:
        prepared = prepare_evaluation(what, catalog, progress, Path(folder))
        refuse_all(prepared.refused.values())
        asked, left_out = _deciding(prepared)
        prepared.embed.digests = ImageDigests()
        try:
            answers = dict(asked.evaluate(prepared.embed))
            found = {label: each for label, each in asked.decided(prepared.embed, answers) if each is not None}
        except MaskrecError as error:
            error.args = (f"{model.word}: {error}",)
            raise
        finally:
            prepared.save()
    decided = {label: [_plain(each) for each in _distinct(rows)] for label, rows in found.items()}
    sets = {each.pairs.label: each.pairs for rows in found.values() for each in rows}
    digests = prepared.embed.digests.of_sets
    pairs = {label: measured_pairs(each, digests[label], model) for label, each in sets.items()}
    return ModelAnswers(model, decided, pairs, left_out, prepared.caveats, prepared.notes)


def _deciding(prepared: PreparedEvaluation) -> tuple[AskedEvaluators, tuple[str, ...]]:
    """The evaluators that decide pairs, and the labels of the others."""
    asked = prepared.asked
    deciding = {label: each for label, each in asked.built.items() if method_of(each, "decided_pairs")}
    if not deciding:
        raise UsageError(
            f"none of the evaluations ({', '.join(asked.built)}) decides pairs one by one, as verification and "
            "pair_histogram do; add one"
        )
    return replace(asked, built=deciding), tuple(label for label in asked.built if label not in deciding)


def _distinct(rows: Sequence[DecidedPairs]) -> list[DecidedPairs]:
    """The conditions, without ``all`` where all pairs are of one condition."""
    named = [each for each in rows if each.condition != "all"]
    whole = [each for each in named if len(each.distances) == len(each.pairs)]
    return whole or list(rows)


def _plain(decided: DecidedPairs) -> ConditionAnswers:
    pairs, chosen = decided.pairs, decided.chosen
    people = _people(pairs)
    return ConditionAnswers(
        decided.occasion,
        decided.condition,
        decided.same,
        decided.right,
        np.asarray(decided.distances, np.float64),
        decided.fars,
        PeopleOfPairs(people[pairs.left[chosen]], people[pairs.right[chosen]]),
        pairs.identities is not None,
    )


def _people(pairs: PairSet) -> NDArray[np.int64]:
    """The number of each image's person, or of the image where the set does not say who is on it."""
    if pairs.identities is None:
        return np.arange(len(pairs.images), dtype=np.int64)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(plain_name(name), len(numbers)) for name in pairs.identities], np.int64)
