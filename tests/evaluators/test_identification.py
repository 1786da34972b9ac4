"""Searches in a gallery, by what is enrolled and what is searched with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from named_people import NamedPeople

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.evaluators.identification import Identification


def plain(people: NamedPeople, masked: bool, enrolled: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank, distance of the own person and of the nearest other, one search after another."""
    rows, count = people.unit, people.people * people.photos
    gallery = [i for i in range(count) if people.photo[i] % people.photos < enrolled]
    found = []
    for probe in range(count) if not masked else range(count, 2 * count):
        if people.photo[probe] % people.photos < enrolled:
            continue
        nearest: dict[int, float] = {}
        for row in gallery:
            squared = float(((rows[row] - rows[probe]) ** 2).sum())
            nearest[int(people.person[row])] = min(squared, nearest.get(int(people.person[row]), 9.0))
        mate = nearest.pop(int(people.person[probe]))
        found.append((1 + sum(each <= mate for each in nearest.values()), mate, min(nearest.values())))
    rank, mates, others = (np.array(column) for column in zip(*found, strict=True))
    return rank, mates, others


@pytest.mark.parametrize("enrolled", [1, 3])
def test_cmc_and_det_are_those_of_single_searches(enrolled: int, plain_json: Callable[[Any], None]) -> None:
    people = NamedPeople(noise=1.2)
    evaluator = Identification(people.pairs, enrolled=enrolled, ranks=(1, 5), fpirs=(0.1, 0.2))
    answer = evaluator.evaluate(people.embed)
    for name, masked in (("bare_probes", False), ("masked_probes", True)):
        rank, mates, others = plain(people, masked, enrolled)
        for each in (1, 5):
            assert answer.metrics[f"rank{each}/{name}"] == pytest.approx(float(np.mean(rank <= each)), abs=1e-9)
        for fpir in (0.1, 0.2):
            allowed = [t for t in np.sort(others) if np.mean(others <= t) <= fpir]
            missed = np.mean((rank > 1) | (mates > (allowed[-1] + others[others > allowed[-1]].min()) / 2))
            assert answer.metrics[f"fnir@fpir={fpir:g}/{name}"] == pytest.approx(float(missed), abs=1e-9)
    assert set(answer.metrics) == set(Identification.metrics({"ranks": [1, 5], "fpirs": [0.1, 0.2]}))
    row = next(row for row in answer.tables["cmc"] if (row["probes"], row["rank"]) == ("masked_probes", 5))
    assert (row["searches"], row["enrolled_people"]) == (30 * (4 - enrolled), 30)
    assert row["low"] <= row["rate"] <= row["high"]
    assert set(answer.figures) == {"cmc", "det"}
    stored = {"fpir=0.2/bare_probes", "fpir=0.2/masked_probes"}  # of 90 searches with ten expected false positives
    assert set(answer.thresholds) == (stored if enrolled == 1 else set())
    few = [each for each in answer.tables["open_set"] if each["fpir"] == 0.1]
    assert all(each["threshold"] is None and "fewer than ten" in each["note"] for each in few)
    plain_json({name: [dict(each) for each in rows] for name, rows in answer.tables.items()})


def test_what_is_enrolled_and_searched_with() -> None:
    """Masked images searched for in masked ones; in both kinds, in which a person is as near as the nearer."""
    people = NamedPeople(noise=1.2)
    masked = Identification(people.pairs, gallery="masked", probes="masked", ranks=(1,)).evaluate(people.embed)
    assert set(masked.metrics) == set(Identification.metrics({"probes": "masked", "ranks": [1]}))
    (errors,) = Identification(people.pairs, gallery="both", probes="masked", fpirs=(0.1,)).errors_of_people(
        people.embed
    )
    rows, probes = people.unit, [each for each in range(120, 240) if people.photo[each] % 4]
    gallery = np.flatnonzero(people.photo % 4 == 0)
    for wearing, hits in (((0, 1), int(errors.hits.sum())), ((1,), None)):
        kept = gallery[np.isin(people.masked[gallery], wearing)]
        squared = ((rows[probes][:, None] - rows[kept]) ** 2).sum(axis=2)
        right = people.person[kept][squared.argmin(axis=1)] == people.person[probes]
        if hits is None:
            assert masked.metrics["rank1/masked_probes"] == pytest.approx(float(right.mean()), abs=1e-9)
        else:
            assert 0 < hits <= right.sum()


def test_who_has_one_photo_is_enrolled_and_not_searched_for() -> None:
    people = NamedPeople(people=20)
    alone = np.flatnonzero((people.person >= 10) & (people.photo % 4 > 0))
    kept = np.setdiff1d(np.arange(len(people.person)), alone)
    few = NamedPeople(people=20)
    images = few.pairs.images
    few.pairs = replace(
        few.pairs,
        images=type(images)(*(tuple(np.array(column)[kept].tolist()) for column in (images.photos, images.masked))),  # type: ignore[attr-defined]
        mask_types=[few.pairs.mask_types[each] for each in kept],
        identities=[(few.pairs.identities or [])[each] for each in kept],
    )
    few.rows = few.rows[kept]
    answer = Identification(few.pairs, enrolled=2).evaluate(few.embed)
    assert {row["searches"] for row in answer.tables["cmc"]} == {20}
    assert {row["enrolled_people"] for row in answer.tables["cmc"]} == {20}


def test_what_cannot_be_searched_for_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="does not say who is on its images"):
        Identification(replace(NamedPeople().pairs, identities=None))
    alone = NamedPeople(photos=1)
    with pytest.raises(MaskrecError, match=r"nobody can be searched for: .*gallery: bare.*probes: both"):
        Identification(alone.pairs).evaluate(alone.embed)
    bare = NamedPeople(drawn=True)
    bare.pairs = replace(bare.pairs, mask_types=[None] * 240)
    with pytest.raises(MaskrecError, match="put masks on"):
        Identification(bare.pairs, probes="masked").evaluate(bare.embed)


def test_parameters_out_of_range() -> None:
    pairs = NamedPeople().pairs
    for values, sentence in (
        ({"enrolled": 0}, "enrolled must be at least 1, not 0"),
        ({"ranks": (0, 1)}, r"ranks must be a list of distinct .*not \[0, 1\]"),
        ({"ranks": ()}, "distinct whole numbers from 1, at least one"),
        ({"fpirs": (0.0,)}, r"rate must be inside \(0, 1\), not 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Identification(pairs, **values)  # type: ignore[arg-type]
