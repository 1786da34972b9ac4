"""Faces grouped by person: average linkage by plain loops, no chains, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from compared_people import people_risk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.inference.galleries import face_groups
from maskrec.inference.galleries.face_groups import FaceGroups, group_faces
from maskrec.metrics import NotEnoughPeopleError, Risk, count_risk, normalise

SIZE = 16
FAR = 0.002
NUMBERS = {(0, 0): ["bare"], (0, 1): ["one_masked"], (1, 1): ["both_masked"]}
NUMBERS |= {(-1, 0): NUMBERS[0, 0] + NUMBERS[0, 1], (-1, 1): NUMBERS[0, 1] + NUMBERS[1, 1]}
NUMBERS |= {(-1, -1): NUMBERS[0, 0] + NUMBERS[0, 1] + NUMBERS[1, 1]}


@pytest.fixture(scope="module")
def risk() -> Risk:
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(120), 3)
    bare = rng.normal(size=(120, SIZE))[who] + 0.5 * rng.normal(size=(len(who), SIZE))
    rows = normalise(np.concatenate([bare, bare + 0.5 * rng.normal(size=bare.shape)]))
    return count_risk(rows, np.tile(who, 2), np.repeat([False, True], len(who)), np.tile(np.arange(len(who)), 2))


def partition(groups: FaceGroups) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups.labels == label).tolist()) for label in np.unique(groups.labels).tolist()}


def margins_by_loops(
    rows: NDArray[np.float64], masked: Sequence[int], photos: Sequence[int], risk: Risk, far: float
) -> dict[tuple[int, int], float]:
    """Of each pair, from distances summed exactly."""
    margins = {}
    limits = {name: risk.threshold(name, far).value for name in ("bare", "one_masked", "both_masked")}
    for i, j in combinations(range(len(rows)), 2):
        one, other = rows[i] / np.linalg.norm(rows[i]), rows[j] / np.linalg.norm(rows[j])
        apart = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(one.tolist(), other.tolist(), strict=True)))
        each = []
        for name in NUMBERS[tuple(sorted((masked[i], masked[j])))]:  # type: ignore[index]
            limit = limits[name]
            at, cut = (float(risk.log_likelihood_ratio(name, value)) for value in (apart, limit))
            each.append(at - cut if apart <= limit else min(at - cut, -1e-9))
        margins[i, j] = -math.inf if photos[i] == photos[j] else min(each)
    return margins


def linked_by_loops(count: int, margins: dict[tuple[int, int], float]) -> set[frozenset[int]]:
    """Average linkage, every mean anew at every step."""
    groups = [frozenset([face]) for face in range(count)]
    while len(groups) > 1:
        means = {
            (a, b): sum(margins[min(i, j), max(i, j)] for i in a for j in b) / (len(a) * len(b))
            for a, b in combinations(groups, 2)
        }
        (a, b), mean = max(means.items(), key=lambda item: item[1])
        if mean < 0:
            break
        groups = [group for group in groups if group not in (a, b)] + [a | b]
    return set(groups)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 1), st.integers(0, 9)), max_size=9),
    st.sampled_from([FAR, 0.6]),
)
def test_groups_are_those_of_plain_loops(
    risk: Risk, seed: int, faces: Sequence[tuple[int, int, int]], far: float
) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, SIZE))
    rows = np.array([centres[who] + rng.uniform(0.2, 1.0) * rng.normal(size=SIZE) for who, _, _ in faces])
    masked, photos = [state for _, state, _ in faces], [photo for _, _, photo in faces]
    groups = group_faces(rows.reshape(-1, SIZE), np.array(masked, int), np.array(photos, int), risk, far)
    margins = margins_by_loops(rows, masked, photos, risk, far)
    assert partition(groups) == linked_by_loops(len(faces), margins)
    sizes = np.bincount(groups.labels)
    assert (np.diff(sizes) <= 0).all()
    assert groups.pairs == sum(photos[i] != photos[j] for i, j in margins)
    for face in range(len(faces)):
        mates = [other for other in range(len(faces)) if other != face and groups.labels[other] == groups.labels[face]]
        if not mates:
            assert (int(groups.nearest[face]), math.isnan(groups.distances[face])) == (-1, True)
            continue
        unit = normalise(rows)
        distances = {other: float(np.linalg.norm(unit[face] - unit[other])) for other in mates}
        assert groups.distances[face] == pytest.approx(min(distances.values()))
        assert distances[int(groups.nearest[face])] == pytest.approx(min(distances.values()))
        mean = sum(margins[min(face, other), max(face, other)] for other in mates) / len(mates)
        assert groups.margins[face] == pytest.approx(mean, abs=1e-6)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_groups_do_not_depend_on_the_order_and_each_needs_an_accepted_pair(risk: Risk, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, SIZE))[rng.integers(6, size=count)] + 0.6 * rng.normal(size=(count, SIZE))
    masked, photos = rng.integers(2, size=count), np.arange(count)
    groups = group_faces(rows, masked, photos, risk, FAR)
    order = rng.permutation(count)
    again = group_faces(rows[order], masked[order], photos[order], risk, FAR)
    assert partition(groups) == {frozenset(order[list(group)].tolist()) for group in partition(again)}
    margins = margins_by_loops(rows, masked.tolist(), photos.tolist(), risk, FAR)
    for group in partition(groups):
        accepted = {pair for pair in combinations(sorted(group), 2) if margins[pair] >= 0}
        reached, edge = set(), {min(group)}
        while edge:
            reached |= edge
            edge = {j for pair in accepted for i, j in (pair, pair[::-1]) if i in reached} - reached
        assert reached == group


def test_a_face_between_two_people_does_not_chain_them(risk: Risk) -> None:
    one, other = np.eye(SIZE)[:2]
    rows = np.array([one] * 4 + [other] * 4 + [one + other])
    limit = risk.threshold("bare", FAR).value
    assert np.linalg.norm(one - (one + other) / math.sqrt(2)) < limit < np.linalg.norm(one - other)
    groups = group_faces(rows + 1e-3 * np.arange(9)[:, None], np.zeros(9, int), np.arange(9), risk, FAR)
    assert sorted(map(len, partition(groups))) in ([4, 5], [1, 4, 4])
    assert groups.labels[0] != groups.labels[4]


def test_faces_of_one_photo_are_two_people_however_alike(risk: Risk) -> None:
    rows = np.tile(np.eye(SIZE)[0], (3, 1)) + 1e-3 * np.arange(3)[:, None]
    groups = group_faces(rows, np.zeros(3, int), np.array([0, 0, 1]), risk, FAR)
    assert sorted(map(len, partition(groups))) == [1, 2]
    assert groups.labels[0] != groups.labels[1]
    assert groups.pairs == 2
    assert groups.wrong_merges == pytest.approx(2 * risk.threshold("bare", FAR).far)


@pytest.mark.parametrize("far", [0.0, 1.0, -1.0, math.nan])
def test_a_rate_is_inside_zero_and_one(risk: Risk, far: float) -> None:
    with pytest.raises(UsageError, match="must be inside"):
        group_faces(np.eye(3), np.zeros(3, int), np.arange(3), risk, far)


def test_what_the_people_cannot_carry_is_refused_with_how_many_could() -> None:
    with pytest.raises(UsageError, match=r"grouped: a FAR of 1e-06 .*about [\d,]+ people") as refused:
        group_faces(np.eye(3), np.zeros(3, int), np.arange(3), people_risk(60), 1e-6)
    assert isinstance(refused.value.__cause__, NotEnoughPeopleError)
    with pytest.raises(UsageError, match="one-masked ones, and the model was not measured"):
        group_faces(np.eye(3), np.array([0, 1, 0]), np.arange(3), people_risk(60), 0.01)


def test_a_chain_that_does_not_fit_into_memory_is_refused(risk: Risk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_groups, "MOST_CONNECTED", 3)
    rows = np.tile(np.eye(SIZE)[0], (4, 1))
    with pytest.raises(UsageError, match=r"4 faces are connected .*; choose a lower false accept rate"):
        group_faces(rows, np.zeros(4, int), np.arange(4), risk, FAR)
