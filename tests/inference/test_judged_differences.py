"""Differences of systems: who is called better, over what it is judged, what must be equal, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from recorded_runs import gaussian_pairs

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.comparing.compared_systems import ComparedSystem, systems_of
from maskrec.inference.comparing.judged_differences import JudgedDifference, judge
from maskrec.inference.comparing.measured_pairs import MeasuredPairs, measured_pairs, require_equal
from maskrec.inference.comparing.model_answers import ConditionAnswers, ModelAnswers
from maskrec.inference.comparing.seed_spreads import seed_spreads
from maskrec.metrics.people_resamples import PeopleOfPairs
from maskrec.metrics.several_tests import holm
from maskrec.metrics.system_difference import compare_accuracy, compare_tar

PAIRS, PEOPLE = 1200, 150


def answers(seed: int, worse: float = 0.0, people: int = PEOPLE) -> ConditionAnswers:
    """Distances of one list of pairs by a model with errors of its own."""
    rng = np.random.default_rng(0)
    one, same = rng.integers(0, people, PAIRS), np.arange(PAIRS) % 2 == 0
    other = np.where(same, one, (one + rng.integers(1, people, PAIRS)) % people)
    distances = np.where(same, 0.0, 4.0) + rng.normal(size=PAIRS)
    distances = distances + np.where(same, worse, 0.0) + 0.2 * np.random.default_rng(seed + 1).normal(size=PAIRS)
    return ConditionAnswers(
        "test", "bare", same, (distances <= 2) == same, distances, (0.001, 0.05), PeopleOfPairs(one, other), True
    )


def model(word: str, rows: Sequence[ConditionAnswers], recipe: str | None = None, seed: int | None = None) -> Any:
    compared: Any = SimpleNamespace(word=word, recipe=recipe, seed=seed, subject=SimpleNamespace(name="small"))
    return ModelAnswers(compared, {"lfw": list(rows)}, {}, (), (), ())


def named(rows: Sequence[JudgedDifference]) -> dict[str, JudgedDifference]:
    return {each.measure: each for each in rows}


def equal_models(seed: int) -> list[ModelAnswers]:
    """Two models that differ in nothing but their errors."""
    return [model(f"m{number}", [answers(number)]) for number in (seed, seed + 1)]


def test_a_win_is_called_where_it_is_one_and_nowhere_else() -> None:
    best, alike, worse = (model(f"m{seed}", [answers(seed, bad)]) for seed, bad in ((1, 0.0), (2, 0.0), (3, 0.8)))
    systems = systems_of([worse, best, alike])
    assert [each.letter for each in systems] == ["A", "B", "C"]
    rows = judge(systems)
    assert {(each.second, each.measure): each.verdict for each in rows} == {
        ("B", "accuracy"): "better", ("B", "tar@far=0.001"): "not judged", ("B", "tar@far=0.05"): "better",
        ("C", "accuracy"): "better", ("C", "tar@far=0.001"): "not judged", ("C", "tar@far=0.05"): "better",
    }  # fmt: skip
    assert {each.note for each in rows if each.p is None} == {"fewer than 10 expected false accepts"}
    # One in twenty pairs of equal models is called different by chance: the first of these is, in its TAR.
    for measure in ("accuracy", "tar@far=0.05"):
        equal = [named(judge(systems_of(equal_models(seed)), [0.05]))[measure].verdict for seed in range(1, 13, 2)]
        assert equal.count("not found") >= 5
    reverse = named(judge(systems_of([best, worse]), [0.05]))
    assert [each.verdict for each in reverse.values()] == ["worse", "worse"]
    assert reverse["accuracy"].difference == pytest.approx(
        worse.answers["lfw"][0].right.mean() - best.answers["lfw"][0].right.mean()
    )
    assert all(each.low < each.difference < each.high < 0 for each in reverse.values())


def test_p_values_are_those_of_the_tests_corrected_for_their_number() -> None:
    first, second = answers(1), answers(2, 0.2)
    rows = named(judge(systems_of([model("a", [first]), model("b", [second])]), [0.05, 0.1]))
    same, people = first.same, first.people
    plain = [compare_accuracy([first.right], [second.right], people)]
    plain += [compare_tar([first.distances], [second.distances], same, far, people) for far in (0.05, 0.1)]
    assert [each.p for each in rows.values()] == pytest.approx(holm([each.p_value() for each in plain]))
    assert [each.smallest for each in rows.values()] == pytest.approx([each.smallest_found(0.05 / 3) for each in plain])
    alone = judge(systems_of([model("a", [first]), model("b", [second])]), [])
    assert alone[0].p == pytest.approx(plain[0].p_value())
    assert alone[0].smallest is not None
    assert rows["accuracy"].smallest is not None
    assert alone[0].smallest < rows["accuracy"].smallest


def test_trainings_of_one_recipe_are_judged_over_seeds() -> None:
    ours = [model(f"a{seed}", [answers(seed)], "ours", seed) for seed in (1, 2, 3)]
    theirs = [model(f"b{seed}", [answers(10 + seed, 0.8)], "theirs", seed) for seed in (1, 2, 3)]
    # some of theirs, then ours: order of first appearance, wherever the others are
    systems = systems_of([theirs[0], *ours, *theirs[1:]])
    assert [(each.letter, len(each.models)) for each in systems] == [("A", 3), ("B", 3)]
    assert "3 trainings with the seeds 1, 2, 3" in systems[1].title
    rows = named(judge(systems, [0.05]))
    assert [each.verdict for each in rows.values()] == ["better", "better"]
    means = [np.mean([each.answers["lfw"][0].right.mean() for each in group]) for group in (theirs, ours)]
    assert rows["accuracy"].values == pytest.approx(tuple(means))
    one_seed = named(judge(systems_of([theirs[0], *ours]), [0.05]))
    assert [each.verdict for each in one_seed.values()] == ["not judged", "not judged"]
    assert "does not say how much its seeds differ" in one_seed["accuracy"].note
    spreads = list(seed_spreads(systems, [0.05]))
    assert [(each.system, each.measure) for each in spreads] == [
        (letter, measure) for letter in "AB" for measure in ("accuracy", "tar@far=0.05")
    ]
    assert spreads[2].values == pytest.approx([each.answers["lfw"][0].right.mean() for each in ours])
    assert spreads[2].deviation == pytest.approx(np.std(spreads[2].values, ddof=1))


def test_trainings_that_scatter_are_not_told_apart_by_their_pairs() -> None:
    """Each pair of trainings differs beyond chance of its pairs, and the recipes do not."""
    ours = [model(f"a{seed}", [answers(seed, bad)], "ours", seed) for seed, bad in ((1, 0.0), (2, 1.2))]
    theirs = [model(f"b{seed}", [answers(seed, bad)], "theirs", seed) for seed, bad in ((3, 0.5), (4, 1.7))]
    single = [model(each.model.word, each.answers["lfw"]) for each in (ours[0], theirs[0])]
    assert named(judge(systems_of(single), []))["accuracy"].verdict == "worse"
    assert named(judge(systems_of([*ours, *theirs]), []))["accuracy"].verdict == "not found"


def test_few_people_say_nothing() -> None:
    rows = judge(systems_of([model("a", [answers(1, people=12)]), model("b", [answers(2, 3.0, people=12)])]), [0.1])
    assert {(each.verdict, each.note, each.p) for each in rows} == {("not judged", "fewer than 20 people", None)}


def test_letters_go_on_after_z() -> None:
    many = [model(f"m{number}", []) for number in range(28)]
    assert [each.letter for each in systems_of(many)][24:] == ["Y", "Z", "AA", "AB"]
    assert isinstance(systems_of(many)[0], ComparedSystem)


def measured(pairs: PairSet, seed: int = 1, size: int = 112, digests: dict[int, bytes] | None = None) -> MeasuredPairs:
    compared: Any = SimpleNamespace(
        evaluations=SimpleNamespace(seed=seed, image_size=size),
        subject=SimpleNamespace(model=SimpleNamespace(spec=InputSpec(size=112)), image_size=None),
    )
    return measured_pairs(pairs, digests or dict.fromkeys(range(len(pairs.images)), b"x"), compared)


def test_what_differs_between_two_measurements_is_one_sentence(tmp_path: Path) -> None:
    pairs, _ = gaussian_pairs("lfw", 0)
    mine = {"lfw": measured(pairs)}
    require_equal(("a", mine), ("b", {"lfw": measured(gaussian_pairs("lfw", 0)[0])}))
    names = list(pairs.identities or ())
    parts = {name: getattr(pairs, name) for name in ("images", "mask_types", "left", "right", "same", "condition")}
    pictures = dict.fromkeys(range(640), b"x")
    for other, said in [
        (measured(pairs, seed=2), "the masks drawn for 320 of 640 images of lfw differ, the first is image 320"),
        (measured(pairs, digests={**pictures, 3: b"y"}), "the photos of 1 of 640 images of lfw differ, the first is "
                                                         "image 3"),
        (measured(PairSet("lfw", **parts, identities=[*names[:-1], "Eve"])), "the people on 1 of 640 images of lfw"),
        (measured(PairSet("lfw", **{**parts, "right": pairs.right[::-1].copy()}, identities=names)),
         "lfw lists other pairs"),
        (measured(PairSet("lfw", **{**parts, "mask_types": ["n95", *pairs.mask_types[1:]]}, identities=names)),
         "the masks drawn for 1 of 640 images of lfw"),
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=r"^b was not measured on the same as a: ") as refused:
            require_equal(("a", mine), ("b", {"lfw": other}))
        assert said in str(refused.value)
        assert str(refused.value).endswith("; compare on the same data")
    with pytest.raises(UsageError, match="lfw is not among its pair sets"):
        require_equal(("a", mine), ("b", {}))
    # another canvas has other pixels: there the photos decide
    require_equal(("a", mine), ("b", {"lfw": measured(pairs, size=160, digests=dict.fromkeys(range(640), b"z"))}))


def test_photos_are_known_by_their_bytes(tmp_path: Path) -> None:
    class Files:
        """One photo in a folder."""

        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int, /) -> Any:
            raise AssertionError("nothing is read")

        def origin(self, index: int) -> tuple[str, bool]:
            return str(self.folder / f"{index}.jpg"), False

    sets = []
    for name, content in (("one", "b"), ("two", "b"), ("three", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.jpg").write_text("a")
        (tmp_path / name / "1.jpg").write_text(content)
        ends = np.array([0]), np.array([1]), np.array([True]), np.zeros(1, np.int8)
        sets.append(PairSet("lfw", Files(tmp_path / name), [None, None], *ends))
    one, two, three = (measured(each, size=96 + place) for place, each in enumerate(sets))
    require_equal(("a", {"lfw": one}), ("b", {"lfw": two}))
    with pytest.raises(UsageError, match="the photos of 1 of 2 images of lfw differ, the first is image 1"):
        require_equal(("a", {"lfw": one}), ("b", {"lfw": three}))
