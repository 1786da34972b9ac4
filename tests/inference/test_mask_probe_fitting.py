"""Fitting the mask probe: against scikit-learn used plainly, on drawn faces, and where it cannot be fitted."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.preprocessing import StandardScaler

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.sample import Sample
from maskrec.faces.masks import MASK_TYPES, put_on_masks
from maskrec.inference.photos.mask_probe import BLOCKS, MaskProbe, block_means
from maskrec.inference.photos.mask_probe_fitting import (
    _STRENGTHS,
    _folds_of,
    _with_dark_edges,
    fit_mask_probe,
    probe_from_pairs,
)
from maskrec.pairs.synthetic_pairs import synthetic_pairs

SIZE = 32


def striped(number: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[str]]:
    """Noise of which some pictures are brighter at the bottom, not always: classes overlap. Three of each person."""
    draw = np.random.default_rng(seed)
    canvases = draw.normal(120, 40, (number, SIZE, SIZE, 3))
    masked = draw.random(number) < 0.3
    people = [f"person {index // 3}" for index in range(number)]
    strangeness = draw.normal(0, 25, (number // 3 + 1, SIZE, SIZE, 3))
    canvases += strangeness[np.arange(number) // 3]
    canvases[:, SIZE // 2 :] += (masked * draw.normal(6, 6, number))[:, None, None, None]
    return canvases.clip(0, 255).astype(np.uint8), masked, people


def plain_fit(canvases: NDArray[np.uint8], masked: NDArray[np.bool_], people: list[str], seed: int) -> Any:
    """The same by scikit-learn's own tools: probabilities of faces."""
    means = _with_dark_edges(block_means(canvases), seed)
    scale = StandardScaler().fit(means)
    rows, folds = scale.transform(means), _folds_of(people, seed)
    weights = np.where(masked, 1 / masked.sum(), 1 / (~masked).sum())
    losses = {}
    for strength in _STRENGTHS:
        chances = np.empty(len(masked))
        for fold in range(5):
            model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
            model.fit(rows[folds != fold], masked[folds != fold])
            chances[folds == fold] = model.predict_proba(rows[folds == fold])[:, 1]
        losses[strength] = log_loss(masked, chances, sample_weight=weights)
    best = min(losses, key=lambda strength: losses[strength])
    model = LogisticRegression(C=best, class_weight="balanced", max_iter=1000).fit(rows, masked)
    return best, lambda faces: model.predict_proba(scale.transform(block_means(faces)))[:, 1]


def test_the_fit_is_scikit_learns_with_the_strength_that_serves_other_people() -> None:
    canvases, masked, people = striped(180)
    best, chance = plain_fit(canvases, masked, people, 4)
    assert _STRENGTHS[0] < best < _STRENGTHS[-1]
    probe = fit_mask_probe(canvases, masked, people, 4)
    others, _, _ = striped(60, seed=1)
    assert np.allclose(probe.probability(others), chance(others), atol=2e-4)


def test_a_person_is_in_one_fold_and_folds_are_of_one_size() -> None:
    people = [f"person {number % 33}" for number in range(100)]
    folds = _folds_of(people, 0)
    assert len({(person, fold) for person, fold in zip(people, folds.tolist(), strict=True)}) == 33
    assert sorted(np.bincount([folds[people.index(person)] for person in set(people)])) == [6, 6, 7, 7, 7]
    assert not np.array_equal(folds, _folds_of(people, 1))


def test_half_of_the_faces_are_cut_at_their_edges_and_not_inside() -> None:
    means = np.random.default_rng(0).uniform(0.1, 1, (400, BLOCKS**2 * 3))
    dark = _with_dark_edges(means, 3).reshape(-1, BLOCKS, BLOCKS, 3)
    whole = means.reshape(dark.shape)
    assert ((dark == whole) | (dark == 0)).all()
    assert (dark == whole)[:, 4:-2, 4:-4].all()
    black = (dark == 0).all(-1)
    across, down = black.all(1), black.all(2)
    for cut, most in ((across[:, :7], 4), (across[:, 7:], 4), (down[:, :7], 4), (down[:, 7:], 2)):
        assert set(cut.sum(1)) == set(range(most + 1))
    cut = black.any((1, 2))
    assert 160 < cut.sum() < 240
    assert np.array_equal(dark.reshape(means.shape), _with_dark_edges(means, 3))


def test_the_same_faces_give_the_same_numbers() -> None:
    canvases, masked, people = striped(120)
    plain = fit_mask_probe(canvases, masked, people, 4).to_plain()
    assert fit_mask_probe(canvases.copy(), masked.copy(), list(people), 4).to_plain() == plain
    assert all(float(f"{weight:.6g}") == weight for weight in plain["weights"])
    # What they were when this was written; another machine's sums differ in the last bits.
    assert plain["bias"] == pytest.approx(-4.07422, rel=1e-3)
    assert plain["weights"][294:297] == pytest.approx([-0.00430104, -0.00101468, -0.0121323], abs=1e-5)


@pytest.mark.parametrize(
    ("count", "masked", "people", "message"),
    [
        (50, 0, 10, "0 faces with a mask are too few; at least 20 are needed"),
        (50, 31, 10, "19 faces without a mask are too few"),
        (50, 25, 1, "all faces are of one person"),
    ],
)
def test_what_cannot_be_fitted_is_said(count: int, masked: int, people: int, message: str) -> None:
    canvases = striped(count)[0]
    with pytest.raises(ValueError, match=message):
        fit_mask_probe(canvases, np.arange(count) < masked, [number % people for number in range(count)], 0)
    with pytest.raises(ValueError, match="one person for each of 50 faces, not 50 and 49"):
        fit_mask_probe(canvases, np.arange(count) < 25, range(count - 1), 0)


