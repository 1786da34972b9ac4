"""Errors by groups of people, from a column of the user's CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from named_people import NamedPeople

from maskrec.base.errors import UsageError
from maskrec.evaluators.by_group import ByGroup
from maskrec.evaluators.identification import Identification
from maskrec.evaluators.masked_gallery import MaskedGallery
from maskrec.evaluators.verification import Verification


def write(folder: Path, groups: dict[int, str], header: str = "identity,team,age") -> Path:
    path = folder / "people.csv"
    path.write_text("\n".join([header, *(f"person {each},{group},40" for each, group in groups.items()), ""]))
    return path


def alike(people: NamedPeople, whose: range, share: float = 2.0) -> NamedPeople:
    """The embeddings of some people moved together, so that they are more often taken for each other."""
    people.rows[np.isin(people.person, whose)] += share * np.eye(1, 12, dtype=np.float32)
    return people


def test_figures_of_each_group_at_the_threshold_of_all(tmp_path: Path, plain_json: Callable[[Any], None]) -> None:
    people = NamedPeople(people=40)
    teams = {each: "red" if each % 2 else "blue" for each in range(40)}
    of = MaskedGallery(people.pairs, fars=(0.05,), conditions=("one_masked",))
    answer = ByGroup(of, write(tmp_path, teams), "team").evaluate(people.embed)
    threshold = of.evaluate(people.embed).thresholds["far=0.05/one_masked"].value
    bare, masked = np.flatnonzero(~people.masked), np.flatnonzero(people.masked)
    accepted = 2 - 2 * people.unit[bare] @ people.unit[masked].T <= threshold
    same = people.person[bare][:, None] == people.person[masked]
    apart = people.photo[bare][:, None] != people.photo[masked]
    rows = {row["group"]: row for row in answer.tables["groups"]}
    assert list(rows) == ["blue", "red"]
    rates = {}
    for name, row in rows.items():
        mine = people.person % 2 == (name == "red")
        within, either = mine[bare][:, None] & mine[masked] & ~same, (mine[bare][:, None] | mine[masked]) & ~same
        rates[name] = row["far"]
        assert row["people"] == 20
        assert row["far"] == pytest.approx(accepted[within].mean(), abs=1e-12)
        assert row["far_everybody"] == pytest.approx(accepted[either].mean(), abs=1e-12)
        assert row["tar"] == pytest.approx(accepted[mine[bare][:, None] & same & apart].mean(), abs=1e-12)
    assert rows["red"]["ratio"] == pytest.approx(rates["red"] / rates["blue"])
    assert rows["red"]["ratio_low"] < rows["red"]["ratio"] < rows["red"]["ratio_high"]
    assert answer.metrics == {"tar/lowest_group": min(row["tar"] for row in rows.values())}
    assert not answer.failed
    plain_json([dict(row) for row in answer.tables["groups"]])


@pytest.mark.parametrize("protocol", ["comparisons", "searches"])
def test_a_worse_group_fails_and_is_named(protocol: str, tmp_path: Path) -> None:
    people = alike(NamedPeople(people=120, noise=1.0), range(40))
    teams = {each: ("red", "green", "blue")[each // 40] for each in range(120)}
    of: Any = MaskedGallery(people.pairs, fars=(0.01,), conditions=("one_masked",))
    if protocol == "searches":
        of = Identification(people.pairs, probes="masked", fpirs=(0.5,))
    file = write(tmp_path, teams)
    answer = ByGroup(of, file, "team", at_most=1.5).evaluate(people.embed)
    (failed,) = answer.failed
    assert "within the group 'red' are" in failed
    assert "and at most 1.5 times was asked for" in failed
    assert any("most frequent within the group 'red'" in note for note in answer.notes)
    assert not ByGroup(of, file, "team").evaluate(people.embed).failed
    assert not ByGroup(of, file, "team", at_most=1000.0).evaluate(people.embed).failed


def test_holes_are_said_and_those_people_are_in_no_group(tmp_path: Path) -> None:
    people = NamedPeople(people=40)
    teams = {each: ("red", "blue", "")[each % 3] for each in range(38)}
    of = MaskedGallery(people.pairs, fars=(0.05,), conditions=("one_masked",))
    answer = ByGroup(of, write(tmp_path, teams), "team").evaluate(people.embed)
    assert [row["people"] for row in answer.tables["groups"]] == [13, 13]
    empty, absent = answer.notes[:2]
    assert empty.startswith("12 of 40 people have no value in the column 'team'")
    assert "('Person_2', 'Person_5', 'Person_8', ...)" in empty
    assert absent.startswith("2 of 40 people are not in")


def test_groups_too_small_to_tell_are_unknown(tmp_path: Path) -> None:
    people = NamedPeople(people=40)
    teams = {each: "few" if each < 3 else ("red", "blue")[each % 2] for each in range(40)}
    of = MaskedGallery(people.pairs, fars=(0.01,), conditions=("one_masked",))
    answer = ByGroup(of, write(tmp_path, teams), "team", at_most=1.0).evaluate(people.embed)
    rows = {row["group"]: row for row in answer.tables["groups"]}
    assert rows["few"]["note"] == "unknown: fewer than ten expected false accepts"
    assert (rows["few"]["ratio"], rows["few"]["ratio_low"]) == (None, None)
    assert rows["red"]["note"] == ""
    rare = MaskedGallery(people.pairs, fars=(0.001,), conditions=("one_masked",))
    answer = ByGroup(rare, write(tmp_path, teams), "team", at_most=1.0).evaluate(people.embed)
    assert answer.notes == [
        "one masked at FAR 0.001: the groups cannot be compared: fewer than two have 10 expected false accepts"
    ]


def test_rows_of_one_person_are_joined(tmp_path: Path) -> None:
    people = NamedPeople(people=20)
    lines = [f"Person_{each % 20},{'' if each < 20 else ('red', 'blue')[each % 2]},x" for each in range(40)]
    path = tmp_path / "photos.csv"
    path.write_text("\n".join(["identity,team,path", *lines]))
    of = MaskedGallery(people.pairs, fars=(0.05,), conditions=("one_masked",))
    answer = ByGroup(of, path, "team").evaluate(people.embed)
    assert [row["people"] for row in answer.tables["groups"]] == [10, 10]


def test_wrong_files_and_parameters_are_one_sentence(tmp_path: Path) -> None:
    people = NamedPeople(people=20)
    of = MaskedGallery(people.pairs, fars=(0.05,))
    teams = {each: ("red", "blue")[each % 2] for each in range(20)}
    with pytest.raises(ValueError, match=r"at_most must be at least 1, the rate of the other groups itself, not 0\.5"):
        ByGroup(of, write(tmp_path, teams), "team", at_most=0.5)
    with pytest.raises(UsageError, match=r"people\.csv:1: no column land"):
        ByGroup(of, write(tmp_path, teams), "land")
    with pytest.raises(UsageError, match="names the people themselves"):
        ByGroup(of, write(tmp_path, teams), "identity")
    with pytest.raises(UsageError, match="cannot be split by people"):
        ByGroup(object.__new__(Verification), write(tmp_path, teams), "team")
    two = write(tmp_path, teams)
    two.write_text(two.read_text() + "PERSON_3,green,1\n,green,1\n")
    with pytest.raises(
        UsageError, match=r"people\.csv:22: 'PERSON_3' is in the group 'green', and in 'blue' in line 5"
    ) as said:
        ByGroup(of, two, "team")
    assert "people.csv:23: the identity is empty" in str(said.value)
    one = ByGroup(of, write(tmp_path, dict.fromkeys(range(20), "red")), "team")
    with pytest.raises(UsageError, match="are in 1 group of the column 'team', and at least two"):
        one.evaluate(people.embed)
