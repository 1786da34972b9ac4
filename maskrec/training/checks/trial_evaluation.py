"""Every evaluator tried before anything is trained: on embeddings of a few images, repeated for the others."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.console import say
from maskrec.base.figures import figures_left_out
from maskrec.base.words import typed_line
from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import Images, PairSet
from maskrec.contracts.sample import Sample
from maskrec.inference.embedder import Embedder, require_pair_set
from maskrec.inference.model import Model
from maskrec.training.evaluating import apply_to_test_pairs, evaluate_all
from maskrec.training.steps.random_state import random_state, restore_random_state

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly
    from maskrec.training.steps.train_step import TrainStep

IMAGES = 8
_OTHERS = 61  # rows of noise, so that repeated embeddings are not equal


@dataclass(frozen=True, slots=True)
class FirstImages:
    """The first images of a pair set."""

    images: Images
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return self.images[index]


@dataclass
class TrialEmbed:
    """An ``embed`` that shows the network a few images only: whatever is measured with it means nothing.

    Args:
        embedder: embeds those few.

    Attributes:
        asked: the pair sets that it was asked for, each once.
    """

    embedder: Embedder
    asked: list[PairSet] = field(default_factory=list, init=False)
    _kept: dict[tuple[int, View], NDArray[np.float32]] = field(default_factory=dict, init=False)

    def __call__(self, pairs: PairSet, view: View | None = None) -> NDArray[np.float32]:
        """float32 ``(n, d)``: rows of the first images, repeated with a little noise for the others."""
        require_pair_set(pairs)
        key = (id(pairs), view or View())
        if not any(pairs is each for each in self.asked):
            self.asked.append(pairs)
        if key not in self._kept:
            self._kept[key] = _repeated(self.embedder(_few(pairs), view), len(pairs.images))
            self._kept[key].setflags(write=False)
        return self._kept[key]


def try_evaluators(assembly: Assembly, stepper: TrainStep) -> tuple[PairSet, ...]:
    """``evaluate`` and ``test`` of every evaluator, held to what they declare; nothing of the run changes.

    Copies are asked, their figures are not drawn, and the random states are put back. A note names an evaluator that
    cannot be copied.

    Returns:
        The pair sets that ``evaluate`` asks for; of an evaluator that cannot be tried, all but its parameter ``test``.

    Raises:
        PluginError: as `evaluating.evaluate_all`.
        MaskrecError: an image of the pairs cannot be read.
    """
    copies = _copies(assembly)
    not_tried = [f"evaluate.{label}." for label in assembly.evaluators if label not in copies]
    others = [
        pairs
        for spec, pairs in assembly.pair_sets
        if any(spec.path.startswith(start) and spec.path != f"{start}test" for start in not_tried)
    ]
    if not copies:
        return tuple(others)
    model = Model(stepper.evaluated, assembly.backbone.input_spec, None, assembly.plan.backbone.who)
    embed = TrialEmbed(Embedder(model, stepper.compute, assembly.plan.seed, workers=0))
    before = random_state()
    try:
        with figures_left_out():
            tried = replace(assembly, evaluators=copies)
            answers = evaluate_all(tried, embed)
            asked = tuple(embed.asked)
            apply_to_test_pairs(tried, embed, answers)
    finally:
        restore_random_state(before)
    return (*asked, *others)


def _copies(assembly: Assembly) -> dict[str, Any]:
    """The evaluators without what a trial would change in them; pair sets are shared."""
    found = {}
    for label, evaluator in assembly.evaluators.items():
        shared = {id(pairs): pairs for _, pairs in assembly.pair_sets}
        try:
            found[label] = copy.deepcopy(evaluator, shared)
        except Exception as error:  # open files, locks
            who = assembly.plan.evaluate[label].who
            say(f"note: {who} is not tried before the training: it cannot be copied ({typed_line(error)})", error=True)
    return found


def _few(pairs: PairSet) -> PairSet:
    count = min(IMAGES, len(pairs.images))
    none = np.zeros(0, np.int64)
    return PairSet(
        label=pairs.label,
        images=FirstImages(pairs.images, count),
        mask_types=pairs.mask_types[:count],
        left=none,
        right=none,
        same=none.astype(np.bool_),
        condition=none.astype(np.int8),
        has_landmarks=pairs.has_landmarks,
    )


def _repeated(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    if not len(rows):
        return rows
    noise = np.random.default_rng(0).standard_normal((_OTHERS, rows.shape[1]), np.float32)
    noise *= 0.1 * (np.abs(rows).mean() + np.float32(1e-6))
    numbers = np.arange(count)
    found: NDArray[np.float32] = rows[numbers % len(rows)] + noise[numbers % _OTHERS]
    return found
