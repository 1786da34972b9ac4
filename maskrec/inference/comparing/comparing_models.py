"""``maskrec compare``: models asked on equal pairs, their differences judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maskrec.base.progress import Progress
from maskrec.inference.comparing.compared_models import ComparedModel
from maskrec.inference.comparing.compared_systems import ComparedSystem, systems_of
from maskrec.inference.comparing.judged_differences import JudgedDifference, judge
from maskrec.inference.comparing.measured_pairs import require_equal
from maskrec.inference.comparing.model_answers import ask_model
from maskrec.plugin.catalog import Catalog
from maskrec.runtime.compute import Compute


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What came out.

    Args:
        systems: that were compared.
        differences: each later system against the first.
        seed: by which masks were drawn.
        hashes: of what was measured, by pair set.
        left_out: labels of evaluations that decide no pairs.
        caveats: what must be said beside every figure.
    """

    systems: tuple[ComparedSystem, ...]
    differences: tuple[JudgedDifference, ...]
    seed: int
    hashes: dict[str, dict[str, str]]
    left_out: tuple[str, ...]
    caveats: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "systems": [
                {"letter": each.letter, "models": [{"model": m.model.word, "seed": m.model.seed} for m in each.models]}
                for each in self.systems
            ],
            "mask_seed": self.seed,
            "measured_on": self.hashes,
            "tests": sum(each.p is not None for each in self.differences),
            "differences": [each.to_plain() for each in self.differences],
            "left_out": list(self.left_out),
            "caveats": list(self.caveats),
            "notes": [f"{m.model.word}: {note}" for s in self.systems for m in s.models for note in m.notes],
        }


def compare_models(
    models: Sequence[ComparedModel],
    compute: Compute,
    workers: int,
    catalog: Catalog,
    progress: Progress,
    fars: Sequence[float] | None = None,
) -> Comparison:
    """Evaluate all models under one seed of masks and judge how they differ.

    Args:
        models: opened.
        compute: where and how, for all of them.
        workers: loader processes.
        catalog: where names are looked up.
        progress: shows lines and bars.
        fars: at which TAR is compared; None takes those of the evaluations.

    Raises:
        UsageError: they were not measured on equal people, photos and masks, or no evaluation decides pairs.
        MaskrecError: as in ``ask_model``.
    """
    answers = []
    for model in models:
        answers.append(ask_model(model, compute, workers, catalog, progress))
        require_equal((models[0].word, answers[0].pairs), (model.word, answers[-1].pairs))
    progress.note("resampling people")
    systems = systems_of(answers)
    return Comparison(
        tuple(systems),
        tuple(judge(systems, fars)),
        models[0].evaluations.seed,
        {label: each.summary() for label, each in answers[0].pairs.items()},
        answers[0].left_out,
        tuple(dict.fromkeys(caveat for each in answers for caveat in each.caveats)),
    )