def test_people_who_are_masked_always_or_never_can_be_fitted() -> None:
    canvases, _, _ = striped(50)
    masked = np.arange(50) < 25
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe = fit_mask_probe(canvases, masked, ["Ann" if state else "Bob" for state in masked], 0)
    assert np.isfinite(probe.weights).all()


@cache
def drawn(first: int = 0, size: int = 56) -> PairSet:
    """Pairs of cartoon people in all three conditions."""
    options: Any = {"identities": 60, "images_per_identity": 3, "pairs": 160, "first_identity": first, "folds": None}
    return synthetic_pairs(Context(path=f"drawn {first}"), size, **options)


def accuracy(probe: MaskProbe, pairs: PairSet, types: tuple[str, ...]) -> float:
    """Balanced accuracy on the set's photos, bare and with masks of these types."""
    from maskrec.base.random import SeededDraws

    bare = [index for index, kind in enumerate(pairs.mask_types) if kind is None]
    samples = [pairs.images[index] for index in bare]
    images = torch.stack([sample.image for sample in samples])
    landmarks = torch.stack([sample.landmarks for sample in samples if sample.landmarks is not None])
    kinds = torch.tensor([MASK_TYPES.index(types[index % len(types)]) for index in range(len(samples))])
    worn = put_on_masks(images.float() / 255, landmarks, kinds, SeededDraws(99, 0, "test", torch.arange(len(samples))))
    faces = torch.cat([images, (worn * 255).round().byte()]).permute(0, 2, 3, 1).numpy()
    masked = np.arange(len(faces)) >= len(samples)
    return float(balanced_accuracy_score(masked, probe.probability(faces) > 0.5))


def test_a_probe_of_a_pair_set_tells_masks_on_people_that_it_was_not_fitted_on() -> None:
    fit = probe_from_pairs(drawn(), 5)
    assert fit.probe is not None
    assert accuracy(fit.probe, drawn(1000), MASK_TYPES) > 0.9
    assert fit.said.startswith("fitted on ")
    assert " of 60 people of drawn 0, " in fit.said


def test_the_probe_depends_on_the_seed_and_not_on_loader_processes() -> None:
    plain = [probe_from_pairs(drawn(), seed, workers, 100).probe for seed, workers in ((5, 0), (5, 1), (6, 0))]
    numbers = [probe.to_plain() for probe in plain if probe is not None]
    assert numbers[0] == numbers[1]
    assert numbers[0] != numbers[2]


def test_no_more_faces_are_read_than_asked_for() -> None:
    counted = Counted(drawn().images, np.zeros(0, np.bool_))
    fit = probe_from_pairs(replace(drawn(), images=counted), 5, most=100)
    assert len(set(counted.asked)) == 50
    people = len({drawn().identities[index] for index in counted.asked})  # type: ignore[index]
    assert fit.said == f"fitted on 100 faces of {people} people of drawn 0, 50 bare and 50 masked"
    assert all(drawn().mask_types[index] is None for index in counted.asked)


class Counted:
    """Images that note which were asked for; some of them wear a mask already."""

    def __init__(self, images: Any, masked: NDArray[np.bool_]) -> None:
        self.images, self.masked = images, masked
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        self.asked.append(index)
        sample: Sample = self.images[index]
        return replace(sample, masked=True) if index in self.masked else sample


def test_faces_that_wear_a_mask_already_are_masked_ones_and_get_no_second() -> None:
    pairs = drawn()
    masked = Counted(pairs.images, np.arange(0, len(pairs.images), 2))
    fit = probe_from_pairs(replace(pairs, images=masked), 5)
    asked = len(set(masked.asked))
    already = len([index for index in set(masked.asked) if index % 2 == 0])
    assert f"{asked - already} bare and {asked} masked" in fit.said
    everyone = Counted(pairs.images, np.arange(len(pairs.images)))
    fit = probe_from_pairs(replace(pairs, images=everyone), 5)
    assert fit.probe is None
    assert fit.said == "drawn 0: no mask probe is fitted: 0 faces without a mask are too few; at least 20 are needed"


def test_a_set_whose_images_are_all_masked_copies_serves_too() -> None:
    pairs = drawn()
    copies = replace(pairs, mask_types=["n95"] * len(pairs.images))
    fit = probe_from_pairs(copies, 5)
    assert fit.probe is not None
    assert accuracy(fit.probe, drawn(1000), MASK_TYPES) > 0.9


def test_without_identities_each_image_counts_as_a_person() -> None:
    fit = probe_from_pairs(replace(drawn(), identities=None), 5, most=100)
    assert fit.said == "fitted on 100 faces of 50 people of drawn 0, 50 bare and 50 masked"


def test_without_landmarks_there_is_no_probe_and_it_is_said() -> None:
    fit = probe_from_pairs(replace(drawn(), has_landmarks=False), 5)
    assert fit.probe is None
    assert fit.said.startswith("drawn 0: no mask probe is fitted: its images have no landmarks")
    none = np.zeros(0, np.int64)
    empty = PairSet("empty", [], [], none, none, none.astype(bool), none.astype(np.int8), has_landmarks=True)
    assert probe_from_pairs(empty, 5).said == "empty: no mask probe is fitted: it has no images"


class Unreadable(Counted):
    """Its images cannot be read."""

    def __getitem__(self, index: int) -> Sample:
        raise MaskrecError(f"face {index} cannot be read")


def test_an_image_that_cannot_be_read_is_an_error() -> None:
    images = Unreadable(drawn().images, np.zeros(0, np.bool_))
    with pytest.raises(MaskrecError, match="cannot be read"):
        probe_from_pairs(replace(drawn(), images=images), 5)
