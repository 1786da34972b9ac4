"""What a built component must have by its kind; asked once it is built, before anything is trained."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

from maskrec.base.words import article, did_you_mean, nearest, type_shown
from maskrec.contracts.component_names import name_of
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet

METHODS: dict[str, tuple[str, ...]] = {
    "sampler": ("set_epoch", "__len__", "__iter__"),
    "dataset": ("__len__", "__getitem__"),
    "transform": ("__call__",),
    "evaluator": ("evaluate", "test"),
    "margin": ("__call__",),
    "criterion": ("__call__",),
    "memory": ("recall", "store"),
}
"""By kind, or by sort of part. A module's ``forward`` is asked for where ``__call__`` is."""
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "backbone": ("embedding_size", "input_spec"),
    "sampler": ("batch_size",),
    "dataset": ("labels", "num_classes", "has_landmarks", "identities"),
}
COUNTS = {"backbone": "embedding_size", "sampler": "batch_size", "dataset": "num_classes"}
EVENTS = ("on_start", "on_step", "on_epoch", "on_evaluate", "on_end")
_MODULES = ("backbone", "loss", "head")
_STUB = "_forward_unimplemented"  # what torch gives to a module that has no forward of its own


def member_problems(kind: str, built: Any, part: str = "") -> Iterator[str]:
    """What a built component lacks, as ends of a sentence that begins with its name.

    Args:
        kind: one of ``contracts.kinds.KINDS``, or ``part``.
        built: the component.
        part: of a part, which sort.
    """
    noun = part or kind
    for name in METHODS.get(noun, ()):
        if not _has_method(built, name):
            yield _lacks(built, name, noun)
    for name in ATTRIBUTES.get(noun, ()):
        if not hasattr(built, name):
            yield f"has no attribute `{name}`, which {article(noun)} needs"
    yield from _type_problems(noun, built)
    if noun == "miner":
        yield from _miner_problems(built)


def _has_method(built: Any, name: str) -> bool:
    """Whether it has a method of this name; a module is called by its ``forward``."""
    holder = type(built) if name.startswith("__") else built
    return callable(getattr(holder, name, None)) and not (name == "__call__" and _has_stub(built))


def _has_stub(built: Any) -> bool:
    """Whether it is a torch module without a ``forward``, which torch itself would complain of at its first call."""
    return getattr(getattr(built, "forward", None), "__name__", "") == _STUB


def _lacks(built: Any, name: str, noun: str) -> str:
    name = "forward" if name == "__call__" and _has_stub(built) else name
    own = [each for each, value in vars(type(built)).items() if callable(value) and not each.startswith("__")]
    near = nearest(name, own)
    return f"has no method `{name}`, which {article(noun)} needs{f'; it has `{near[0]}`' if near else ''}"


def _type_problems(noun: str, built: Any) -> Iterator[str]:
    if noun in _MODULES:
        from torch import nn

        if not isinstance(built, nn.Module):
            yield f"is {type_shown(built)}, and {article(noun)} must be a torch.nn.Module"
        elif _has_stub(built):
            yield _lacks(built, "forward", noun)
    if noun == "pairs" and not isinstance(built, PairSet):
        yield f"returned {type_shown(built)}, and pairs must be a PairSet"
    counted = COUNTS.get(noun)
    number = getattr(built, counted, 1) if counted else 1
    if not isinstance(number, numbers.Integral) or number < 1:
        yield f"has {counted} = {number!r}; it must be an integer above 0"
    spec = getattr(built, "input_spec", None) if noun == "backbone" else None
    if spec is not None and not isinstance(spec, InputSpec):
        yield f"has {type_shown(spec)} as its input_spec; it must be an InputSpec"


def _miner_problems(miner: Any) -> Iterator[str]:
    """A miner is called with two or with four arguments, or sums over its triplets."""
    from maskrec.contracts.triplet_parts import takes_square

    if callable(getattr(miner, "sums", None)):
        return
    if not _has_method(miner, "__call__"):
        yield _lacks(miner, "__call__", "miner")
        return
    try:
        takes_square(miner)
    except ValueError as error:
        yield str(error).removeprefix(f"the miner {name_of(miner)} ")


def misspelt_events(observer: object) -> Iterator[str]:
    """Methods of an observer that begin with ``on_`` and that no event ever calls, as ends of a sentence."""
    for name in dir(type(observer)):
        if name.startswith("on_") and name not in EVENTS and callable(getattr(observer, name, None)):
            meant = did_you_mean(name, EVENTS, f"there are {', '.join(EVENTS)}")
            yield f"has a method `{name}`, which no event calls: {meant}"
