"""``maskrec compare``: models asked on equal pairs, their differences judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.progress import Progress
from maskrec.inference.comparing.compared_models import ComparedModel
from maskrec.inference.comparing.compared_systems import ComparedSystem, systems_of
from maskrec.inference.comparing.judged_differences import JudgedDifference, judge
from maskrec.inference.comparing.measured_pairs import require_equal
from maskrec.inference.comparing.model_answers import ask_model
from maskrec.inference.comparing.seed_spreads import SeedSpread, seed_spreads
from maskrec.plugin.catalog import Catalog
from maskrec.runtime.compute import Compute


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What came out.

    Args:
        systems: that were compared.
        differences: each later system against the first.
        spreads: over the trainings of each recipe that was trained several times.
        seed: by which masks were drawn.
        hashes: of what was measured, by pair set.
        left_out: labels of evaluations that decide no pairs.
        notes: what must be said beside the figures.
    """

    systems: tuple[ComparedSystem, ...]
    differences: tuple[JudgedDifference, ...]
    spreads: tuple[SeedSpread, ...]
    seed: int
    hashes: dict[str, dict[str, str]]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "systems": [
                {
                    "letter": each.letter,
                    "models": [{"model": m.model.word, "seed": m.model.seed} for m in each.models],
                    "differs": each.differs_from(self.systems[0]),
                }
                for each in self.systems
            ],
            "mask_seed": self.seed,
            "measured_on": self.hashes,
            "tests": sum(each.p is not None for each in self.differences),
            "differences": [each.to_plain() for each in self.differences],
            "over_seeds": [each.to_plain() for each in self.spreads],
            "left_out": list(self.left_out),
            "notes": list(self.notes),
        }


def compare_models(
    models: Sequence[ComparedModel],
    compute: Compute,
    workers: int,
    catalog: Catalog,
    progress: Progress,
    fars: Sequence[float] | None = None,
    cache: Path | None = None,
) -> Comparison:
    """Evaluate all models under one seed of masks and judge how they differ.

    Args:
        models: opened.
        compute: where and how, for all of them.
        workers: loader processes.
        catalog: where names are looked up.
        progress: shows lines and bars.
        fars: at which TAR is compared; None takes those of the evaluations.
        cache: folder in which embeddings are kept; None keeps none.

    Raises:
        UsageError: they were not measured on equal people, photos and masks, or no evaluation decides pairs.
        MaskrecError: as in ``ask_model``.
    """
    answers = []
    for model in models:
        answers.append(ask_model(model, compute, workers, catalog, progress, cache))
        require_equal((models[0].word, answers[0].pairs), (model.word, answers[-1].pairs))
    progress.note("resampling people")
    systems = systems_of(answers)
    return Comparison(
        tuple(systems),
        tuple(judge(systems, fars)),
        tuple(seed_spreads(systems, fars)),
        models[0].evaluations.seed,
        {label: each.summary() for label, each in answers[0].pairs.items()},
        answers[0].left_out,
        tuple(dict.fromkeys((*_notes(systems), *_mask_notes(systems, models[0].evaluations.seed)))),
    )


def _notes(systems: Sequence[ComparedSystem]) -> Iterator[str]:
    models = [model for system in systems for model in system.models]
    if len(systems) > 1 and any(len(each.models) == 1 and each.models[0].model.recipe for each in systems):
        yield "a recipe that was trained once is judged as this one model: another seed may turn out otherwise"
    for label, rows in models[0].answers.items():
        if not all(row.named for row in rows):
            yield f"{label}: its pairs do not say who is on them, so images are resampled instead of people"
    yield from (caveat for each in models for caveat in each.caveats)
    yield from (f"{each.model.word}: {note}" for each in models for note in each.notes)


def _mask_notes(systems: Sequence[ComparedSystem], seed: int) -> Iterator[str]:
    trained = {model.model.seed for system in systems for model in system.models}
    if trained - {seed, None}:
        yield f"masks are drawn by the seed {seed} for every model, so figures can differ from those of a run's result"
