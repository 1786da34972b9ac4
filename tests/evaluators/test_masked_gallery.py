"""Every masked face against every bare one."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from named_people import MASKS, NamedPeople
from PIL import Image
from sklearn.metrics import roc_curve

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.evaluation import View
from maskrec.evaluators.masked_gallery import MaskedGallery


def plain_tar(people: NamedPeople, bare: np.ndarray, masked: np.ndarray, far: float) -> float:
    """By scikit-learn, of the whole matrix."""
    squared = 2 - 2 * people.unit[bare] @ people.unit[masked].T
    same = people.person[bare][:, None] == people.person[masked]
    apart = people.photo[bare][:, None] != people.photo[masked]
    if np.array_equal(bare, masked):
        apart &= np.tri(len(bare), dtype=bool).T
    fpr, tpr, _ = roc_curve(same[apart], -squared[apart], drop_intermediate=False)
    return float(tpr[fpr <= far][-1])


@pytest.mark.parametrize("drawn", [True, False])
def test_tar_by_condition_and_mask_is_scikit_learns(drawn: bool, plain_json: Callable[[Any], None]) -> None:
    people = NamedPeople(drawn=drawn)
    evaluator = MaskedGallery(people.pairs, fars=(0.1, 0.01), conditions=("bare", "one_masked", "both_masked"))
    answer = evaluator.evaluate(people.embed)
    bare, masked = np.flatnonzero(~people.masked), np.flatnonzero(people.masked)
    for far in (0.1, 0.01):
        for name, one, other in (("bare", bare, bare), ("one_masked", bare, masked), ("both_masked", masked, masked)):
            assert answer.metrics[f"tar@far={far:g}/{name}"] == pytest.approx(
                plain_tar(people, one, other, far), abs=1e-9
            )
    assert set(answer.metrics) == set(
        MaskedGallery.metrics({"fars": [0.1, 0.01], "conditions": ["bare", "one_masked", "both_masked"]})
    )
    kinds = {row["mask"]: row for row in answer.tables["mask_types"] if row["far"] == 0.01}
    assert set(kinds) == set(MASKS if drawn else ["own mask"])
    threshold = answer.thresholds["far=0.01/one_masked"].value
    for name, row in kinds.items():
        worn = masked if not drawn else masked[people.photo[masked] % 2 == MASKS.index(name)]
        squared = 2 - 2 * people.unit[bare] @ people.unit[worn].T
        same = people.person[bare][:, None] == people.person[worn]
        apart = people.photo[bare][:, None] != people.photo[worn]
        assert row["tar"] == np.mean(squared[same & apart] <= threshold)
        assert row["measured_far"] == np.mean(squared[~same] <= threshold)
        assert row["low"] <= row["tar"] <= row["high"]
    plain_json(dict(answer.metrics))
    plain_json({name: [dict(row) for row in rows] for name, rows in answer.tables.items()})
    with Image.open(io.BytesIO(answer.figures["tar"])) as image:
        assert image.format == "PNG"


def test_few_expected_false_accepts_store_no_threshold() -> None:
    people = NamedPeople()
    answer = MaskedGallery(people.pairs, fars=(0.01, 1e-5), conditions=("one_masked",)).evaluate(people.embed)
    rows = {row["far"]: row for row in answer.tables["tar_at_far"]}
    assert rows[0.01]["different_pairs"] == 120 * 116
    assert rows[0.01]["same_pairs"] == 120 * 3
    assert rows[0.01]["threshold"] == answer.thresholds["far=0.01/one_masked"].value
    assert rows[1e-5]["threshold"] is None
    assert "fewer than ten" in rows[1e-5]["note"]
    assert list(answer.thresholds) == ["far=0.01/one_masked"]


def test_mirrored_copies_are_averaged_and_the_upper_face_is_asked_for() -> None:
    people, mean = NamedPeople(noise=2.0), NamedPeople(noise=2.0)
    mean.rows = (mean.rows + mean.rows[:, ::-1]) / 2
    both = MaskedGallery(people.pairs, fars=(0.1,), flip=True, upper_face=True).errors_of_people(people.embed)
    assert people.views[:2] == [View(crop=0.56, upper=True), View(True, 0.56, True)]
    averaged = MaskedGallery(mean.pairs, fars=(0.1,)).errors_of_people(mean.embed)
    plain = MaskedGallery(people.pairs, fars=(0.1,)).errors_of_people(people.embed)
    hits = [[each.hits.tolist() for each in errors] for errors in (both, averaged, plain)]
    assert hits[0] == hits[1] != hits[2]


def test_what_cannot_be_compared_is_one_sentence() -> None:
    people = NamedPeople()
    with pytest.raises(UsageError, match="does not say who is on its images"):
        MaskedGallery(replace(people.pairs, identities=None))
    with pytest.raises(UsageError, match="shows fewer than two people"):
        MaskedGallery(replace(people.pairs, identities=["A"] * 240))
    bare = NamedPeople()
    bare.pairs = replace(bare.pairs, mask_types=[None] * 240)
    with pytest.raises(MaskrecError, match=r"nothing to measure: .* one masked or both masked; put masks on"):
        MaskedGallery(bare.pairs).evaluate(bare.embed)
    for value, sentence in ((np.nan, "of 1 of 240 images are numbers that are not finite"), (0, "zeros only")):
        broken = NamedPeople()
        broken.rows[7] = value
        with pytest.raises(MaskrecError, match=sentence):
            MaskedGallery(broken.pairs).evaluate(broken.embed)


def test_parameters_out_of_range() -> None:
    pairs = NamedPeople().pairs
    for values, sentence in (
        ({"fars": ()}, "fars is empty"),
        ({"fars": (1e-4, 2.0)}, r"inside \(0, 1\), not 2"),
        ({"fars": (1e-4, 1e-4)}, "listed twice"),
        ({"conditions": ()}, "conditions must have at least one name"),
        ({"conditions": ("bare", "bare")}, "none twice"),
    ):
        with pytest.raises(ValueError, match=sentence):
            MaskedGallery(pairs, **values)  # type: ignore[arg-type]
