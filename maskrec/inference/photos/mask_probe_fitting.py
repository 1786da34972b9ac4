"""Fits the mask probe: on given faces, or on the images of a pair set, bare and with simulated masks put on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.base.words import counted
from maskrec.contracts.pair_set import PairSet
from maskrec.faces.masks import MASK_TYPES, choose_types, put_on_masks
from maskrec.inference.photos.mask_probe import BLOCKS, MaskProbe, block_means
from maskrec.runtime.loading import LoadedBatch, load

FACES = 2000
"""The most faces of a pair set that a probe is fitted on."""

_FOLDS = 5
_STRENGTHS = (0.0001, 0.001, 0.01, 0.1)  # scikit-learn's C: the smaller, the smoother
_FEWEST = 20  # of faces with and of faces without a mask
_BATCH = 64
_DARK = (4, 4, 4, 2)  # blocks that may be beyond the photo: left, right, top, bottom
_DIGITS = 6  # of the numbers that are kept
_LEAST_SPREAD = 1e-3  # of a block's means, in [0, 1]


@dataclass(frozen=True, slots=True, eq=False)
class ProbeFit:
    """A probe, or why none was fitted.

    Args:
        probe: None where it could not be fitted.
        said: one sentence for the user: what it was fitted on, or the reason.
    """

    probe: MaskProbe | None
    said: str


def fit_mask_probe(
    canvases: NDArray[np.uint8], masked: NDArray[np.bool_], people: Sequence[object], seed: int
) -> MaskProbe:
    """A logistic regression on the block means of aligned faces, both classes weighted alike.

    Half of the faces get black edges, as faces at a photo's edge have them. The strength of the L2 regularization is
    the one with the lowest log loss on people who were left out, in up to five folds; of equals the strongest. The same
    faces and seed give the same numbers.

    Args:
        canvases: uint8 RGB ``(n, S, S, 3)``, aligned faces.
        masked: bool ``(n,)``, whether each wears a mask.
        people: ``n`` names or numbers; a person is in one fold.
        seed: deals people to folds and cuts edges.

    Raises:
        ValueError: lengths differ, fewer than 20 faces with or without a mask, or of a single person.
    """
    return _fit(block_means(canvases), np.asarray(masked, np.bool_), people, seed)


def probe_from_pairs(pairs: PairSet, seed: int, workers: int = 0, most: int = FACES) -> ProbeFit:
    """Fit a probe on images of a pair set, each of them bare and with a simulated mask of any type.

    Images that wear a mask already are taken as they are. Images are chosen by the seed; people are those of
    the set's ``identities``; without them each image counts as a person.

    Args:
        pairs: its images are on the network's canvas.
        seed: chooses images, mask types and how masks are worn.
        workers: loader processes.
        most: how many faces to fit on.

    Raises:
        MaskrecError: an image cannot be read.
    """
    try:
        means, masked, people = _collected(pairs, seed, workers, most)
        probe = _fit(means, masked, people, seed)
    except ValueError as error:
        return ProbeFit(None, f"{pairs.label}: no mask probe is fitted: {error}")
    bare = int((~masked).sum())
    faces = f"{counted(len(masked), 'face')} of {counted(len(set(people)), 'person')}"
    return ProbeFit(probe, f"fitted on {faces} of {pairs.label}, {bare:,} bare and {len(masked) - bare:,} masked")


def _collected(
    pairs: PairSet, seed: int, workers: int, most: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[object]]:
    """Block means, mask states and people of at most ``most`` faces."""
    if not pairs.has_landmarks:
        raise ValueError("its images have no landmarks by which masks can be put on; `maskrec data align` finds them")
    bare = [index for index, kind in enumerate(pairs.mask_types) if kind is None]
    # Where all images are masked copies, they too are bare before their masks are put on.
    order = np.random.default_rng(seed).permutation(bare or len(pairs.mask_types))[: most // 2].tolist()
    places = [[(index, index) for index in order[start : start + _BATCH]] for start in range(0, len(order), _BATCH)]
    parts = [part for batch in load(pairs.images, places, workers, pin=False) for part in _parts(batch, pairs, seed)]
    if not parts:
        raise ValueError("it has no images")
    means, masked, numbers = (np.concatenate(column) for column in zip(*parts, strict=True))
    people = numbers.tolist() if pairs.identities is None else [pairs.identities[number] for number in numbers]
    return means, masked, people


_Part = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]  # block means, masked, numbers of images


def _parts(batch: LoadedBatch, pairs: PairSet, seed: int) -> Iterator[_Part]:
    """The images as they are, then those without a mask with one put on."""
    numbers = batch.indices.numpy()
    yield _means(batch.images), batch.masked.numpy(), numbers
    bare = torch.nonzero(~batch.masked).flatten()
    if not len(bare):
        return
    if batch.landmarks is None:
        raise ValueError("not all of its images have landmarks")
    draws = SeededDraws(seed, 0, f"{pairs.label}/mask probe", batch.indices[bare])
    types = choose_types(draws.uniform("type"), MASK_TYPES)
    worn = put_on_masks(batch.images[bare].float() / 255, batch.landmarks[bare], types, draws)
    worn = (worn * 255).round().clamp(0, 255).to(torch.uint8)
    yield _means(worn), np.ones(len(bare), np.bool_), numbers[bare.numpy()]


def _means(images: Tensor) -> NDArray[np.float64]:
    return block_means(images.permute(0, 2, 3, 1).numpy())


def _fit(means: NDArray[np.float64], masked: NDArray[np.bool_], people: Sequence[object], seed: int) -> MaskProbe:
    if not len(means) == len(masked) == len(people):
        raise ValueError(
            f"expected one mask state and one person for each of {counted(len(means), 'face')}, not "
            f"{len(masked)} and {len(people)}"
        )
    for state, count in (("without", int((~masked).sum())), ("with", int(masked.sum()))):
        if count < _FEWEST:
            few = "is" if count == 1 else "are"
            raise ValueError(f"{counted(count, 'face')} {state} a mask {few} too few; at least {_FEWEST} are needed")
    folds = _folds_of(people, seed)
    if not folds.any():
        raise ValueError("all faces are of one person; at least two people are needed")
    means = _with_dark_edges(means, seed)
    centre, spread = means.mean(0), np.maximum(means.std(0), _LEAST_SPREAD)
    scaled = (means - centre) / spread
    losses = [_loss(scaled, masked, folds, strength) for strength in _STRENGTHS]
    weights, bias = _regression(scaled, masked, _STRENGTHS[int(np.argmin(losses))])
    return MaskProbe(_rounded(weights / spread), float(_rounded(bias - weights @ (centre / spread))))


def _with_dark_edges(means: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Every second face or so cut tightly, black beyond the cut: what is around a face says nothing about a mask."""
    draw = np.random.default_rng(seed)
    blocks = means.reshape(-1, BLOCKS, BLOCKS, 3).copy()
    for face in np.flatnonzero(draw.random(len(blocks)) < 0.5):
        left, right, top, bottom = draw.integers(0, np.add(_DARK, 1))
        inner = blocks[face, top : BLOCKS - bottom, left : BLOCKS - right].copy()
        blocks[face] = 0.0
        blocks[face, top : BLOCKS - bottom, left : BLOCKS - right] = inner
    return blocks.reshape(means.shape)


