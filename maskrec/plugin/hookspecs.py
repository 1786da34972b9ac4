"""Everything a plugin can declare: nine hooks; none takes an argument, each returns components.

Doctest runs the examples with ``from maskrec import Component, hookimpl``.
"""

from __future__ import annotations

from collections.abc import Iterable

from maskrec.plugin.component import Component, hookspec

# Each hook's kind, in the order in which `maskrec list` shows them.
KIND_OF_HOOK = {
    "maskrec_backbones": "backbone",
    "maskrec_losses": "loss",
    "maskrec_samplers": "sampler",
    "maskrec_evaluators": "evaluator",
    "maskrec_datasets": "dataset",
    "maskrec_pairs": "pairs",
    "maskrec_transforms": "transform",
    "maskrec_observers": "observer",
    "maskrec_parts": "part",
}


@hookspec
def maskrec_backbones() -> Iterable[Component]:  # type: ignore[empty-body]
    """Networks from face images ``(B, 3, H, W)`` to embeddings ``(B, embedding_size)`` before normalisation.

    >>> @hookimpl
    ... def maskrec_backbones():
    ...     return [Component("tiny_net", "my_package.tiny_net:TinyNet", "four convolutions, 64-d")]
    """


@hookspec
def maskrec_losses() -> Iterable[Component]:  # type: ignore[empty-body]
    """Modules from ``(embeddings, labels)`` to a scalar.

    >>> @hookimpl
    ... def maskrec_losses():
    ...     return [Component("circle", "my_package.circle:Circle", "circle loss over pairs of the batch")]
    """


@hookspec
def maskrec_samplers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Iterables of global batches of indices.

    >>> @hookimpl
    ... def maskrec_samplers():
    ...     return [Component("hard_first", "my_package.hard_first:HardFirst", "rare identities first")]
    """


@hookspec
def maskrec_evaluators() -> Iterable[Component]:  # type: ignore[empty-body]
    """Evaluators, which measure embeddings of pair sets after an epoch.

    >>> @hookimpl
    ... def maskrec_evaluators():
    ...     return [Component("rank_k", "my_package.rank_k:RankK", "share of probes found among the first k")]
    """


@hookspec
def maskrec_datasets() -> Iterable[Component]:  # type: ignore[empty-body]
    """Labelled faces to train on, map-style.

    >>> @hookimpl
    ... def maskrec_datasets():
    ...     return [Component("video_frames", "my_package.frames:VideoFrames", "frames of videos by identity")]
    """


@hookspec
def maskrec_pairs() -> Iterable[Component]:  # type: ignore[empty-body]
    """Pairs of faces to measure on.

    >>> @hookimpl
    ... def maskrec_pairs():
    ...     return [Component("my_pairs", "my_package.pairs:my_pairs", "pairs of our door camera")]
    """


@hookspec
def maskrec_transforms() -> Iterable[Component]:  # type: ignore[empty-body]
    """Batched changes of training images: ``(batch, draws) -> batch``.

    >>> @hookimpl
    ... def maskrec_transforms():
    ...     return [Component("sunglasses", "my_package.glasses:Sunglasses", "dark glasses by the landmarks")]
    """


@hookspec
def maskrec_observers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Observers, which receive a run's events and may stop it.

    >>> @hookimpl
    ... def maskrec_observers():
    ...     return [Component("mail", "my_package.mail:Mail", "a mail at the end", needs=("my-mailer",))]
    """


@hookspec
def maskrec_parts() -> Iterable[Component]:  # type: ignore[empty-body]
    """Things that only other components use: miners, margins, criteria, heads; ``part`` says which.

    >>> @hookimpl
    ... def maskrec_parts():
    ...     return [Component("easy", "my_package.miners:easy", "the easiest positives", part="miner")]
    """
