"""A mask's numbers as one matrix against each of them by itself, and what putting on masks asks of a device."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from operation_counts import OperationCounts
from plain_mask_numbers import plain_numbers
from torch import Tensor
from warm_python import run_python

from maskrec.base.random import SeededDraws
from maskrec.faces.alignment import arcface_template
from maskrec.faces.masks import DRAWN, MASK_TYPES, drawn, put_on_masks
from maskrec.faces.masks.geometry import fit_camera
from maskrec.faces.masks.light import face_light
from maskrec.faces.masks.look_numbers import entries_of
from maskrec.faces.masks.types import TYPES
from maskrec.faces.masks.wearing import HEIGHT, NUMBERS, Wearing, worn_by

FACES = 90


def _faces(count: int, size: int, types: int) -> tuple[Tensor, Tensor, Tensor, SeededDraws]:
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(count, 3, size, size, generator=generator)
    points = torch.tensor(arcface_template(size), dtype=torch.float32)
    points = points + 0.01 * size * torch.randn(count, 5, 2, generator=generator)
    return images, points, torch.arange(count) % types, SeededDraws(3, 1, "mask", torch.arange(count))


def test_every_number_is_the_one_that_plain_arithmetic_gives() -> None:
    images, points, types, draws = _faces(FACES, 80, len(MASK_TYPES))
    uniform, rows = draws.matrix(DRAWN), torch.arange(FACES)
    found = worn_by(images, points, types, uniform, rows, Wearing()).numbers
    levels, sides = face_light(images, rows, fit_camera(points))
    drawn_of = {name: drawn(uniform, name).double().numpy() for name, _ in DRAWN}
    kinds = list(TYPES.values())
    seen = set()
    for face in range(FACES):
        given = [drawn_of[name][face] for name in ("mask_hang", "mask_fabric", "mask_colour")]
        kind = kinds[int(types[face])]
        wanted = plain_numbers(points[face].double().numpy(), kind, *given, float(levels[face]), float(sides[face]))
        assert wanted.keys() == NUMBERS.keys()
        for name, place in NUMBERS.items():
            assert float(found[face, place]) == pytest.approx(wanted[name], rel=1e-9, abs=1e-9), (face, name)
        seen.add((wanted["valve_x"], wanted["print_xx"] == 0.0, wanted["print_xy"] == 0.0))
    assert len(seen) > 5  # every branch of what is drawn


def test_bounds_and_draws_of_first_numbers_are_the_same_for_every_type() -> None:
    """The matrix takes them from the first type."""
    rows = [[(e.name, e.draw, e.low, e.high) for e in entries_of(kind, HEIGHT)] for kind in TYPES.values()]
    for row, first in zip(zip(*rows, strict=True), rows[0], strict=True):
        assert {(name, low, high) for name, _, low, high in row} == {(first[0], *first[2:])}
        assert len({draw for _, draw, _, _ in row}) == 1
    assert all(low < high for _, _, low, high in rows[0])


def test_numbers_draws_and_light_take_150_operations() -> None:
    images, points, types, draws = _faces(64, 64, 11)
    worn_by(images, points, types, draws.matrix(DRAWN), torch.arange(64), Wearing())  # constants are made once
    draws = SeededDraws(3, 1, "mask", torch.arange(64))
    with OperationCounts() as counts:
        worn_by(images, points, types, draws.matrix(DRAWN), torch.arange(64), Wearing())
    assert 100 < counts.operations <= 150
    assert counts.host_reads == 0


@pytest.mark.parametrize(("count", "size", "types", "share"), [(128, 64, 5, 2), (128, 64, 11, 2), (64, 160, 5, 5)])
def test_painting_takes_500_operations(count: int, size: int, types: int, share: int) -> None:
    """The quickstart's batch, also with eleven types, and that of `distill_masked`, four of five faces masked."""
    images, points, kinds, _ = _faces(count, size, types)
    bare = torch.arange(count) % share == 0
    kinds = torch.where(bare, -1, kinds)
    for _ in range(2):
        with OperationCounts() as counts:
            put_on_masks(images, points, kinds, SeededDraws(3, 1, "mask", torch.arange(count)))
    assert 200 < counts.operations <= 500 + 150
    assert counts.host_reads == 0


def test_drawing_many_names_at_once_changes_no_bit() -> None:
    draws = SeededDraws(3, 1, "mask", torch.arange(FACES))
    together = draws.matrix(DRAWN)
    for name, count in DRAWN:
        apart = SeededDraws(3, 1, "mask", torch.arange(FACES)).uniform(name, (count,))
        assert torch.equal(drawn(together, name), apart)
    assert draws.matrix(DRAWN) is together


def test_masks_look_as_they_did_when_each_number_was_computed_by_itself() -> None:
    """Pictures of every type that the code drew before numbers were a matrix (commit 969cc08), on gray faces."""
    kept = np.load(Path(__file__).with_name("masks_of_every_type.npz"))["pictures"]
    count, size = len(MASK_TYPES), 48
    shade = torch.linspace(0.3, 0.8, size).expand(count, 3, size, size).clone()
    points = torch.tensor(arcface_template(size), dtype=torch.float32).expand(count, 5, 2)
    worn = put_on_masks(shade, points, torch.arange(count), SeededDraws(11, 0, "mask", torch.arange(count)))
    assert np.abs(worn.mul(255).round().numpy() - kept.astype(np.float32)).max() <= 1.0
    assert (worn.mul(255).round().to(torch.uint8).numpy() != kept).mean() < 1e-3


ON_A_DEVICE = """
import sys
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from maskrec.runtime.loading import LoadedBatch
from maskrec.runtime.model_input import apply_transforms
from maskrec.transforms.horizontal_flip import HorizontalFlip
from maskrec.transforms.synthetic_mask import SyntheticMask
from operation_counts import OperationCounts

if sys.argv[1] == "plain":
    sys.modules["triton"] = None

with FakeTensorMode():
    given = dict(dtype=torch.int64, device="cuda")
    images = torch.zeros(128, 3, 64, 64, dtype=torch.uint8, device="cuda")
    numbers = [torch.zeros(128, **given) for _ in range(3)]
    masked, points = torch.zeros(128, dtype=torch.bool, device="cuda"), torch.zeros(128, 5, 2, device="cuda")
    loaded = LoadedBatch(images, numbers[0], points, masked, numbers[1], numbers[2])
    transforms = {"flip": HorizontalFlip(), "mask": SyntheticMask()}
    for _ in range(2):
        with OperationCounts() as counts:
            batch = apply_transforms(loaded, transforms, 0, 0, 0)
    assert batch.images.device.type == "cuda"
    print(counts.operations, counts.host_reads, counts.names["paint_masks"])
"""


@pytest.mark.parametrize(("form", "most", "kernels"), [("plain", 700, 0), ("fused", 200, 1)])
def test_on_a_gpu_the_transforms_of_a_batch_read_nothing(form: str, most: int, kernels: int) -> None:
    """On tensors that only pretend to be there: PyTorch refuses to read them. Launches are at most the operations."""
    search = str(Path(__file__).parents[2] / "support")
    done = run_python(["-c", ON_A_DEVICE, form], env={**os.environ, "PYTHONPATH": search})
    assert done.returncode == 0, done.stderr
    operations, reads, painted = map(int, done.stdout.split())
    assert 100 < operations <= most
    assert reads == 0
    assert painted == kernels
