"""What a built component must have by its kind; asked once it is built, before anything is trained."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

from maskrec.base.words import did_you_mean, type_shown
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet

METHODS: dict[str, tuple[str, ...]] = {
    "sampler": ("set_epoch", "__len__", "__iter__"),
    "dataset": ("__len__", "__getitem__"),
    "transform": ("__call__",),
    "evaluator": ("evaluate", "test"),
}
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "backbone": ("embedding_size", "input_spec"),
    "sampler": ("batch_size",),
    "dataset": ("labels", "num_classes", "has_landmarks", "identities"),
}
COUNTS = {"backbone": "embedding_size", "sampler": "batch_size", "dataset": "num_classes"}
EVENTS = ("on_start", "on_step", "on_epoch", "on_evaluate", "on_end")


def member_problems(kind: str, built: Any) -> Iterator[str]:
    """What a built component lacks, as ends of a sentence that begins with its name."""
    for name in METHODS.get(kind, ()):
        holder = type(built) if name.startswith("__") else built
        if not callable(getattr(holder, name, None)):
            yield f"has no method `{name}`, which {_any(kind)} needs"
    for name in ATTRIBUTES.get(kind, ()):
        if not hasattr(built, name):
            yield f"has no attribute `{name}`, which {_any(kind)} needs"
    yield from _type_problems(kind, built)


def _any(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _type_problems(kind: str, built: Any) -> Iterator[str]:
    if kind in ("backbone", "loss"):
        from torch import nn

        if not isinstance(built, nn.Module):
            yield f"is {type_shown(built)}, and {_any(kind)} must be a torch.nn.Module"
    if kind == "pairs" and not isinstance(built, PairSet):
        yield f"returned {type_shown(built)}, and pairs must be a PairSet"
    counted = COUNTS.get(kind)
    number = getattr(built, counted, 1) if counted else 1
    if not isinstance(number, numbers.Integral) or number < 1:
        yield f"has {counted} = {number!r}, which must be an integer above 0"
    spec = getattr(built, "input_spec", None) if kind == "backbone" else None
    if spec is not None and not isinstance(spec, InputSpec):
        yield f"has {type_shown(spec)} as its input_spec, which must be an InputSpec"


def misspelt_events(observer: object) -> Iterator[str]:
    """Methods of an observer that begin with ``on_`` and that no event ever calls, as ends of a sentence."""
    for name in dir(type(observer)):
        if name.startswith("on_") and name not in EVENTS and callable(getattr(observer, name, None)):
            meant = did_you_mean(name, EVENTS, f"there are {', '.join(EVENTS)}")
            yield f"has a method `{name}`, which no event calls: {meant}"
