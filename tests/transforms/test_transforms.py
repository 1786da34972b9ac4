"""Every transform against loops in float64, and what all transforms have in common."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from face_batches import random_batch
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.base.random import SeededDraws
from maskrec.contracts.context import CheckContext
from maskrec.contracts.sample import Batch
from maskrec.faces.masks import MASK_TYPES
from maskrec.transforms.color_jitter import ColorJitter
from maskrec.transforms.horizontal_flip import HorizontalFlip
from maskrec.transforms.lower_face_cutout import LowerFaceCutout
from maskrec.transforms.random_affine import RandomAffine
from maskrec.transforms.random_erasing import RandomErasing
from maskrec.transforms.synthetic_mask import SyntheticMask
from maskrec.transforms.upper_face_crop import UpperFaceCrop

ALL: dict[str, Callable[[], Callable[[Batch, SeededDraws], Batch]]] = {
    "flip": lambda: HorizontalFlip(),
    "affine": lambda: RandomAffine(),
    "jitter": lambda: ColorJitter(0.4, 0.4, 0.4, 0.1),
    "erasing": lambda: RandomErasing(0.8),
    "mask": lambda: SyntheticMask(0.7, list(MASK_TYPES), wear={"under_nose": 0.2, "on_chin": 0.2}),
    "cutout": lambda: LowerFaceCutout(0.7, (0.0, 0.8)),
    "crop": lambda: UpperFaceCrop(0.7, (0.0, 0.8)),
}


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    cut = {
        field.name: value[start:stop]
        for field in fields(Batch)
        if isinstance(value := getattr(batch, field.name), Tensor)
    }
    return replace(batch, **cut)


def _draws(start: int, stop: int, epoch: int = 0) -> SeededDraws:
    return SeededDraws(3, epoch, "label", torch.arange(start, stop))


def _same(a: Batch, b: Batch, names: tuple[str, ...]) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("name", ALL)
def test_batching_changes_no_bit(name: str) -> None:
    batch, transform = random_batch(17), ALL[name]()
    whole = transform(batch, _draws(0, 17))
    for step in (1, 3, 8):
        for start in range(0, 17, step):
            stop = min(start + step, 17)
            part = transform(_rows(batch, start, stop), _draws(start, stop))
            assert _same(part, _rows(whole, start, stop), ("images", "clean", "landmarks", "masked", "labels"))


@pytest.mark.parametrize("name", ALL)
def test_copies_in_a_batch_differ_and_nothing_given_is_changed(name: str) -> None:
    one = _rows(random_batch(4), 0, 1)
    copies = replace(
        one,
        **{
            field.name: value.repeat(40, *[1] * (value.ndim - 1))
            for field in fields(Batch)
            if isinstance(value := getattr(one, field.name), Tensor)
        },
    )
    before = {
        field.name: value.clone() for field in fields(Batch) if isinstance(value := getattr(copies, field.name), Tensor)
    }
    result = ALL[name]()(copies, _draws(0, 40))
    assert len({image.numpy().tobytes() for image in result.images}) >= (2 if name == "flip" else 20)
    for field_name, value in before.items():
        assert torch.equal(getattr(copies, field_name), value)
    again = ALL[name]()(copies, _draws(0, 40, epoch=1))
    assert not torch.equal(again.images, result.images)
    assert result.images.dtype == torch.float32
    assert result.images.min() >= 0
    assert result.images.max() <= 1


@pytest.mark.parametrize("name", ["jitter", "erasing", "mask", "cutout"])
def test_only_images_change_where_only_images_may(name: str) -> None:
    batch = random_batch(20)
    result = ALL[name]()(batch, _draws(0, 20))
    assert _same(batch, result, ("clean", "landmarks", "labels", "indices"))
    if name not in ("mask", "cutout"):
        assert torch.equal(batch.masked, result.masked)
    assert (batch.epoch, batch.step) == (result.epoch, result.step)


@pytest.mark.parametrize("name", ["flip", "affine", "jitter", "erasing"])
def test_landmarks_are_not_needed(name: str) -> None:
    result = ALL[name]()(random_batch(9, landmarks=False), _draws(0, 9))
    assert result.landmarks is None


def test_flip_against_a_loop() -> None:
    batch = random_batch(40)
    result = HorizontalFlip(0.5)(batch, _draws(0, 40))
    assert batch.landmarks is not None
    assert result.landmarks is not None
    flipped = 0
    for i in range(40):
        if float(_draws(i, i + 1).uniform("flip")) >= 0.5:
            assert _same(_rows(batch, i, i + 1), _rows(result, i, i + 1), ("images", "clean", "landmarks"))
            continue
        flipped += 1
        for x in range(48):
            assert torch.equal(result.images[i, :, :, x], batch.images[i, :, :, 47 - x])
            assert torch.equal(result.clean[i, :, :, x], batch.clean[i, :, :, 47 - x])
        for new, old in enumerate([1, 0, 2, 4, 3]):
            x, y = (float(value) for value in batch.landmarks[i, old])
            assert result.landmarks[i, new].tolist() == pytest.approx([47 - x, y], abs=1e-5)
        assert result.landmarks[i, 0, 0] < result.landmarks[i, 1, 0]
    assert 5 < flipped < 35


def test_a_pixel_at_a_landmark_is_still_at_it_when_flipped() -> None:
    batch = random_batch(1)
    assert batch.landmarks is not None
    batch.landmarks = batch.landmarks.round()
    batch.images.zero_()
    x, y = (int(value) for value in batch.landmarks[0, 0])
    batch.images[0, :, y, x] = 1
    result = HorizontalFlip(1.0)(batch, _draws(0, 1))
    assert result.landmarks is not None
    x, y = (int(value) for value in result.landmarks[0, 1])
    assert (result.images[0, :, y, x] == 1).all()


def _jitter_by_hand(image: Tensor, brightness: float, contrast: float, saturation: float, hue: float) -> Tensor:
    """Pixel by pixel in Python floats, after the definitions."""
    height, width = image.shape[1:]
    pixels = [[[float(image[c, y, x]) for c in range(3)] for x in range(width)] for y in range(height)]

    def clamp(value: float) -> float:
        return min(max(value, 0.0), 1.0)

    def luma(pixel: list[float]) -> float:
        return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]

    pixels = [[[clamp(value * brightness) for value in pixel] for pixel in row] for row in pixels]
    mean = sum(luma(pixel) for row in pixels for pixel in row) / (height * width)
    pixels = [[[clamp(mean + (value - mean) * contrast) for value in pixel] for pixel in row] for row in pixels]
    pixels = [
        [[clamp(luma(pixel) + (value - luma(pixel)) * saturation) for value in pixel] for pixel in row]
        for row in pixels
    ]
    forward = torch.tensor(
        [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], dtype=torch.float64
    )
    back = torch.linalg.inv(forward)
    for row in pixels:
        for x, pixel in enumerate(row):
            luma_i_q = forward @ torch.tensor(pixel, dtype=torch.float64)
            chroma = complex(float(luma_i_q[1]), float(luma_i_q[2])) * complex(
                math.cos(2 * math.pi * hue), math.sin(2 * math.pi * hue)
            )
            turned = back @ torch.tensor([float(luma_i_q[0]), chroma.real, chroma.imag], dtype=torch.float64)
            row[x] = [clamp(float(value)) for value in turned]
    return torch.tensor(pixels, dtype=torch.float64).permute(2, 0, 1)


def test_jitter_against_a_loop() -> None:
    batch = random_batch(3, size=9)
    ranges = {"brightness": (0.6, 1.5), "contrast": (0.5, 1.4), "saturation": (0.0, 2.0), "hue": (-0.2, 0.3)}
    result = ColorJitter(**ranges)(batch, _draws(0, 3))
    for i in range(3):
        drawn = [low + (high - low) * float(_draws(i, i + 1).uniform(name)) for name, (low, high) in ranges.items()]
        assert (result.images[i] - _jitter_by_hand(batch.images[i].double(), *drawn)).abs().max() < 1e-5


def test_jitter_of_nothing_is_nothing_and_hues_turn_the_right_way() -> None:
    batch = random_batch(4)
    assert torch.equal(ColorJitter(0.0, 0.0, 0.0, 0.0)(batch, _draws(0, 4)).images, batch.images)
    batch.images[:] = torch.tensor([0.6, 0.4, 0.4])[None, :, None, None]
    turned = ColorJitter(0.0, 0.0, 0.0, (0.1, 0.1))(batch, _draws(0, 4)).images[0, :, 0, 0].tolist()
    grays = ColorJitter(0.0, 0.0, (0.0, 0.0), 0.0)(batch, _draws(0, 4)).images[0, :, 0, 0]
    assert max(grays.tolist()) - min(grays.tolist()) < 1e-6
    # About a tenth of the circle, whichever way the hue goes round.
    hue = colorsys.rgb_to_hsv(*turned)[0]
    assert 0.05 < min(hue, 1 - hue) < 0.15


def test_jitter_ranges_as_numbers() -> None:
    jitter = ColorJitter(0.3, 1.5, 2, 0.1)
    assert jitter.ranges["brightness"] == pytest.approx((0.7, 1.3))
    assert jitter.ranges["contrast"] == pytest.approx((0.0, 2.5))
    assert jitter.ranges["saturation"] == pytest.approx((0.0, 3.0))
    assert jitter.ranges["hue"] == pytest.approx((-0.1, 0.1))


def test_erasing_fills_one_rectangle_of_the_right_area() -> None:
    size, count = 64, 300
    batch = random_batch(count, size)
    batch.images.fill_(0.5)
    result = RandomErasing(0.6, (0.05, 0.2), (0.5, 2.0), (1.0, 0.0, 0.25))(batch, _draws(0, count))
    erased = 0
    corners = []
    for image in result.images:
        hidden = (image != 0.5).any(0)
        if not hidden.any():
            continue
        erased += 1
        rows, columns = hidden.any(1).nonzero().flatten(), hidden.any(0).nonzero().flatten()
        height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
        assert int(hidden.sum()) == height * width
        assert image[:, rows[0], columns[0]].tolist() == [1.0, 0.0, 0.25]
        assert 0.04 < height * width / size**2 < 0.22
        assert 0.4 < height / width < 2.5
        corners.append((int(rows[0]), int(columns[0]), size - 1 - int(rows[-1]), size - 1 - int(columns[-1])))
    assert 0.5 < erased / count < 0.7
    assert all(min(corner[side] for corner in corners) <= 1 for side in range(4))  # every edge is reached


def test_erasing_everything_and_nothing() -> None:
    batch = random_batch(5)
    assert (RandomErasing(1.0, (1.0, 1.0), (1.0, 1.0), 0.0)(batch, _draws(0, 5)).images == 0).all()
    assert torch.equal(RandomErasing(0.0)(batch, _draws(0, 5)).images, batch.images)
    tall = RandomErasing(1.0, (0.5, 0.5), (100.0, 100.0), 0.0)(batch, _draws(0, 5)).images
    assert ((tall == 0).all(1).sum((1, 2)) >= 48).all()


def test_masks_are_worn_by_the_bare_and_flagged() -> None:
    batch = random_batch(200, size=24)
    result = SyntheticMask(0.5, {"n95": 1.0, "cloth_black": 1.0})(batch, _draws(0, 200))
    changed = (result.images != batch.images).flatten(1).any(1)
    assert not changed[batch.masked].any()
    assert torch.equal(result.masked, batch.masked | changed)
    assert 0.35 < float(changed[~batch.masked].float().mean()) < 0.65
    everybody = SyntheticMask(1.0)(batch, _draws(0, 200))
    assert everybody.masked.all()
    assert not torch.equal(everybody.images, batch.images)
    assert torch.equal(SyntheticMask(0.0)(batch, _draws(0, 200)).images, batch.images)
    again = SyntheticMask(1.0)(everybody, SeededDraws(3, 0, "second", torch.arange(200)))
    assert torch.equal(again.images, everybody.images)


@pytest.mark.parametrize("transform", [SyntheticMask, LowerFaceCutout, UpperFaceCrop])
def test_transforms_that_use_landmarks_need_them(transform: type) -> None:
    assert transform.needs_landmarks  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="needs landmarks"):
        transform()(random_batch(2, landmarks=False), _draws(0, 2))


@pytest.mark.parametrize(
    ("transform", "values", "words"),
    [
        (HorizontalFlip, {"probability": 1.5}, "0 to 1"),
        (HorizontalFlip, {"probability": math.nan}, "0 to 1"),
        (ColorJitter, {"brightness": -0.1}, "from 0 to 10"),
        (ColorJitter, {"contrast": (1.2, 0.8)}, "ascending"),
        (ColorJitter, {"hue": 0.7}, "from 0 to 0.5"),
        (ColorJitter, {"hue": (-0.7, 0.1)}, "-0.5 to 0.5"),
        (ColorJitter, {"saturation": math.nan}, "saturation"),
        (RandomErasing, {"probability": -1}, "0 to 1"),
        (RandomErasing, {"area": (0.0, 1.5)}, "area"),
        (RandomErasing, {"aspect": (0.0, 1.0)}, "aspect"),
        (RandomErasing, {"value": 2.0}, "value"),
        (RandomErasing, {"value": (0.1, 0.2)}, "value"),
        (SyntheticMask, {"probability": 2}, "0 to 1"),
        (SyntheticMask, {"types": ["surgical_gren"]}, "did you mean surgical_green"),
        (SyntheticMask, {"height": (0.5, 0.9)}, "0 to 0.8"),
        (SyntheticMask, {"height": (0.5, 0.4)}, "ascending"),
        (SyntheticMask, {"cheeks": (0.0, 0.7)}, "0 to 0.5"),
        (SyntheticMask, {"wear": {"undernose": 0.1}}, "did you mean under_nose"),
        (SyntheticMask, {"wear": {"on_chin": 0.6, "under_nose": 0.6}}, "at most 1"),
        (SyntheticMask, {"wear": {"on_chin": math.nan}}, "0 or more"),
        (SyntheticMask, {"colors": ["#ff0000"]}, "has no effect"),
        (LowerFaceCutout, {"probability": 2}, "0 to 1"),
        (LowerFaceCutout, {"height": (0.0, 1.0)}, "0 to 0.8"),
        (LowerFaceCutout, {"value": -0.5}, "value"),
        (UpperFaceCrop, {"probability": math.nan}, "0 to 1"),
        (UpperFaceCrop, {"height": (math.nan, 0.5)}, "0 to 0.8"),
    ],
)
def test_checks_and_constructors_say_the_same(transform: type, values: dict[str, object], words: str) -> None:
    import inspect

    defaults = {name: item.default for name, item in inspect.signature(transform).parameters.items()}
    problems = list(transform.check(defaults | values, CheckContext()))  # type: ignore[attr-defined]
    assert [problem.path for problem in problems] == list(values)
    assert words in problems[0].message
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        transform(**values)
    assert str(caught.value) == problems[0].message


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", ALL)
def test_gpu_and_cpu_agree(name: str) -> None:
    batch = random_batch(33)
    on_gpu = replace(
        batch,
        **{
            field.name: value.cuda()
            for field in fields(Batch)
            if isinstance(value := getattr(batch, field.name), Tensor)
        },
    )
    here = ALL[name]()(batch, _draws(0, 33))
    there = ALL[name]()(on_gpu, SeededDraws(3, 0, "label", torch.arange(33).cuda()))
    assert (here.images - there.images.cpu()).abs().max() < 1e-3
    assert torch.equal(here.masked, there.masked.cpu())


def _narrow(batch: Batch) -> Batch:
    """The middle columns of a batch: canvases of 48 x 36."""
    assert batch.landmarks is not None
    columns = slice(6, 42)
    return replace(
        batch,
        images=batch.images[..., columns].contiguous(),
        clean=batch.clean[..., columns].contiguous(),
        landmarks=batch.landmarks - torch.tensor([6.0, 0.0]),
    )


@pytest.mark.parametrize("name", ALL)
def test_canvases_need_not_be_square(name: str) -> None:
    batch = _narrow(random_batch(17))
    changed = ALL[name]()(batch, _draws(0, 17))
    assert changed.images.shape == changed.clean.shape == (17, 3, 48, 36)
    assert changed.images.ge(0).all()
    assert changed.images.le(1).all()
    assert not torch.equal(changed.images, batch.images)


@pytest.mark.parametrize(
    ("transform", "point"), [(HorizontalFlip(1.0), 2), (RandomAffine(20.0), 2), (UpperFaceCrop(1.0, (0.3, 0.6)), 0)]
)
def test_a_spot_on_a_landmark_stays_on_it_on_a_narrow_canvas(
    transform: Callable[[Batch, SeededDraws], Batch], point: int
) -> None:
    batch = _narrow(random_batch(12))
    assert batch.landmarks is not None
    x, y = batch.landmarks[:, point, 0, None, None], batch.landmarks[:, point, 1, None, None]
    distance = (torch.arange(36.0) - x) ** 2 + (torch.arange(48.0)[:, None] - y) ** 2
    spots = torch.exp(-distance / 8)[:, None].expand(-1, 3, -1, -1).contiguous()
    moved = transform(replace(batch, images=spots, clean=(spots * 255).to(torch.uint8)), _draws(0, 12))
    assert moved.landmarks is not None
    places = moved.landmarks[:, point]
    inside = [number for number, (x, y) in enumerate(places.tolist()) if 2 < x < 33 and 2 < y < 45]
    assert len(inside) >= 6
    for number in inside:
        row, column = divmod(int(moved.images[number, 0].argmax()), 36)
        assert math.hypot(column - places[number, 0], row - places[number, 1]) < 1.5
