"""The pages' ``maskrec run`` and ``check`` commands, made so small that a test can run each of them."""

from __future__ import annotations

from collections.abc import Sequence

_TRAINING = ["train={epochs: 1, workers: 0, best: null, log_every: 1}", "sampler.batch_size=16"]
_PEOPLE = ["data.identities=4", "data.images_per_identity=8"]
_ALONE = [*_PEOPLE, "evaluate=null"]
_SMALLER = {
    "data.use=": ["data.people=4", "data.photos=8", "evaluate=null"],
    "evaluate.held_out.pairs.use=": [*_PEOPLE, "evaluate.held_out.pairs.people=10", "evaluate.held_out.test=null"],
    "evaluate.middle=": [
        *_PEOPLE, "evaluate.held_out=null", "evaluate.middle.pairs.identities=20", "evaluate.middle.pairs.pairs=20"
    ],
}  # fmt: skip
"""By how an override begins; for the others the training data is small and nothing is evaluated."""


def small_run(words: Sequence[str]) -> list[str]:
    """A command that changes the quickstart recipe, with what makes it take a second; others as they are."""
    words = [word for word in words if word != "\n"]
    if words[:2] not in (["run", "maskrec:quickstart"], ["check", "maskrec:quickstart"]):
        return words
    begins = (extra for start, extra in _SMALLER.items() if any(word.startswith(start) for word in words))
    return [*words, *next(begins, _ALONE), *_TRAINING]
