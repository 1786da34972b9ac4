"""What every evaluation of a model begins with: evaluators built, people checked, everything said that must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.base.progress import Progress
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import RecipeError
from maskrec.inference.embedder import Embedder
from maskrec.inference.embedding_cache import EmbeddingCache, open_cache
from maskrec.inference.evaluating.asking_evaluators import AskedEvaluators
from maskrec.inference.evaluating.building_evaluators import build_evaluators, check_people
from maskrec.inference.evaluating.evaluated_subject import EvaluatedSubject
from maskrec.inference.evaluating.pair_checks import both_sets_notes
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.evaluations_only import NamedEvaluations
from maskrec.runtime.compute import Compute


@dataclass(frozen=True, slots=True)
class WhatToEvaluate:
    """One evaluation.

    Args:
        subject: the model.
        evaluations: what is measured.
        data_root: what the evaluations' paths are relative to.
        compute: where and how.
        workers: loader processes.
        share_bare: whether bare images that several sets have are embedded once.
        cache: folder in which embeddings are kept; None keeps none.
    """

    subject: EvaluatedSubject
    evaluations: NamedEvaluations
    data_root: Path
    compute: Compute
    workers: int
    share_bare: bool = True
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class PreparedEvaluation:
    """An evaluation that can begin.

    Args:
        asked: the evaluators.
        embed: embeds their pair sets with the model.
        pair_sets: all that were built for them.
        caveats: what must be said beside every figure.
        notes: what else was said.
        refused: by label what is wrong with evaluators that could not be built.
    """

    asked: AskedEvaluators
    embed: Embedder
    pair_sets: tuple[PairSet, ...]
    caveats: tuple[str, ...]
    notes: tuple[str, ...]
    refused: Mapping[str, RecipeError] = field(default_factory=dict)

    def save(self) -> None:
        """Write the embeddings that are new, where they are kept.

        Raises:
            MaskrecError: the disk is full or not writable.
        """
        if self.embed.cache is not None:
            self.embed.cache.save()


def prepare_evaluation(what: WhatToEvaluate, catalog: Catalog, progress: Progress, folder: Path) -> PreparedEvaluation:
    """Build the evaluators and say what the user should know of them.

    Args:
        what: model and evaluations.
        catalog: where names are looked up.
        progress: shows lines and bars.
        folder: where evaluators may write.

    Raises:
        RecipeError: no evaluator can be built, or people were trained on.
    """
    subject, evaluations = what.subject, what.evaluations
    size = evaluations.image_size or subject.image_size or subject.model.spec.size
    context = Context(data_root=what.data_root, input_spec=subject.model.spec, device=str(what.compute.device))
    builder, asked, refused = build_evaluators(evaluations, subject.model, size, context, catalog, folder, subject.run)
    trained = check_people(builder, subject.run, catalog)
    caveats = tuple(dict.fromkeys(c for c in (*trained.caveats, *(p.caveat for _, p in builder.pair_sets)) if c))
    notes = (
        *subject.notes,
        *trained.notes,
        *(each.removeprefix("note: ") for each in both_sets_notes(builder.pair_sets)),
    )
    for line in (*caveats, *notes):
        progress.line(f"note: {line}")
    for rendered in dict.fromkeys((*evaluations.notes, *(note.render() for note in builder.notes))):
        progress.line(rendered)
    compute = what.compute
    progress.line(f"evaluating {subject.name} ({subject.model.origin}) on {compute.device} in {compute.precision}")
    embed = Embedder(
        subject.model, compute, evaluations.seed, what.workers, share_bare=what.share_bare, progress=progress
    )
    embed.cache = _cache(what, progress)
    return PreparedEvaluation(asked, embed, tuple(pairs for _, pairs in builder.pair_sets), caveats, notes, refused)


def _cache(what: WhatToEvaluate, progress: Progress) -> EmbeddingCache | None:
    if what.cache is None:
        return None
    subject = what.subject
    built = [subject.weights.kind, subject.backbone, subject.seed, subject.image_size, what.evaluations.image_size]
    cache = open_cache(what.cache, subject.model, subject.weights.sha256, built, what.compute)
    if cache.note:
        progress.line(f"note: {cache.note}")
    return cache
