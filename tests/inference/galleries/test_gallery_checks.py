"""What a gallery's check finds on planted faults, by embeddings whose neighbours are known."""

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
from maskrec.inference.galleries.alarm_thresholds import alarm_thresholds
from maskrec.inference.galleries.alike_people import explain, parts_of
from maskrec.inference.galleries.compared_faces import GalleryComparisons
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.gallery_checks import check_gallery, repeated_photos
from maskrec.inference.galleries.gallery_findings import GalleryReport
from maskrec.metrics import NotEnoughPeopleError, Risk, count_risk, normalise

SIZE = 16
PHOTO_NOISE = 0.25  # two photos of a person are about 0.35 apart: no copies


@pytest.fixture(scope="module")
def risk() -> Risk:
    """Of 150 people with bare and masked photos, who are told apart well."""
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(150), 3)
    bare = rng.normal(size=(150, SIZE))[who] + 0.35 * rng.normal(size=(len(who), SIZE))
    rows = np.concatenate([bare, bare + 0.5 * rng.normal(size=bare.shape)])
    return count_risk(
        normalise(rows), np.tile(who, 2), np.repeat([False, True], len(who)), np.tile(np.arange(len(who)), 2)
    )


class Planted:
    """A gallery whose photos are made of directions: a photo is near another of the same direction only."""

    def __init__(self, seed: int = 0, noise: float = PHOTO_NOISE) -> None:
        self.rng, self.noise = np.random.default_rng(seed), noise
        self.basis = np.linalg.qr(self.rng.normal(size=(SIZE, SIZE)))[0]
        self.rows: list[NDArray[np.float64]] = []
        self.people: list[int] = []
        self.names: list[str] = []
        self.quality: list[tuple[float, float, float]] = []
        self.masked: list[int] = []
        self.hashes: list[str] = []

    def add(self, name: str, *directions: int, sharp: float = 200.0, eyes: float = 60.0, masked: int = 0) -> Planted:
        """Photos of a person, each of the face in one of ``SIZE`` orthogonal directions."""
        if name not in self.names:
            self.names.append(name)
        for direction in directions:
            row = self.basis[direction] + self.noise * self.rng.normal(size=SIZE) / math.sqrt(SIZE)
            self.rows.append(row / np.linalg.norm(row))
            self.people.append(self.names.index(name))
            self.quality.append((eyes, sharp, 1.0))
            self.masked.append(masked)
            self.hashes.append(f"{len(self.rows):064x}")
        return self

    def faces(self) -> EnrolledFaces:
        count = len(self.rows)
        return EnrolledFaces(
            np.arange(count) + 100,
            np.array(self.people, np.int64),
            tuple(self.names),
            np.array(self.rows, np.float32).reshape(count, SIZE),
            np.array(self.masked, np.int8),
            np.array(self.quality, np.float32).reshape(count, 3),
            tuple(f"{number}.jpg" for number in range(count)),
            tuple(self.hashes),
        )


def found(report: GalleryReport) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(each.kind, each.people, tuple(one.photo for one in each.photos)) for each in report.findings]


def test_photos_of_a_person_that_are_nearly_one_picture_are_noted(risk: Risk) -> None:
    report = check_gallery(Planted(noise=0.02).add("Ann", 0, 0, 0, 0).add("Bo", 1, 2).faces(), risk)
    (note,) = [each for each in report.notes if "one picture" in each]
    assert note.startswith(
        "6 pairs of one person's photos may be one picture in two files, at most 0.25 apart (0.jpg and "
    )
    assert "0.jpg and 1.jpg of Ann; " in note
    assert " of Ann and 1 more): copies vouch for each other" in note
    assert "Bo" not in note


def test_a_gallery_without_faults_has_no_findings_and_names_each_nearest_stranger(risk: Risk) -> None:
    faces = Planted().add("Ann", 0, 0).add("Bo", 1, 1).add("Cy", 2, 2, 2).faces()
    report = check_gallery(faces, risk)
    assert (report.findings, report.notes) == ((), ())
    rows = faces.embeddings.astype(np.float64)
    for person, checked in enumerate(report.people):
        distances = {
            (i, j): np.linalg.norm(rows[i] - rows[j])
            for i in range(7)
            for j in range(7)
            if faces.people[i] == person != faces.people[j]
        }
        (i, j), nearest = min(distances.items(), key=lambda item: item[1])
        assert checked.distance == pytest.approx(nearest)
        assert (checked.nearest, checked.pair) == (faces.names[faces.people[j]], (f"{i}.jpg", f"{j}.jpg"))
        assert checked.distance > checked.threshold


