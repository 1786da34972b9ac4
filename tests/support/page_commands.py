"""The pages' ``maskrec run`` and ``check`` commands, made so small that a test can run each of them."""

from __future__ import annotations

from collections.abc import Sequence

_TRAINING = ["train={epochs: 1, workers: 0, best: null, log_every: 1}", "sampler.batch_size=16"]
_PEOPLE = ["data.identities=4", "data.images_per_identity=8"]
_ALONE = [*_PEOPLE, "evaluate=null"]
_SMALLER = {
    "color_squares": ["data.people=4", "data.photos=8", "evaluate=null"],
    "square_pairs": [*_PEOPLE, "evaluate.held_out.pairs.people=10", "evaluate.held_out.test=null"],
    "mid_threshold": [
        *_PEOPLE, "evaluate.held_out=null", "evaluate.middle.pairs.identities=20", "evaluate.middle.pairs.pairs=20"
    ],
}  # fmt: skip
"""By what a command is about; for the others the training data is small and nothing is evaluated."""


def small_run(words: Sequence[str]) -> list[str]:
    """A command that changes the quickstart recipe, with what makes it take a second; others as they are."""
    words = [word for word in words if word != "\n"]
    if words[:2] not in (["run", "maskrec:quickstart"], ["check", "maskrec:quickstart"]):
        return words
    extra = next((extra for about, extra in _SMALLER.items() if any(about in word for word in words)), _ALONE)
    return [*words, *extra, *_TRAINING]
