"""Where on the head each pixel lies: a camera fitted to five landmarks, and rays met with a simple head.

Sums over landmarks are written out, and pixels see only + - * / and square roots, so that a face's numbers do not
depend on the batch that it is in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Five landmarks of a frontal head in eye distances from the point between the eyes: right, down, towards the viewer.
# Right and down are those of the ArcFace template, depths from anthropometry.
_HEAD_POINTS = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.571, 0.42], [-0.414, 1.156, 0.10], [0.414, 1.156, 0.10]]
)
_FIT = np.linalg.pinv(np.column_stack([_HEAD_POINTS, np.ones(5)]))
_PITCH_TRUST = 0.4  # noses differ in length, which looks like pitch: believe less than half of it
_MAX_YAW_SHEAR = 1.4
_MAX_PITCH_SHEAR = 0.35
_LEAST_WIDTH = 0.35  # of the height: an eye distance below it (a profile) is widened

# The head where a mask lies: a cone with elliptic section, its axis leaning forward with height.
_HALF_WIDTH = 1.10
_HALF_DEPTH = 1.30
_AXIS_DEPTH = -0.80
_AXIS_LEAN = 0.10
_TAPER = 0.25
_FULL_AT = 0.5  # height where half width and half depth hold

# A box around everything that a mask and its straps can reach.
_REACH_ASIDE, _REACH_UP, _REACH_DOWN, _REACH_BACK, _REACH_FRONT = 1.2, 0.1, 2.05, 0.8, 0.6


@dataclass(frozen=True, slots=True)
class Camera:
    """An affine camera per face; every field ``(B, 1, 1)`` float32.

    A head point (right, down, near), in eye distances, appears at ``origin + (right + yaw * near) * across +
    (down + pitch * near) * below``.
    """

    origin_x: Tensor
    origin_y: Tensor
    across_x: Tensor
    across_y: Tensor
    below_x: Tensor
    below_y: Tensor
    yaw: Tensor
    pitch: Tensor

    @property
    def scale(self) -> Tensor:
        """Pixels an eye distance, along the face's height."""
        return (self.below_x**2 + self.below_y**2).sqrt()

    def project(self, right: float, down: float, near: float) -> tuple[Tensor, Tensor]:
        """Where a head point appears: x and y in pixels, each ``(B, 1, 1)``."""
        u, v = right + self.yaw * near, down + self.pitch * near
        return (
            self.origin_x + u * self.across_x + v * self.below_x,
            self.origin_y + u * self.across_y + v * self.below_y,
        )


