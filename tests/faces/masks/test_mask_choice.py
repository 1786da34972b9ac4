"""Which masks are chosen, how they are worn and which colours they have."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.faces.alignment import arcface_template
from maskrec.faces.masks import FREE_TYPES, MASK_TYPES, choose_types, mask_index, put_on_masks, type_problems

SIZE = 112


def _worn(name: str, count: int = 24, **keywords: object) -> Tensor:
    """Masks on gray faces that look into the camera."""
    images = torch.full((count, 3, SIZE, SIZE), 0.6)
    points = torch.tensor(arcface_template(SIZE), dtype=torch.float32).expand(count, 5, 2)
    types = torch.full((count,), mask_index(name))
    return put_on_masks(images, points, types, SeededDraws(4, 0, "mask", torch.arange(count)), **keywords)  # type: ignore[arg-type]


def _top(worn: Tensor, left: int = 55) -> Tensor:
    """First changed row of three columns, of each face; by default those through the nose's tip."""
    column = (worn[:, :, :, left : left + 3] - 0.6).abs().amax((1, 3)) > 0.15
    return column.float().argmax(1)


def test_choice_of_types_follows_the_weights() -> None:
    uniform = torch.linspace(0, 1, 10_001)[:-1]
    even = choose_types(uniform, None).bincount(minlength=5)
    assert (even - 2000).abs().max() <= 1
    weighted = choose_types(uniform, {"cloth_black": 3, "n95": 1.0, "kn95": 0}).bincount(minlength=5)
    assert weighted.tolist() == pytest.approx([0, 0, 2500, 0, 7500], abs=1)
    assert choose_types(uniform, ["kn95"]).unique().tolist() == [3]
    assert choose_types(uniform[:0], None).shape == (0,)


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ([], "empty"),
        ({}, "empty"),
        (["n59"], "did you mean n95"),
        (["n95", "n95"], "twice"),
        ({"n95": 0.0}, "above 0"),
        ({"n95": -1.0, "kn95": 2.0}, "0 or more"),
        ({"n95": math.nan}, "0 or more"),
        ({"n95": math.inf}, "0 or more"),
    ],
)
def test_wrong_choices_of_types(types: object, words: str) -> None:
    assert any(words in sentence for sentence in type_problems(types))  # type: ignore[arg-type]
    with pytest.raises(ValueError):  # noqa: PT011
        choose_types(torch.zeros(1), types)  # type: ignore[arg-type]


def test_height_moves_the_upper_edge() -> None:
    low, high = _top(_worn("cloth_black", height=(0.1, 0.1))), _top(_worn("cloth_black", height=(0.8, 0.8)))
    # 0.7 of the nose's 20 pixels, and every mask sits a little off.
    assert 11 < float((low - high).float().mean()) < 17
    spread = _top(_worn("cloth_black", 60, height=(0.0, 0.8))).float()
    assert spread.max() - spread.min() > 10


@pytest.mark.parametrize("cheek", [30, 80])
def test_cheeks_are_pulled_up_and_the_nose_is_not(cheek: int) -> None:
    cut = _worn("cloth_black", 60, height=(0.7, 0.7))
    pulled = _worn("cloth_black", 60, height=(0.7, 0.7), cheeks=(0.3, 0.3))
    # 0.3 of the cheek's 20 pixels below the eyes.
    assert 4 < float((_top(cut, cheek) - _top(pulled, cheek)).float().mean()) < 8
    assert (_top(cut) - _top(pulled)).abs().max() <= 1
    spread = _top(_worn("cloth_black", 60, height=(0.7, 0.7), cheeks=(0.0, 0.5)), cheek)
    assert (spread <= _top(cut, cheek)).all()
    assert (_top(cut, cheek) - spread).max() >= 8
    assert (_top(cut, cheek) - spread).min() <= 1


def test_cheeks_never_rise_above_the_nose() -> None:
    # Masks sit aslant by up to three degrees: two pixels over a cheek.
    pulled = _worn("cloth_black", 60, height=(0.2, 0.2), cheeks=(0.5, 0.5))
    assert (torch.minimum(_top(pulled, 30), _top(pulled, 80)) >= _top(pulled) - 2).all()


