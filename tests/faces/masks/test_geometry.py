"""The camera and the head's rays against plain float64, and the memory that a batch takes."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from maskrec.faces.masks.geometry import Camera, fit_camera, reach
from maskrec.faces.masks.head_rays import HALF_DEPTH, HALF_WIDTH, RAY_NUMBERS, SIZE, Surface, meet_head, ray_numbers
from maskrec.faces.masks.number_matrix import Numbers

HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.571, 0.42], [-0.414, 1.156, 0.1], [0.414, 1.156, 0.1]])


def _seen(degrees: float, roll: float = 0.0, nod: float = 0.0, scale: float = 35.0) -> NDArray[np.float64]:
    """Five points of a turned head, x and y in pixels."""
    yaw, pitch, tilt = (math.radians(angle) for angle in (degrees, nod, roll))
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(tilt), -math.sin(tilt), 0], [math.sin(tilt), math.cos(tilt), 0], [0, 0, 1]])
    return scale * (HEAD @ (about_z @ about_x @ about_y).T)[:, :2] + [56, 45]


def _plain_fit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine 3-D to 2-D by numpy's least squares: columns across, below, depth, origin."""
    solution = np.linalg.lstsq(np.column_stack([HEAD, np.ones(5)]), points, rcond=None)[0]
    return np.asarray(solution.T)


def _values(camera: Camera) -> dict[str, float]:
    """One face's camera, number by number."""
    across, below = camera.axes[0].tolist()
    origin, turn = camera.origin[0, 0].tolist(), camera.turn[0].tolist()
    names = ("across_x", "across_y", "below_x", "below_y", "origin_x", "origin_y", "yaw", "pitch")
    return dict(zip(names, (*across, *below, *origin, *turn), strict=True))


def _met(camera: Camera, bulge: float, taper: float, x: Tensor, y: Tensor) -> Surface:
    """Where the rays through pixels meet a surface."""
    zero, one, two = taper * SIZE[0] + 1.0 - taper, taper * SIZE[1], taper * SIZE[2]
    weights = torch.tensor([[HALF_WIDTH**-2, -two, 1.0]]).double()
    sizes = torch.tensor([[0.0, -two, -0.5 * one, -two, -one, -zero]]).double()
    rays = ray_numbers(camera, torch.tensor([1.0 / (HALF_DEPTH + bulge)]).double(), weights, sizes)
    matrix = torch.cat([*rays.numbers, torch.tensor([[1.0 / (HALF_DEPTH + bulge)]]).double()], 1)
    factors = torch.tensor([*RAY_NUMBERS.values(), 1.0]).double()
    places = {name: place for place, name in enumerate((*RAY_NUMBERS, "near_unit"))}
    return meet_head(Numbers((matrix * factors).float().T, places), x, y)


@pytest.mark.parametrize(("turn", "roll", "nod"), [(0, 0, 0), (20, 10, 0), (-35, -25, 8), (45, 0, -10), (10, 170, 0)])
def test_the_camera_shows_the_head_where_the_landmarks_are(turn: float, roll: float, nod: float) -> None:
    points = _seen(turn, roll, nod)
    camera = _values(fit_camera(torch.tensor(points)[None]))
    across, below, depth, origin = _plain_fit(points).T
    assert [camera["origin_x"], camera["origin_y"]] == pytest.approx(list(origin), abs=1e-9)
    assert [camera["below_x"], camera["below_y"]] == pytest.approx(list(below), abs=1e-9)
    assert [camera["across_x"], camera["across_y"]] == pytest.approx(list(across), abs=1e-9)
    yaw, pitch = np.linalg.solve(np.column_stack([across, below]), depth)
    assert camera["yaw"] == pytest.approx(yaw, abs=1e-9)
    assert camera["yaw"] == pytest.approx(math.tan(math.radians(turn)), abs=0.03 if nod == 0 else 0.3)
    assert camera["pitch"] == pytest.approx(np.clip(0.4 * pitch, -0.35, 0.35), abs=1e-9)


@pytest.mark.parametrize("degrees", [75, 90, -90, 110])
def test_a_profile_keeps_some_width(degrees: float) -> None:
    camera = fit_camera(torch.tensor(_seen(degrees))[None])
    value = _values(camera)
    cross = value["across_x"] * value["below_y"] - value["across_y"] * value["below_x"]
    assert cross >= 0.34 * float(camera.scale) ** 2
    assert abs(value["yaw"]) <= 1.4