def _folds_of(people: Sequence[object], seed: int) -> NDArray[np.int64]:
    """The fold of each face; people are dealt to them in the seed's order."""
    places = {person: place for place, person in enumerate(dict.fromkeys(people))}
    dealt = np.random.default_rng(seed).permutation(len(places)) % _FOLDS
    return np.array([dealt[places[person]] for person in people], np.int64)


def _loss(scaled: NDArray[np.float64], masked: NDArray[np.bool_], folds: NDArray[np.int64], strength: float) -> float:
    """The mean log loss on folds that were left out, both classes weighted alike."""
    losses = np.zeros(len(masked))
    for fold in np.unique(folds):
        out = folds == fold
        if len(np.unique(masked[~out])) == 2:
            weights, bias = _regression(scaled[~out], masked[~out], strength)
            signs = np.where(masked[out], -1.0, 1.0)
            losses[out] = np.logaddexp(0.0, signs * (scaled[out] @ weights + bias))
    return float(losses[masked].mean() + losses[~masked].mean())


def _regression(
    scaled: NDArray[np.float64], masked: NDArray[np.bool_], strength: float
) -> tuple[NDArray[np.float64], float]:
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
    model.fit(scaled, masked)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])


def _rounded(values: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """To six significant digits: the last bits of sums depend on the processor."""
    return np.array([float(f"{value:.{_DIGITS}g}") for value in np.ravel(values)]).reshape(np.shape(values))
