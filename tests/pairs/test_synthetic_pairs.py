"""Pairs of cartoon people: balance, no pair twice, nobody in two folds, and no shortcut around training."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from maskrec.base.random import SeededDraws
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.faces.masks import MASK_TYPES, REFERENCE_TYPES, put_on_masks
from maskrec.pairs.sampling import draw_pairs, too_many
from maskrec.pairs.synthetic_pairs import check, synthetic_pairs

HERE = Context(path="evaluate.held_out.test")
GOOD: dict[str, Any] = {
    "identities": 100,
    "images_per_identity": 20,
    "first_identity": 10_000,
    "pairs": 3000,
    "conditions": CONDITIONS,
    "mask_types": REFERENCE_TYPES,
    "folds": 10,
    "pairs_seed": 0,
    "face_seed": 0,
    "cache_mib": 2048,
}


@given(
    st.integers(2, 40),
    st.integers(2, 8),
    st.integers(1, 150),
    st.one_of(st.none(), st.integers(2, 5)),
    st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_pairs_are_what_they_should_be(people: int, photos: int, half: int, folds: int | None, seed: int) -> None:
    assume(not too_many(people, photos, 2 * half, folds or 1))
    found = synthetic_pairs(
        HERE, 32, identities=people, images_per_identity=photos, pairs=2 * half, folds=folds, pairs_seed=seed
    )
    assert np.bincount(found.condition, minlength=3).tolist() == [2 * half] * 3
    assert found.label == HERE.path
    names = np.array(found.identities)
    assert (found.same == (names[found.left] == names[found.right])).all()
    for number, condition in enumerate(CONDITIONS):
        chosen = found.condition == number
        assert found.same[chosen].sum() == half
        check_masks(found, chosen, condition)
        check_balance(found, chosen, people, photos, folds)
    assert sorted(set(found.left) | set(found.right)) == list(range(len(found.images)))


def check_masks(found: PairSet, chosen: NDArray[np.bool_], condition: str) -> None:
    """As many masks a pair as the condition says."""
    masked = np.array([kind is not None for kind in found.mask_types])
    count = masked[found.left[chosen]].astype(int) + masked[found.right[chosen]]
    assert set(count) == {CONDITIONS.index(condition)}


def check_balance(found: PairSet, chosen: NDArray[np.bool_], people: int, photos: int, folds: int | None) -> None:
    """No photo beside itself, no pair twice, people evenly often, and in one fold only."""
    places = np.array(found.images.photos)  # type: ignore[attr-defined]
    left, right, same = places[found.left[chosen]], places[found.right[chosen]], found.same[chosen]
    assert (left != right).all()
    assert len({frozenset(pair) for pair in zip(left.tolist(), right.tolist(), strict=True)}) == len(left)
    fold = np.zeros(len(left), dtype=np.int64) if found.fold is None else found.fold[chosen]
    assert (found.fold is None) == (folds is None)
    home: dict[int, int] = {}
    for one in (left, right):
        for person, place in zip((one // photos).tolist(), fold.tolist(), strict=True):
            assert home.setdefault(person, place) == place
    for number in range(folds or 1):
        crowd = crowd_of(people, folds or 1, number)
        once = counts(crowd, left[same & (fold == number)] // photos)
        assert max(once) - min(once) <= 1
        apart = ~same & (fold == number)
        twice = counts(crowd, left[apart] // photos, right[apart] // photos)
        assert max(twice) - min(twice) <= 2


def counts(crowd: list[int], *columns: NDArray[np.int64]) -> list[int]:
    """How often each of these people appears in the columns; no other person may appear."""
    found = Counter(np.concatenate(columns).tolist())
    assert set(found) <= set(crowd)
    return [found[person] for person in crowd]


def crowd_of(people: int, folds: int, number: int) -> list[int]:
    """The people of a fold: consecutive, as evenly as possible."""
    return list(range(number * people // folds, (number + 1) * people // folds))


def test_conditions_show_the_same_pairs() -> None:
    found = synthetic_pairs(HERE, 32, identities=20, pairs=60, folds=None)
    places = np.array(found.images.photos)  # type: ignore[attr-defined]
    shown = [
        (places[found.left[found.condition == number]], places[found.right[found.condition == number]])
        for number in range(3)
    ]
    for left, right in shown[1:]:
        assert (left == shown[0][0]).all()
        assert (right == shown[0][1]).all()


def test_one_masked_masks_either_side() -> None:
    found = synthetic_pairs(HERE, 32, identities=20, pairs=200, folds=None, conditions=("one_masked",))
    left = np.array([found.mask_types[index] is not None for index in found.left])
    assert 60 < left.sum() < 140
    assert 15 < left[found.same].sum() < 85


def test_masks_come_in_equal_shares_and_stay_with_a_photo() -> None:
    found = synthetic_pairs(HERE, 32)
    kinds = Counter(kind for kind in found.mask_types if kind)
    assert set(kinds) == set(REFERENCE_TYPES)
    assert min(kinds.values()) > 0.8 * max(kinds.values())
    worn: dict[int, str] = {}
    for photo, kind in zip(found.images.photos, found.mask_types, strict=True):  # type: ignore[attr-defined]
        assert kind is None or worn.setdefault(photo, kind) == kind
    assert len(found.images) == len({*zip(found.images.photos, found.mask_types, strict=True)})  # type: ignore[attr-defined]


def test_seeds() -> None:
    one, again = (synthetic_pairs(HERE, 32, pairs_seed=1) for _ in range(2))
    other = synthetic_pairs(HERE, 32, pairs_seed=2)
    assert (one.left == again.left).all()
    assert one.mask_types == again.mask_types
    assert one.images.photos != other.images.photos  # type: ignore[attr-defined]


def test_images_are_samples_with_names_and_landmarks() -> None:
    found = synthetic_pairs(HERE, 40, identities=20, pairs=20, folds=None, first_identity=500, face_seed=3)
    for index in (0, len(found.images) - 1):
        sample = found.images[index]
        assert sample.image.shape == (3, 40, 40)
        assert sample.label == -1
        assert not sample.masked
        assert sample.landmarks is not None
        assert found.identities is not None
        assert sample.path.split("/")[:2] == found.identities[index].split("-")
        assert 500 <= int(found.identities[index][-6:]) < 520
    assert found.has_landmarks
    copy = pickle.loads(pickle.dumps(found.images))
    assert torch.equal(copy[3].image, found.images[3].image)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("pairs", 7, "even number"),
        ("pairs", 0, "even number"),
        ("pairs", -2, "even number"),
        ("images_per_identity", 1, "at least 2"),
        ("identities", 0, "at least 1"),
        ("identities", 19, "fewer folds"),
        ("first_identity", -5, "-5"),
        ("folds", 1, "at least 2"),
        ("folds", 51, "fewer folds"),
        ("conditions", (), "at least one"),
        ("conditions", ("bare", "bare"), "none twice"),
        ("mask_types", (), "at least one"),
        ("pairs", 10**6, "different pairs"),
        ("cache_mib", -1, "MiB"),
    ],
)
def test_a_bad_parameter_is_refused_with_one_sentence(name: str, value: Any, words: str) -> None:
    values = {**GOOD, name: value}
    problem, *more = check(values, CheckContext(givens={"image_size": 64}))
    assert not more
    assert words in problem.message
    assert problem.path == ("folds" if "fewer folds" in words else name), "the caret is at a cause"
    with pytest.raises(ValueError, match=words) as caught:
        synthetic_pairs(HERE, 64, **values)
    assert str(caught.value) == problem.message


def test_one_person_without_folds_has_no_other() -> None:
    with pytest.raises(ValueError, match="at least 2 people"):
        synthetic_pairs(HERE, 32, identities=1, folds=None, pairs=2)


@given(st.integers(2, 9), st.integers(2, 5), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_as_many_pairs_as_are_allowed_can_be_drawn(people: int, photos: int, folds: int) -> None:
    """``too_many`` promises that drawing ends, up to the last pair that it allows."""
    assume(people >= 2 * folds)
    most = max(count for count in range(0, 500, 2) if not too_many(people, photos, count, folds))
    drawn = draw_pairs(people, photos, most, folds, 0)
    assert len({frozenset(pair) for pair in zip(drawn.left, drawn.right, strict=True)}) == most


# No way around training: neither raw pixels nor an untrained network tell held-out people apart.


@pytest.fixture(scope="module")
def held_out() -> tuple[PairSet, Tensor]:
    """100 people at 64 pixels with masks on: the pairs, and their images in [0, 1]."""
    found = synthetic_pairs(HERE, 64)
    samples = [found.images[index] for index in range(len(found.images))]
    images = torch.stack([sample.image for sample in samples]).float() / 255
    points = torch.stack([sample.landmarks for sample in samples if sample.landmarks is not None])
    kinds = torch.tensor([-1 if kind is None else MASK_TYPES.index(kind) for kind in found.mask_types])
    return found, put_on_masks(images, points, kinds, SeededDraws(17, 0, HERE.path, torch.arange(len(images))))


def best_accuracies(found: PairSet, embeddings: Tensor) -> list[float]:
    """Per condition, the accuracy at the threshold that is best for these same pairs."""
    unit = nn.functional.normalize(embeddings.double(), dim=1).numpy()
    distance = ((unit[found.left] - unit[found.right]) ** 2).sum(1)
    best = []
    for number in range(3):
        chosen = found.condition == number
        order = np.argsort(distance[chosen])
        same = found.same[chosen][order]
        right = np.concatenate([[0], np.cumsum(same)]) + np.concatenate([np.cumsum((~same)[::-1])[::-1], [0]])
        best.append(float(right.max()) / len(same))
    return best


def test_raw_pixels_do_not_do(held_out: tuple[PairSet, Tensor]) -> None:
    found, images = held_out
    small = nn.functional.adaptive_avg_pool2d(images, 8).flatten(1)
    assert max(best_accuracies(found, small)) < 0.65
    assert max(best_accuracies(found, small - small.mean(1, keepdim=True))) < 0.65


def test_an_untrained_network_does_not_do(held_out: tuple[PairSet, Tensor]) -> None:
    """A random convolutional network, as it is and with batch norms that know the faces' statistics."""
    found, images = held_out
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for width, wider in ((3, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.BatchNorm2d(wider), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        for calibrated in (False, True):
            network.train(calibrated)
            assert max(best_accuracies(found, network(images - 0.5))) < 0.65