def _plain_ray(camera: Camera, x: float, y: float, bulge: float, taper: float) -> tuple[float, float, float] | None:
    """Tangent of half the angle, height and discriminant where the ray meets the surface, by trying three points."""
    value = _values(camera)
    matrix = [[value["across_x"], value["below_x"]], [value["across_y"], value["below_y"]]]
    right, down = np.linalg.solve(matrix, [x - value["origin_x"], y - value["origin_y"]])

    def at(near: float) -> tuple[float, float, float]:
        height = down - value["pitch"] * near
        size = taper * (1.022 - 0.049 * height - 0.162 * height**2) + 1.0 - taper
        sideways = (right - value["yaw"] * near) / 1.10
        forward = (near + 0.93 - 0.20 * height) / (1.30 + bulge)
        return sideways, forward, sideways**2 + forward**2 - size

    f0, f1, f2 = (at(near)[2] for near in (-1.0, 0.0, 1.0))
    a, b, c = (f0 + f2) / 2 - f1, (f2 - f0) / 2, f1
    square = b * b - 4 * a * c
    if square <= 0:
        return None
    near = (-b + math.sqrt(square)) / (2 * a)
    sideways, forward, _ = at(near)
    return math.tan(math.atan2(sideways, forward) / 2), down - value["pitch"] * near, square / a**2


@settings(max_examples=40, deadline=None)
@given(
    turn=st.floats(-60, 60),
    roll=st.floats(-40, 40),
    nod=st.floats(-15, 15),
    bulge=st.floats(0, 0.4),
    taper=st.sampled_from([1.0, 1.0, 0.25]),
)
def test_rays_meet_the_head_where_plain_arithmetic_says(
    turn: float, roll: float, nod: float, bulge: float, taper: float
) -> None:
    camera = fit_camera(torch.tensor(_seen(turn, roll, nod))[None])
    x, y = torch.arange(0, 112, 7).float(), torch.arange(40, 112, 5).float()
    surface = _met(camera, bulge, taper, x[None, None], y[None, :, None])
    met = 0
    for row, line in enumerate(y.tolist()):
        for column, place in enumerate(x.tolist()):
            plain = _plain_ray(camera, place, line, bulge, taper)
            if plain is None or plain[2] < 0.05:  # beside the head or at its edge
                continue
            across, down, _ = plain
            if abs(across) < 1.5:
                assert float(surface.across[0, row, column]) == pytest.approx(across, abs=2e-3)
                assert float(surface.down[0, row, column]) == pytest.approx(down, abs=2e-3)
                assert float(surface.inside[0, row, column]) > 0
                met += 1
    assert met > 20


def test_the_silhouette_is_where_rays_miss() -> None:
    camera = fit_camera(torch.tensor(_seen(0))[None])
    x = torch.arange(0, 112).float()
    inside = _met(camera, 0.0, 1.0, x[None, None], torch.tensor([[[80.0]]])).inside[0, 0]
    for column in range(112):
        missed = _plain_ray(camera, float(column), 80.0, 0.0, 1.0) is None
        assert (float(inside[column]) <= 0) == missed
    # In pixels: one a column next to the edge.
    first = int((inside > 0).float().argmax())
    assert float(inside[first + 1] - inside[first]) == pytest.approx(1.0, abs=0.15)


def test_the_reach_holds_the_head() -> None:
    points = torch.tensor(np.stack([_seen(0), _seen(40, 20), _seen(-90), _seen(0, 0, 0, 3.0) + 500]))
    boxes = reach(fit_camera(points), torch.zeros(4).double(), torch.full((4,), 2.0).double(), 112, 100)
    assert boxes.shape == (4, 4)
    assert (boxes[:, 0] <= boxes[:, 1]).all()
    assert (boxes[:, 2] <= boxes[:, 3]).all()
    assert boxes[:, 1].max() <= 112
    assert boxes[:, 3].max() <= 100
    assert boxes[3].tolist() == [112, 112, 100, 100]
    top, bottom, left, right = boxes[0].tolist()
    assert top <= 45
    assert bottom >= 111
    assert left <= 56 - 38
    assert right >= 56 + 38


MEMORY = """
from pathlib import Path
import torch
from maskrec.faces.alignment import arcface_template
from maskrec.base.random import SeededDraws
from maskrec.faces.masks import MASK_TYPES, put_on_masks

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

def masked(count):
    images = torch.rand(count, 3, 112, 112)
    points = torch.tensor(arcface_template(112), dtype=torch.float32).repeat(count, 1, 1)
    types = torch.arange(count) % len(MASK_TYPES)
    before = peak()
    put_on_masks(images, points, types, SeededDraws(0, 0, "mask", torch.arange(count)))
    return peak() - before

torch.set_num_threads(1)
masked(16)
print(masked(256))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the peak")
def test_a_batch_of_256_takes_under_300_mb() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert 20 < float(done.stdout) < 300
