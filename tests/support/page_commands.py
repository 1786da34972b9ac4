"""The pages' ``maskrec run`` commands, made so small that a test can run each of them."""

from __future__ import annotations

from collections.abc import Sequence

_TRAINING = ["train={epochs: 1, workers: 0, best: null, log_every: 1}", "sampler.batch_size=16"]
_SMALL_PAIRS = [f"evaluate.held_out.{part}.{name}=20" for part in ("pairs", "test") for name in ("identities", "pairs")]
_PEOPLE = ["data.identities=4", "data.images_per_identity=8"]
_OTHER_NAMES = {
    "data.use=color_squares": ["data.people=4", "data.photos=8", "evaluate=null"],
    "evaluate.held_out.pairs.use=square_pairs": [
        *_PEOPLE, "evaluate.held_out.pairs.people=10",
        "evaluate.held_out.test.pairs=20", "evaluate.held_out.test.identities=20",
    ],
}  # fmt: skip


def small_run(words: Sequence[str]) -> list[str]:
    """A command that changes the quickstart recipe, with what makes it take a second; others as they are."""
    words = [word for word in words if word != "\n"]
    if words[:2] != ["run", "maskrec:quickstart"]:
        return words
    own = [word for word in words if "=" in word]
    extra = next((extra for start, extra in _OTHER_NAMES.items() if start in own), None)
    if extra is None:
        extra = [*_PEOPLE, *(_SMALL_PAIRS if any(word.startswith("evaluate.") for word in own) else ["evaluate=null"])]
    if any("mid_threshold" in word for word in own):
        extra = [*_PEOPLE, "evaluate.held_out=null"]
    return [*words, *extra, *_TRAINING]
