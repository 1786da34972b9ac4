"""What the checks of six kinds stand on, against plain forms of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskrec.contracts.kinds import Loss, Pairs
from maskrec.contracts.pair_set import PairSet
from maskrec.testing import Candidate, Skipped
from maskrec.testing import damaged_data as damaged
from maskrec.testing.coordinate_faces import (
    coordinate_batch,
    likeness,
    mirrored,
    moved_as,
    source_of_points,
    sources,
)
from maskrec.testing.evaluated_pairs import PAIRS, EvaluatorAnswers, pairs_for
from maskrec.testing.known_embeddings import PERFECT, RANDOM, in_another_order, people_of
from maskrec.testing.plugin_candidates import candidates_of

BROKEN = Path(__file__).parent / "broken"
SIZE = 48
GIVEN = {**PAIRS, "first_identity": 7}


def pair_set(images: int, pairs: list[tuple[int, int, bool]]) -> PairSet:
    left, right, same = (np.array([pair[side] for pair in pairs]) for side in range(3))
    condition = np.zeros(len(pairs), np.int8)
    return PairSet("set", [None] * images, [None] * images, left, right, same.astype(bool), condition)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=20))
def test_people_are_what_same_pairs_join_in_any_order(pairs: list[tuple[int, int, bool]]) -> None:
    found = people_of(pair_set(10, pairs))
    person = list(range(10))
    for _ in range(10):  # a label spreads by one pair a turn at least
        for left, right, same in pairs:
            if same:
                person[left] = person[right] = min(person[left], person[right])
    assert found.tolist() == person
    assert people_of(in_another_order(pair_set(10, pairs))).tolist() == person


def test_another_order_has_the_same_pairs() -> None:
    pairs = pair_set(10, [(0, 1, True), (0, 2, False), (3, 4, True), (5, 9, False), (7, 8, True)])
    other = in_another_order(pairs)

    def counted(each: PairSet) -> Counter[tuple[frozenset[int], bool]]:
        sides = zip(each.left.tolist(), each.right.tolist(), each.same.tolist(), strict=True)
        return Counter((frozenset((left, right)), same) for left, right, same in sides)

    assert counted(other) == counted(pairs)
    assert other.left.tolist() != pairs.left.tolist()


def test_perfect_embeddings_tell_everybody_apart_and_random_ones_nobody() -> None:
    rng = np.random.default_rng(0)
    people = rng.permutation(np.repeat(np.arange(60), 4))
    where = [np.flatnonzero(people == person) for person in range(60)]
    pairs = [(int(each[a]), int(each[b]), True) for each in where for a, b in ((0, 1), (1, 2), (2, 3))]
    pairs += [(int(where[a][0]), int(where[a - 1][b]), False) for a in range(60) for b in range(3)]
    made = pair_set(240, pairs)

    def distances(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.linalg.norm(rows[made.left] - rows[made.right], axis=1)
        return lengths[made.same], lengths[~made.same]

    same, different = distances(PERFECT(made))
    assert same.max() < 0.5 < different.min()
    same, different = distances(RANDOM(made))
    assert np.mean(same[:, None] < different[None, :]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("move", "expected", "is_mirror"),
    [
        (lambda image: image, lambda x, y: (x, y), False),
        (lambda image: image.flip(3), lambda x, y: (SIZE - 1 - x, y), True),
        (lambda image: image.flip(2), lambda x, y: (x, SIZE - 1 - y), True),
        (lambda image: image.flip(2, 3), lambda x, y: (SIZE - 1 - x, SIZE - 1 - y), False),
        (lambda image: image.transpose(2, 3), lambda x, y: (y, x), True),
        (lambda image: image.roll((5, 3), (2, 3)), lambda x, y: (x - 3, y - 5), False),
    ],
    ids=["still", "mirror", "upside_down", "half_turn", "transposed", "shifted"],
)
def test_moves_are_read_off_the_coordinates(move, expected, is_mirror) -> None:
    batch = coordinate_batch(3, SIZE)
    places = sources(move(batch.clean))
    points = torch.tensor([[20.25, 30.5], [33.0, 17.75]]).expand(3, 2, 2)
    found = source_of_points(places, points)
    wanted = torch.tensor([expected(*point) for point in points[0].tolist()])
    assert (found - wanted).abs().max() < 0.25
    assert mirrored(places).tolist() == [is_mirror] * 3
    inside = (..., slice(8, -8), slice(8, -8))
    assert likeness(moved_as(places, batch.images)[inside], move(batch.images)[inside]) > 0.97
    assert likeness(batch.images, batch.images.flip(3)) < 0.3


def test_points_beyond_the_canvas_come_from_nowhere() -> None:
    places = sources(coordinate_batch(1, SIZE).clean)
    assert source_of_points(places, torch.tensor([[[-0.5, 3.0], [3.0, SIZE + 1.0]]])).isnan().all()


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (Pairs, GIVEN),
        (Pairs | None, GIVEN),
        (list[Pairs], [GIVEN]),
        (dict[str, Pairs], {"pairs": GIVEN}),
        (list[Pairs] | None, [GIVEN]),
        (Loss, None),
        (dict[str, Loss], None),
        (int | None, None),
        (list[str], None),
    ],
    ids=str,
)
def test_a_parameter_that_takes_pairs_gets_some(annotation, found) -> None:
    assert pairs_for(annotation, 7) == found


@pytest.mark.parametrize(("same", "far"), [(100, 0.2122), (20, 0.4 + 0.4744), (0, 0.5 + 2.1213)])
def test_chance_allows_for_few_pairs_and_for_more_of_one_kind(same: int, far: float) -> None:
    answers = EvaluatorAnswers(dots())
    answers.pair_sets["pairs"] = pair_set(4, [(0, 1, number < same) for number in range(200)])
    assert answers.far_from_chance("") == pytest.approx(far, abs=1e-3)
    assert answers.far_from_chance("bare") == pytest.approx(far, abs=1e-3)
    assert EvaluatorAnswers(dots()).far_from_chance("") == 1.0


def dots(**options: object) -> Candidate:
    found = candidates_of(BROKEN / "dataset_faults.py", {"skips_rows": options})
    return next(each for each in found if each.name == "skips_rows")


def test_data_is_copied_and_the_copy_is_what_the_options_name() -> None:
    original = BROKEN / "dots.csv"
    before = original.read_bytes()
    with damaged.copied_data(dots(path=original)) as data:
        (table,) = data.tables()
        assert table != original
        assert data.candidate.options == {"path": table}
        table.write_bytes(b"")
    assert original.read_bytes() == before
    assert not table.exists()


def test_nothing_is_copied_where_nothing_or_too_much_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Skipped, match="name no file"), damaged.copied_data(dots()):
        pass
    monkeypatch.setattr(damaged, "LARGEST", 10)
    with pytest.raises(Skipped, match="more than 10 bytes"), damaged.copied_data(dots(path=BROKEN / "dots.csv")):
        pass