def test_a_photo_of_somebody_enrolled_is_named_with_its_person(risk: Risk) -> None:
    report = check_gallery(Planted().add("Ann", 0, 1).add("Bo", 1, 1).add("Cy", 2, 2).faces(), risk)
    assert found(report) == [("wrong_person", ("Ann", "Bo"), ("1.jpg",))]
    numbers = report.findings[0].numbers
    assert numbers["distance"] <= numbers["threshold"] < numbers["own_distance"]
    assert numbers["rest_distance"] > numbers["threshold"]
    assert "it shows Bo rather than Ann" in report.findings[0].sentence


def test_with_two_photos_a_strangers_photo_is_one_of_both_and_with_three_it_is_known(risk: Risk) -> None:
    two = check_gallery(Planted().add("Ann", 0, 1).add("Bo", 2, 2).faces(), risk)
    assert found(two) == [("wrong_person", ("Ann",), ("0.jpg", "1.jpg"))]
    assert "which is wrong cannot be said" in two.findings[0].sentence
    three = check_gallery(Planted().add("Ann", 0, 1, 0).add("Bo", 2, 2).faces(), risk)
    assert found(three) == [("wrong_person", ("Ann",), ("1.jpg",))]
    halves = check_gallery(Planted().add("Ann", 0, 1, 0, 1).add("Bo", 2, 2).faces(), risk)
    assert found(halves) == [("wrong_person", ("Ann",), ("0.jpg", "1.jpg", "2.jpg", "3.jpg"))]
    two_of_five = check_gallery(Planted().add("Ann", 0, 1, 0, 1, 0).add("Bo", 2, 2).faces(), risk)
    assert found(two_of_five) == [("wrong_person", ("Ann",), ("1.jpg", "3.jpg"))]


def test_one_person_under_two_names_is_no_wrong_photo(risk: Risk) -> None:
    report = check_gallery(Planted().add("Ann", 0, 0).add("Anna", 0, 0).add("Bo", 1, 1).faces(), risk)
    ((kind, people, _),) = found(report)
    assert (kind, people) == ("two_names", ("Ann", "Anna"))
    assert (report.findings[0].numbers["near_pairs"], report.findings[0].numbers["pairs"]) == (4, 4)


def test_with_one_photo_a_wrong_face_cannot_be_told_from_a_second_name(risk: Risk) -> None:
    report = check_gallery(Planted().add("Ann", 0).add("Bo", 0, 0).add("Cy", 1).faces(), risk)
    ((kind, people, _),) = found(report)
    assert (kind, people) == ("two_names", ("Ann", "Bo"))
    assert "or Ann's only photo is under the wrong name" in report.findings[0].sentence
    assert "as are 2 of 2 pairs of their photos" in report.findings[0].sentence
    alone = check_gallery(Planted().add("Ann", 0).add("Bo", 0).add("Cy", 1, 1).faces(), risk)
    assert "pairs of their photos" not in alone.findings[0].sentence
    assert any(note.startswith("2 people of 3 have one photo") for note in report.notes)


def test_people_of_whom_two_photos_are_alike_by_chance_are_under_one_threshold(risk: Risk) -> None:
    planted = Planted().add("Ann", 0, 0, 0).add("Bo", 1, 1, 1)
    middle = (planted.basis[0] + planted.basis[1]) / math.sqrt(2)
    for place, own in ((2, 0), (5, 1)):  # each is as near to its own as to the other's
        row = middle + 0.25 * planted.basis[own]
        planted.rows[place] = row / np.linalg.norm(row)
    report = check_gallery(planted.faces(), risk)
    assert found(report) == [("lookalikes", ("Ann", "Bo"), ("2.jpg", "5.jpg"))]


def test_one_near_pair_of_four_does_not_make_one_person_of_two(risk: Risk) -> None:
    near = alarm_thresholds(risk, ["bare"], 4, 2).near["bare"].value
    across = [near - 0.01, near + 0.03, near + 0.03, near + 0.04]
    assert risk.log_likelihood_ratio("bare", across).mean() > 0
    apart = np.array([[0, 0.4, *across[:2]], [0.4, 0, *across[2:]], [0, 0, 0, 0.4], [0, 0, 0, 0]])
    apart[np.tril_indices(4, -1)] = apart.T[np.tril_indices(4, -1)]
    planted = Planted().add("Ann", 0, 0).add("Bo", 1, 1)
    rows = np.linalg.cholesky(1 - apart**2 / 2)  # unit vectors at these distances
    planted.rows = [np.concatenate([row, np.zeros(SIZE - 4)]) for row in rows]
    assert [each.kind for each in check_gallery(planted.faces(), risk).findings] == ["lookalikes"]


