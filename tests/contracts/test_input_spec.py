"""What a backbone expects, templates of one's own included, and the same as plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.input_spec import AlignmentTemplate, InputSpec, canvas_shape, default_size
from maskrec.contracts.plain_input_spec import input_spec_from_plain, input_spec_to_plain

POINTS = ((30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366), (33.5493, 92.3655), (62.7299, 92.2041))
NARROW = AlignmentTemplate(POINTS, 112, 96)


def test_names_are_square_canvases_and_a_template_has_its_own() -> None:
    for name in ("arcface", "box", "none"):
        assert InputSpec(112, alignment=name).canvas == (112, 112)  # type: ignore[arg-type]
    assert InputSpec(112, alignment=NARROW).canvas == (112, 96)
    assert InputSpec(224, alignment=NARROW).canvas == (224, 192)
    assert [canvas_shape(size, NARROW) for size in (7, 9)] == [(7, 6), (9, 8)]
    assert canvas_shape(1, AlignmentTemplate(POINTS, 1000, 100)) == (1, 1)
    assert (default_size(NARROW, 160), default_size("arcface", 160)) == (112, 160)


def test_equal_points_are_an_equal_template_that_can_be_a_key() -> None:
    again = AlignmentTemplate([list(point) for point in POINTS], 112, 96)  # type: ignore[misc]
    assert again == NARROW
    assert hash(again) == hash(NARROW)
    assert again != AlignmentTemplate(POINTS, 112, 97)
    assert str(NARROW) == "template of 112 x 96"


@pytest.mark.parametrize(
    ("points", "height", "width", "said"),
    [
        (POINTS[:4], 112, 96, "five points"),
        ((*POINTS[:4], (1.0, 2.0, 3.0)), 112, 96, "five points"),
        ((*POINTS[:4], (1.0, float("nan"))), 112, 96, "five points"),
        ((*POINTS[:4], (1.0, float("inf"))), 112, 96, "five points"),
        ((POINTS[1], POINTS[0], *POINTS[2:]), 112, 96, "upright face"),
        ((*POINTS[:3], POINTS[4], POINTS[3]), 112, 96, "upright face"),
        ((POINTS[3], POINTS[4], POINTS[2], POINTS[0], POINTS[1]), 112, 96, "upright face"),
        ((POINTS[0],) * 5, 112, 96, "upright face"),
        (POINTS, 60, 96, "on its canvas of 60 x 96"),
        (POINTS, 112, 40, "on its canvas of 112 x 40"),
        (POINTS, 0, 96, "height must be 1 to 2048 pixels, not 0"),
        (POINTS, 112, 2049, "width must be 1 to 2048 pixels, not 2049"),
        (POINTS, 112.0, 96, "height must be 1 to 2048 pixels"),
        (POINTS, True, 96, "height must be 1 to 2048 pixels"),
    ],
)
def test_templates_that_cannot_be_are_refused(points: Any, height: Any, width: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AlignmentTemplate(points, height, width)


@pytest.mark.parametrize("alignment", ["eyes", "", None, (112, 96), {"points": POINTS}])
def test_other_alignments_are_refused(alignment: Any) -> None:
    with pytest.raises(ValueError, match="does not know color 'rgb' or alignment"):
        InputSpec(112, alignment=alignment)


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 2048),
    width=st.integers(90, 200),
    moved=st.floats(-20, 20),
    color=st.sampled_from(["rgb", "bgr"]),
    alignment=st.sampled_from(["arcface", "box", "none", "template"]),
)
def test_plain_values_give_the_same_back(size: int, width: int, moved: float, color: str, alignment: str) -> None:
    points = [(x + moved, y) for x, y in POINTS]
    placed = AlignmentTemplate(points, 224, width) if alignment == "template" else alignment
    spec = InputSpec(size, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), color, placed)  # type: ignore[arg-type]
    assert input_spec_from_plain(json.loads(json.dumps(input_spec_to_plain(spec)))) == spec


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ([], "not a map"),
        ({}, "size is not a whole number"),
        ({"size": True}, "size is not a whole number"),
        ({"size": 2049}, "the largest canvas has 2048"),
        ({"size": 0}, "at least 1 pixel"),
        ({"size": 9, "mean": [0, 0, 10**400]}, "`mean` is not a list of finite numbers"),
        ({"size": 9, "std": "1"}, "`std` is not a list of finite numbers"),
        ({"size": 9, "alignment": ["arcface"]}, "is not a word"),
        ({"size": 9, "color": 7}, "is not a word"),
        ({"size": 9, "alignment": {}}, "other fields than points, height and width"),
        ({"size": 9, "alignment": {"points": POINTS, "height": 112, "width": 96, "more": 1}}, "other fields"),
        ({"size": 9, "alignment": {"points": 7, "height": 112, "width": 96}}, "not lists of finite numbers"),
        ({"size": 9, "alignment": {"points": [[1, "2"]] * 5, "height": 112, "width": 96}}, "not lists of finite"),
        ({"size": 9, "alignment": {"points": [[1, 2]] * 9, "height": 112, "width": 96}}, "five points"),
        (
            {"size": 2048, "alignment": {"points": [list(each) for each in POINTS], "height": 112, "width": 2000}},
            "pixels wide, and none is wider than 2048",
        ),
    ],
)
def test_plain_values_of_another_form_are_a_sentence(plain: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        input_spec_from_plain(plain)