def _weighted(points: Tensor, weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Tensor:
    """``sum_i weights[i] * points[:, i]`` in a fixed order: ``(B, 5, 2)`` to ``(B, 2)``."""
    total = points[:, 0] * float(weights[0])
    for i in range(1, 5):
        total = total + points[:, i] * float(weights[i])
    return total


def fit_camera(landmarks: Tensor) -> Camera:
    """The camera that shows the five points of a head where the landmarks are; least squares.

    Args:
        landmarks: ``(B, 5, 2)`` in pixels.
    """
    points = landmarks.to(torch.float64)
    across, below, depth, origin = (_weighted(points, row) for row in _FIT)
    height = below[:, 0] ** 2 + below[:, 1] ** 2
    # Landmarks on one point: an upright face of one pixel.
    below = torch.where((height < 1.0)[:, None], below.new_tensor([0.0, 1.0]), below)
    height = height.clamp(min=1.0)
    # A profile's eyes fall on one line with the nose: give the face some width, so that rays meet it.
    cross = across[:, 0] * below[:, 1] - across[:, 1] * below[:, 0]
    missing = (_LEAST_WIDTH * height - cross).clamp(min=0.0) / height
    across = across + missing[:, None] * torch.stack([below[:, 1], -below[:, 0]], 1)
    cross = (across[:, 0] * below[:, 1] - across[:, 1] * below[:, 0]).clamp(min=1e-6)
    yaw = (depth[:, 0] * below[:, 1] - depth[:, 1] * below[:, 0]) / cross
    pitch = (across[:, 0] * depth[:, 1] - across[:, 1] * depth[:, 0]) / cross
    yaw = yaw.clamp(-_MAX_YAW_SHEAR, _MAX_YAW_SHEAR)
    pitch = (pitch * _PITCH_TRUST).clamp(-_MAX_PITCH_SHEAR, _MAX_PITCH_SHEAR)
    columns = [origin[:, 0], origin[:, 1], across[:, 0], across[:, 1], below[:, 0], below[:, 1], yaw, pitch]
    return Camera(*(column.to(torch.float32)[:, None, None] for column in columns))


def reach(camera: Camera, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns outside of which no face of the batch has a mask or a strap.

    Raises:
        ValueError: landmarks that are not finite numbers.
    """
    corners = [
        camera.project(right, down, near)
        for right in (-_REACH_ASIDE, _REACH_ASIDE)
        for down in (_REACH_UP, _REACH_DOWN)
        for near in (-_REACH_BACK, _REACH_FRONT)
    ]
    bounds = []
    for axis, length in ((1, height), (0, width)):
        places = torch.stack([corner[axis] for corner in corners]).clamp(-1, length)
        first, last = torch.stack([places.min().floor(), places.max().ceil()]).tolist()
        if not math.isfinite(first + last):
            raise ValueError("landmarks must be finite numbers")
        bounds.append(slice(min(max(int(first), 0), length), max(min(int(last) + 1, length), 0)))
    return bounds[0], bounds[1]


@dataclass(frozen=True, slots=True)
class Surface:
    """What each pixel shows of the head; every field ``(B, H, W)``.

    Args:
        across: tangent of half the angle around the head, negative on the viewer's left; 0 straight ahead.
        down: height below the eyes in eye distances.
        sine: of that angle: how far the surface turns right.
        cosine: how far it faces forward.
        inside: pixels from the head's silhouette, positive inside.
    """

    across: Tensor
    down: Tensor
    sine: Tensor
    cosine: Tensor
    inside: Tensor


def meet_head(camera: Camera, x: Tensor, y: Tensor) -> Surface:
    """Where the ray through each pixel first meets the head.

    Args:
        x, y: pixel coordinates that broadcast to ``(B, H, W)``.
    """
    dx, dy = x - camera.origin_x, y - camera.origin_y
    cross = camera.across_x * camera.below_y - camera.across_y * camera.below_x
    right = dx * (camera.below_y / cross) - dy * (camera.below_x / cross)
    down = dy * (camera.across_x / cross) - dx * (camera.across_y / cross)
    lean = 1.0 + _AXIS_LEAN * camera.pitch
    radius = 1.0 + _TAPER * _FULL_AT - _TAPER * down
    axis = _AXIS_DEPTH + _AXIS_LEAN * down
    a = (camera.yaw / _HALF_WIDTH) ** 2 + (lean / _HALF_DEPTH) ** 2 - (_TAPER * camera.pitch) ** 2
    b = right * (camera.yaw / _HALF_WIDTH**2) + axis * (lean / _HALF_DEPTH**2) + radius * (_TAPER * camera.pitch)
    c = (right / _HALF_WIDTH) ** 2 + (axis / _HALF_DEPTH) ** 2 - radius**2
    square = b**2 - a * c
    near = (b + square.clamp(min=0.0).sqrt()) / a
    down_there = down - camera.pitch * near
    radius_there = (1.0 + _TAPER * _FULL_AT - _TAPER * down_there).clamp(min=0.05)
    sine = (right - camera.yaw * near) / (radius_there * _HALF_WIDTH)
    cosine = (near - _AXIS_DEPTH - _AXIS_LEAN * down_there) / (radius_there * _HALF_DEPTH)
    inside = square / a / radius_there * (0.5 * _HALF_WIDTH * camera.scale)
    return Surface(sine / (1.0 + cosine).clamp(min=0.05), down_there, sine, cosine, inside)