def test_cheeks_left_as_they_are_cut_change_no_bit() -> None:
    assert torch.equal(_worn("n95"), _worn("n95", cheeks=(0.0, 0.0)))
    fallen = _worn("n95", wear={"on_chin": 1.0})
    assert torch.equal(fallen, _worn("n95", wear={"on_chin": 1.0}, cheeks=(0.4, 0.4)))


def test_masks_under_the_nose_and_on_the_chin() -> None:
    nose, mouth = 72, 92
    assert (_top(_worn("cloth_black")) < nose - 4).all()
    under = _top(_worn("cloth_black", wear={"under_nose": 1.0}))
    assert (under > nose).all()
    assert (under < mouth - 4).all()
    assert (_top(_worn("cloth_black", wear={"on_chin": 1.0})) > mouth + 2).all()
    mixed = _top(_worn("cloth_black", 400, wear={"under_nose": 0.25, "on_chin": 0.25}))
    shares = [float(part.float().mean()) for part in (mixed <= nose, (mixed > nose) & (mixed < mouth), mixed >= mouth)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.08)


def test_wear_that_hits_no_face_changes_no_face() -> None:
    assert torch.equal(_worn("n95"), _worn("n95", wear={"under_nose": 0.0}))
    assert torch.equal(_worn("n95"), _worn("n95", wear={}))


@pytest.mark.parametrize("name", FREE_TYPES)
def test_colours_are_the_given_ones(name: str) -> None:
    middle = _worn(name, 40, colors=["#d01010"])[:, :, 84:92, 50:62].mean((2, 3))
    if name.startswith(("cloth_", "scarf")):  # printed with black or white
        assert (middle[:, 0] >= middle[:, 1] - 0.02).all()
        assert (middle[:, 0] > middle[:, 1] + 0.2).float().mean() > 0.6
    else:
        assert (middle[:, 0] > middle[:, 1] + 0.3).all()
        assert (middle[:, 1] - middle[:, 2]).abs().max() < 0.05


def test_colours_are_chosen_evenly_and_any_without_a_choice() -> None:
    middle = _worn("cloth", 300, colors=["#ff0000", "#00ff00", "#0000ff"])[:, :, 84:92, 50:62].mean((2, 3))
    assert middle.argmax(1).bincount(minlength=3).tolist() == pytest.approx([100, 100, 100], abs=30)
    free = _worn("cloth", 300)[:, :, 84:92, 50:62].mean((2, 3))
    assert free.argmax(1).bincount(minlength=3).min() > 40
    assert free.mean(1).min() < 0.2
    assert free.mean(1).max() > 0.7
    fixed = _worn("surgical_blue", 10)
    assert torch.equal(fixed, _worn("surgical_blue", 10, colors=["#ff0000"]))


@pytest.mark.parametrize("name", [name for name in MASK_TYPES if name.startswith("cloth_") and name != "cloth_black"])
def test_prints_show_more_than_one_colour(name: str) -> None:
    """Red cloth printed with green and blue shows each of them somewhere."""
    area = _worn(name, 60, colors=["#ff0000", "#00ff00", "#0000ff"])[:, :, 74:100, 40:72]
    shown = (area == area.amax(1, keepdim=True)).flatten(2).float().mean(2)
    assert ((shown > 0.03).sum(1) >= 2).float().mean() > 0.7


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"height": (0.5, 0.9)}, "0 to 0.8"),
        ({"height": (0.5,)}, "two ascending"),
        ({"height": (math.nan, 0.5)}, "two ascending"),
        ({"cheeks": (0.3, 0.2)}, "two ascending"),
        ({"cheeks": (0.0, 0.6)}, "0 to 0.5"),
        ({"cheeks": (math.nan, 0.5)}, "two ascending"),
        ({"wear": {"over_nose": 0.5}}, "did you mean under_nose"),
        ({"wear": {"sideways": 0.5}}, "'sideways' is not a way"),
        ({"wear": {"on_chin": -0.5}}, "0 or more"),
        ({"wear": {"on_chin": 0.7, "under_nose": 0.7}}, "at most 1"),
        ({"colors": []}, "empty"),
        ({"colors": ["red"]}, "#rrggbb"),
        ({"colors": ["#12345"]}, "#rrggbb"),
        ({"colors": ["#1234567"]}, "#rrggbb"),
        ({"colors": ["#12345g"]}, "#rrggbb"),
    ],
)
def test_wrong_wishes(keywords: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _worn("cloth", 1, **keywords)
