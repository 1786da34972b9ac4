"""Drawing evenly, against what must hold of every draw."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.turns import in_turns, meet_in_rounds


def test_in_turns_by_example() -> None:
    queues = ["abc", "", "de"]
    assert in_turns(queues, 4) == list("adbe")
    assert in_turns(queues, 99) == list("adbec")
    assert in_turns(queues, 0) == in_turns([], 3) == []


@settings(max_examples=100, deadline=None)
@given(queues=st.lists(st.lists(st.integers(), max_size=4), max_size=5), count=st.integers(0, 25))
def test_in_turns_nobody_gets_a_second_before_all_had_one(queues: list[list[int]], count: int) -> None:
    marked = [[(who, place, value) for place, value in enumerate(queue)] for who, queue in enumerate(queues)]
    taken = in_turns(marked, count)
    assert taken == sorted((one for queue in marked for one in queue), key=lambda one: (one[1], one[0]))[:count]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), people=st.integers(2, 6), alike=st.booleans())
def test_rounds_give_every_pair_once_and_everybody_a_turn(data: st.DataObject, people: int, alike: bool) -> None:
    left = data.draw(st.lists(st.integers(1, 3), min_size=people, max_size=people))
    right = left if alike else data.draw(st.lists(st.integers(1, 3), min_size=people, max_size=people))
    order = data.draw(st.permutations(range(people)))
    shifts = data.draw(st.permutations(range(1, people)))
    room = sum(left[a] * right[b] for a in range(people) for b in range(people) if a != b) // (2 if alike else 1)
    count = data.draw(st.integers(0, room))
    starts = data.draw(st.lists(st.integers(0, 99), min_size=count, max_size=count))
    pairs = list(meet_in_rounds(order, shifts, left, right, starts, alike))
    assert len(pairs) == count
    assert all(a != b and i < left[a] and j < right[b] for a, b, i, j in pairs)
    keys = {frozenset([(a, i), (b, j)]) if alike else ((a, i), (b, j)) for a, b, i, j in pairs}
    assert len(keys) == count
    first = pairs[: people if not alike else 0]
    assert set(Counter(a for a, *_ in first).values()) | set(Counter(b for _, b, *_ in first).values()) <= {1}
    for (a, b, i, j), start in zip(first, starts, strict=False):
        assert (i, j) == divmod(start % (left[a] * right[b]), right[b])