def test_poor_faces_are_named_once_and_not_compared(risk: Risk) -> None:
    planted = Planted().add("Ann", 0, 0).add("Ann", 5, sharp=9.0).add("Bo", 1, 1).add("Bo", 0, eyes=12.0, sharp=9.0)
    report = check_gallery(planted.faces(), risk)
    assert found(report) == [("blurred", ("Ann",), ("2.jpg",)), ("tiny", ("Bo",), ("5.jpg",))]
    assert [each.compared for each in report.people] == [2, 2]
    assert any("2 faces that are blurred or tiny" in note for note in report.notes)
    unmeasured = Planted().add("Ann", 0, 0, sharp=math.nan, eyes=math.nan).add("Bo", 1, 1).faces()
    unseen = check_gallery(unmeasured, risk)
    assert (unseen.findings, len(unseen.notes)) == ((), 1)


def test_distances_are_compared_within_their_condition(risk: Risk) -> None:
    # A distance that two bare photos of one person hardly have, and a bare and a masked one do.
    places = np.arange(0.5, 1.5, 0.01)
    bare, one = (risk.log_likelihood_ratio(name, places) for name in ("bare", "one_masked"))
    apart = float(places[np.flatnonzero((bare < 0) & (one > 0))[0]])
    cosine = 1 - apart**2 / 2
    for masked, kinds in ((0, ["wrong_person"]), (1, [])):
        planted = Planted(noise=0.0).add("Ann", 0).add("Ann", 0, masked=masked).add("Bo", 2, 2, 2)
        planted.rows[1] = cosine * planted.basis[0] + math.sqrt(1 - cosine**2) * planted.basis[1]
        assert [each.kind for each in check_gallery(planted.faces(), risk).findings] == kinds


def test_a_photo_again_under_one_name_does_not_vouch_for_itself(risk: Risk) -> None:
    planted = Planted().add("Ann", 0, 1).add("Bo", 2, 2)
    planted.rows.append(planted.rows[1])
    planted.people.append(0)
    planted.quality.append(planted.quality[1])
    planted.masked.append(0)
    planted.hashes.append(planted.hashes[1])
    faces = planted.faces()
    assert repeated_photos(faces) == [4]
    assert found(check_gallery(faces, risk)) == [("wrong_person", ("Ann",), ("0.jpg", "1.jpg"))]


@pytest.mark.parametrize("alarms", [0.0, -1.0, math.nan, math.inf])
def test_a_number_of_alarms_is_over_zero(risk: Risk, alarms: float) -> None:
    with pytest.raises(UsageError, match="must be a number over 0"):
        check_gallery(Planted().add("Ann", 0, 0).add("Bo", 1, 1).faces(), risk, alarms)


def test_what_the_evaluation_cannot_carry_is_refused_or_noted() -> None:
    small = people_risk(30)
    faces = Planted().add("Ann", 0, 0).add("Bo", 1, 1).faces()
    with pytest.raises(UsageError, match=r"need a FAR of 2.5e-06: .*evaluate about \d+ people") as refused:
        check_gallery(faces, small, alarms=1e-5)
    assert isinstance(refused.value.__cause__, NotEnoughPeopleError)
    report = check_gallery(faces, small)
    assert "carries no lower FAR than" in report.notes[0]
    assert "180 comparisons are measured of one person's photos, and 200 are needed" in report.notes[1]
    with pytest.raises(UsageError, match="180 bare comparisons are measured"):
        alarm_thresholds(small, ["bare"], 0, 4, 0.1)
    masked = check_gallery(Planted().add("Ann", 0, 0).add("Bo", 1, masked=1).faces(), small)
    assert any("one-masked photos are not compared" in note for note in masked.notes)


def test_thresholds_have_the_rates_that_a_count_gives(risk: Risk) -> None:
    thresholds = alarm_thresholds(risk, ["bare"], strangers=500, own=10, alarms=0.4)
    assert thresholds.near["bare"].far == pytest.approx(0.4 / 500, rel=0.2)
    assert thresholds.near["bare"].far <= 0.4 / 500
    bound = thresholds.own["bare"]
    assert bound.frr <= 0.4 / 10
    assert bound.frr == pytest.approx(1 - risk.tar("bare", bound.value))
    near, beyond = (float(risk.log_likelihood_ratio("bare", bound.value + step)) for step in (0, 2 / 4096))
    assert near >= 0 > beyond  # the rate alone would allow a distance at which one person is likelier
    assert risk.tar("bare", bound.value - 0.1) >= 1 - 0.4 / 10
    masked = alarm_thresholds(risk, ["both_masked"], 500, 8, 0.3).own["both_masked"]
    assert masked.frr <= 0.3 / 8


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_all_pairs_are_those_of_plain_loops(risk: Risk, seed: int, photos: Sequence[int]) -> None:
    rng = np.random.default_rng(seed)
    planted = Planted(seed, noise=2.0)
    for person, count in enumerate(photos):
        for _ in range(count):
            planted.add(f"P{person}", int(rng.integers(3)), masked=int(rng.integers(-1, 2)))
    faces = planted.faces()
    compared = GalleryComparisons(faces, np.arange(len(faces.people)), risk)
    limits = rng.uniform(0.5, 1.4, 6)
    rows = [[float(value) for value in row] for row in faces.embeddings]
    numbers = {(0, 0): 0, (0, 1): 1, (1, 1): 2, (-1, 0): 3, (-1, 1): 4, (-1, -1): 5}
    own, near = set(), set()
    for i, j in combinations(range(len(rows)), 2):
        state = tuple(sorted((int(faces.masked[i]), int(faces.masked[j]))))
        lengths = [math.sqrt(math.fsum(x * x for x in rows[k])) for k in (i, j)]
        apart = math.sqrt(
            math.fsum((a / lengths[0] - b / lengths[1]) ** 2 for a, b in zip(rows[i], rows[j], strict=True))
        )
        if faces.people[i] == faces.people[j]:
            own.add((i, j))
        elif apart <= limits[numbers[state]]:
            near.add((i, j))
    for pairs, expected in ((compared.own(), own), (compared.near(limits), near)):
        assert set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == expected
        assert len(pairs.left) == len(expected)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
