"""What a transform must do, on batches whose pixels say where they came from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.base.words import type_shown
from maskrec.contracts.component_calls import sets_masked
from maskrec.contracts.sample import Batch
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check
from maskrec.testing.coordinate_faces import (
    MIRRORED,
    coordinate_batch,
    likeness,
    mirrored,
    moved_as,
    rows_of,
    source_of_points,
    sources,
    tensors_of,
)
from maskrec.training.steps.random_state import keep_random_state

_SIZE, _FACES = 48, 12
_OFF = 0.75  # pixels that a landmark may be away from its pixels: coordinates are rounded to a quarter of one
_MORE_ALIKE = 0.3
_CLOSE = {"images": 1e-5, "clean": 1.0, "landmarks": 1e-3}
"""How far fields may differ where only the order of summing does; all others are equal."""


@contract_check("transform", since="0.1")
def draws_only_from_draws(candidate: Candidate) -> None:
    """The same draws give the same batch, whatever the global random generators hold."""
    transform = _built(candidate)
    put_back = keep_random_state()
    try:
        results = [_apply(candidate, transform, _batch(), seed) for seed in (1, 2)]
    finally:
        put_back()
    if name := _difference(*results):
        raise ContractError(
            f"{candidate.name} with the same draws gave another `{name}` when called again; take random numbers from "
            "`draws` only, so that neither workers nor processes change them"
        )


@contract_check("transform", since="0.1")
def independent_of_other_samples(candidate: Candidate) -> None:
    """What happens to a sample depends on it and its draws, not on the order or size of its batch."""
    transform, batch = _built(candidate), _batch()
    whole = _apply(candidate, transform, _batch())
    order = torch.arange(_FACES).flip(0)
    for rows in (order, order[:3], order[3:4]):
        if name := _difference(_apply(candidate, transform, rows_of(batch, rows)), rows_of(whole, rows)):
            how = "in another order" if len(rows) == _FACES else f"in a batch of {len(rows)}"
            raise ContractError(
                f"{candidate.name} gave the same samples another `{name}` {how}; compute each sample by itself"
            )


@contract_check("transform", since="0.1")
def types_kept(candidate: Candidate) -> None:
    """It returns a ``Batch`` whose fields have the types that they had, and labels and indices as they were."""
    batch = _batch()
    after = _apply(candidate, _built(candidate), _batch())
    for name, before in tensors_of(batch).items():
        found = getattr(after, name)
        if not isinstance(found, Tensor) or found.dtype != before.dtype:
            shown = found.dtype if isinstance(found, Tensor) else type_shown(found)
            raise ContractError(f"{candidate.name} returned `{name}` as {shown}, which must stay {before.dtype}")
    for name in ("labels", "indices", "positions"):
        if not torch.equal(getattr(after, name), getattr(batch, name)):
            raise ContractError(f"{candidate.name} changed `{name}`, which says which sample this is")


@contract_check("transform", since="0.1")
def shapes_kept(candidate: Candidate) -> None:
    """Every field of the batch keeps its shape: images stay on their canvas."""
    batch = _batch()
    after = _apply(candidate, _built(candidate), _batch())
    for name, before in tensors_of(batch).items():
        found = getattr(after, name)
        if isinstance(found, Tensor) and found.shape != before.shape:
            raise ContractError(
                f"{candidate.name} returned `{name}` of shape {tuple(found.shape)}, which must stay "
                f"{tuple(before.shape)}"
            )


@contract_check("transform", since="0.1")
def landmarks_move_with_pixels(candidate: Candidate) -> None:
    """``images``, ``clean`` and ``landmarks`` move together; a mirror exchanges left and right landmarks."""
    batch = _batch()
    after = _apply(candidate, _acting(candidate), _batch())
    places = sources(after.clean)
    if after.landmarks is None or batch.landmarks is None:
        raise ContractError(f"{candidate.name} removed the landmarks of a batch that has some")
    swapped = batch.landmarks[:, list(MIRRORED)]
    expected = torch.where(mirrored(places)[:, None, None], swapped, batch.landmarks)
    off = (source_of_points(places, after.landmarks) - expected).norm(dim=2).nan_to_num(0.0)
    if float(off.max()) > _OFF:
        raise ContractError(
            f"{candidate.name} put a landmark {float(off.max()):.1f} pixels away from where its pixel of `clean` went; "
            "move `images`, `clean` and `landmarks` together, and exchange left and right in a mirror"
        )
    along = likeness(after.images, moved_as(places, batch.images))
    for moved, pattern in _other_moves(batch.images):
        if likeness(after.images, pattern) > along + _MORE_ALIKE:
            raise ContractError(f"{candidate.name} left `images` {moved}, and `clean` not; move both together")


@contract_check("transform", since="0.1")
def hiding_leaves_clean(candidate: Candidate) -> None:
    """A transform that hides faces leaves ``clean``, landmarks and faces that are masked already as they are."""
    transform, batch = _acting(candidate), _batch()
    after = _apply(candidate, transform, _batch())
    if not sets_masked(transform) and torch.equal(after.masked, batch.masked):
        raise Skipped("it hides no faces: it sets no `masked` and has no `sets_masked = True`")
    for name in ("clean", "landmarks"):
        if not torch.equal(getattr(after, name), getattr(batch, name)):
            raise ContractError(
                f"{candidate.name} hides faces and changed `{name}`; losses that compare a hidden face with a bare one "
                "need it as it was"
            )
    if not bool(after.masked[batch.masked].all()):
        raise ContractError(f"{candidate.name} set `masked` to False for a face that wears a mask")
    if not torch.equal(after.images[batch.masked], batch.images[batch.masked]):
        raise ContractError(f"{candidate.name} hid faces that are masked already; leave those as they are")


@contract_check("transform", since="0.1")
def probability_zero_changes_nothing(candidate: Candidate) -> None:
    """With ``probability`` 0 the batch comes back as it was."""
    if not _has_probability(candidate):
        raise Skipped("it has no parameter `probability`")
    batch = _batch()
    never = candidate.with_options(probability=0.0).build(image_size=_SIZE)
    after = _apply(candidate, never, _batch())
    changed = [name for name, before in tensors_of(batch).items() if not _equal(before, getattr(after, name))]
    if changed:
        raise ContractError(f"{candidate.name} with probability 0 changed `{changed[0]}`")


def _batch() -> Batch:
    """A new batch, always the same."""
    return coordinate_batch(_FACES, _SIZE)


def _built(candidate: Candidate) -> Any:
    return candidate.build(image_size=_SIZE)


def _acting(candidate: Candidate) -> Any:
    """Built so that it acts on every sample where it can be."""
    return _built(candidate.with_options(probability=1.0) if _has_probability(candidate) else candidate)


def _has_probability(candidate: Candidate) -> bool:
    return any(info.name == "probability" for info in candidate.parameters())


def _apply(candidate: Candidate, transform: Any, batch: Batch, seed: int | None = None) -> Batch:
    """What the transform returns, with the global generators at this seed."""
    if seed is not None:
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
    positions = batch.positions
    assert positions is not None
    after = transform(batch, SeededDraws(5, 0, "transforms.checked", positions))
    if not isinstance(after, Batch):
        raise ContractError(f"{candidate.name} returned {type_shown(after)}; it must return a Batch")
    return after


def _difference(one: Batch, other: Batch) -> str:
    """The first field in which two batches differ, or an empty string."""
    for name in (field.name for field in fields(Batch)):
        a, b = getattr(one, name), getattr(other, name)
        if not _equal(a, b, _CLOSE.get(name, 0.0)):
            return name
    return ""


def _equal(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return type(a) is type(b) and a == b
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a, b) or bool(((a.double() - b.double()).abs() <= tolerance).all())


def _other_moves(pattern: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The pattern as it was, mirrored, and shifted by a few pixels, each with words for it."""
    yield "as they were", pattern
    yield "mirrored", pattern.flip(3)
    yield "turned upside down", pattern.flip(2)
    for right in range(-6, 7, 2):
        for down in range(-6, 7, 2):
            yield "shifted", pattern.roll((down, right), (2, 3))