def test_explanations_are_those_of_plain_loops(seed: int, first: int, second: int) -> None:
    count = first + second
    table = np.random.default_rng(seed).normal(size=(count, count)).round(3)
    table += table.T
    doubted = {0, count - 1}
    answer = explain(
        np.arange(first), np.arange(first, count), lambda one, other: table[np.ix_(one, other)].copy(), doubted
    )

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    gains = {}
    for photo in doubted:
        mine, theirs = list(range(first)), list(range(first, count))
        if photo >= first:
            mine, theirs = theirs, mine
        others = [each for each in mine if each != photo]
        joined = sum(table[each, one] for each in others for one in [*theirs, photo])
        if others and joined <= 0:
            gains[photo] = mean([table[photo, one] for one in theirs]) - mean([table[photo, one] for one in others])
    every = mean([table[i, j] for i in range(first) for j in range(first, count)])
    if gains and max(gains.values()) > 0:
        best = max(gains, key=lambda photo: gains[photo])
        assert (answer.wrong, answer.one_person) == (best, False)
        assert answer.log_odds == pytest.approx(gains[best], abs=1e-9)
    else:
        assert (answer.wrong, answer.one_person) == (None, every > 0)
        assert answer.log_odds == pytest.approx(every, abs=1e-9)


def test_a_person_of_many_photos_does_not_draw_in_others() -> None:
    odds = np.full((9, 9), 0.5)  # seven photos of one person are each a little like a photo of another
    odds[:2, :2] = 3.0  # which is much more like its own
    odds[1, 2:] = odds[2:, 1] = -9.0
    answer = explain(np.arange(2), np.arange(2, 9), lambda one, other: odds[np.ix_(one, other)].copy(), {0})
    assert answer.wrong is None


@settings(max_examples=40)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_parts_are_what_pairs_connect(count: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    pairs = {pair for pair in combinations(range(count), 2) if rng.random() < share}
    parts = [set(part.tolist()) for part in parts_of(np.arange(count), pairs)]
    assert sorted(photo for part in parts for photo in part) == list(range(count))
    assert [len(part) for part in parts] == sorted((len(part) for part in parts), reverse=True)
    label = list(range(count))
    for _ in range(count):
        for i, j in pairs:
            label[i] = label[j] = min(label[i], label[j])
    assert {frozenset(part) for part in parts} == {
        frozenset(i for i in range(count) if label[i] == each) for each in set(label)
    }


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 3), max_size=4))
def test_any_gallery_is_answered_and_each_photo_is_wrong_once(risk: Risk, seed: int, photos: Sequence[int]) -> None:
    rng = np.random.default_rng(seed)
    planted = Planted(seed, noise=1.0)
    for person, count in enumerate(photos):
        planted.add(f"P{person}", *rng.integers(4, size=count).tolist(), masked=int(rng.integers(-1, 2)))
    report = check_gallery(planted.faces(), risk)
    wrong = [one.id for each in report.findings if each.kind == "wrong_person" for one in each.photos]
    assert len(wrong) == len(set(wrong))
    assert len(report.people) == len(photos)
    order = np.argsort(rng.random(len(planted.people)))  # rows in another order say the same
    faces = planted.faces()
    shuffled = EnrolledFaces(
        faces.ids[order], faces.people[order], faces.names, faces.embeddings[order], faces.masked[order],
        faces.quality[order], tuple(faces.photo_names[i] for i in order), tuple(faces.photo_sha256[i] for i in order),
    )  # fmt: skip
    again = check_gallery(shuffled, risk)
    assert sorted((each.kind, each.people) for each in again.findings) == sorted(
        (each.kind, each.people) for each in report.findings
    )
