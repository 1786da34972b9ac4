"""The point of the head at each pixel: a camera fitted to five landmarks, and rays intersected with a simple head.

Sums over landmarks are written out, and pixels use only + - * / and square roots, so that a face's numbers do not
depend on its batch.
"""

from __future__ import annotations

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
_PITCH_TRUST = 0.4  # noses differ in length, which looks like pitch: use less than half of it
_MAX_YAW_SHEAR = 1.4
_MAX_PITCH_SHEAR = 0.35
_LEAST_WIDTH = 0.35  # of the height: an eye distance below it (a profile) is widened

# The head where a mask lies: elliptic sections about an axis that leans forward, their size squared a parabola in the
# height: (right / HALF_WIDTH)^2 + ((near - AXIS_DEPTH - AXIS_LEAN down) / HALF_DEPTH)^2 = size(down).
HALF_WIDTH = 1.10
HALF_DEPTH = 1.30
AXIS_DEPTH = -0.93
AXIS_LEAN = 0.20
SIZE = (1.022, -0.049, -0.162)
_LEAST_SIZE = 1e-3

# A box around everything that a mask and its straps can reach.
_REACH_ASIDE, _REACH_BACK, _REACH_FRONT = 1.15, 0.7, 0.6


@dataclass(frozen=True, slots=True)
class Camera:
    """An affine camera per face; every field ``(B,)`` float64.

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
        """Pixels per eye distance, along the face's height."""
        return (self.below_x**2 + self.below_y**2).sqrt()

    def project(self, right: Tensor | float, down: Tensor | float, near: Tensor | float) -> tuple[Tensor, Tensor]:
        """The image of head points: x and y in pixels; numbers or tensors that broadcast with ``(B, 1)``."""
        fields = (self.origin_x, self.origin_y, self.across_x, self.across_y, self.below_x, self.below_y)
        x, y, across_x, across_y, below_x, below_y = (field[:, None] for field in fields)
        u, v = right + self.yaw[:, None] * near, down + self.pitch[:, None] * near
        return x + u * across_x + v * below_x, y + u * across_y + v * below_y


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
    # Coinciding landmarks: an upright face of one pixel.
    below = torch.where((height < 1.0)[:, None], below.new_tensor([0.0, 1.0]), below)
    height = height.clamp(min=1.0)
    # A profile's eyes are on one line with the nose: give the face some width, so that rays hit it.
    cross = across[:, 0] * below[:, 1] - across[:, 1] * below[:, 0]
    missing = (_LEAST_WIDTH * height - cross).clamp(min=0.0) / height
    across = across + missing[:, None] * torch.stack([below[:, 1], -below[:, 0]], 1)
    cross = (across[:, 0] * below[:, 1] - across[:, 1] * below[:, 0]).clamp(min=1e-6)
    yaw = (depth[:, 0] * below[:, 1] - depth[:, 1] * below[:, 0]) / cross
    pitch = (across[:, 0] * depth[:, 1] - across[:, 1] * depth[:, 0]) / cross
    yaw = yaw.clamp(-_MAX_YAW_SHEAR, _MAX_YAW_SHEAR)
    pitch = (pitch * _PITCH_TRUST).clamp(-_MAX_PITCH_SHEAR, _MAX_PITCH_SHEAR)
    return Camera(origin[:, 0], origin[:, 1], across[:, 0], across[:, 1], below[:, 0], below[:, 1], yaw, pitch)


def reach(camera: Camera, top: Tensor, bottom: Tensor, height: int, width: int) -> Tensor:
    """A box that contains a mask and its straps: int64 ``(B, 4)``: first and last row, first and last column,
    the last ones excluded, in the image.

    Args:
        top, bottom: ``(B,)`` heights of the masks' highest and lowest points.
    """
    xs, ys = zip(
        *(
            camera.project(right, down, near)
            for right in (-_REACH_ASIDE, _REACH_ASIDE)
            for down in (top[:, None], bottom[:, None])
            for near in (-_REACH_BACK, _REACH_FRONT)
        ),
        strict=True,
    )
    edges = []
    for places, length in ((torch.cat(ys, 1), height), (torch.cat(xs, 1), width)):
        edges += [places.amin(1).floor().clamp(0, length), (places.amax(1).ceil() + 1).clamp(0, length)]
    return torch.stack(edges, 1).to(torch.int64)


def ray_numbers(camera: Camera, bulge: Tensor, taper: Tensor) -> dict[str, Tensor]:
    """What ``meet_head`` needs of each face, computed once: each ``(B,)`` float64.

    The ray through a pixel has one right and one down, both affine in x and y, and its nearness solves
    ``near^2 - 2 middle near + offset = 0``.

    Args:
        bulge: ``(B,)`` how much deeper than the head the surface is.
        taper: ``(B,)`` 1 for the head, 0 for a cylinder.
    """
    depth = HALF_DEPTH + bulge
    size = [taper * part for part in SIZE]
    size[0] = size[0] + (1.0 - taper)
    lean = 1.0 + AXIS_LEAN * camera.pitch
    square = (camera.yaw / HALF_WIDTH) ** 2 + (lean / depth) ** 2 - size[2] * camera.pitch**2
    root = square.sqrt()
    cross = camera.across_x * camera.below_y - camera.across_y * camera.below_x
    right_x, right_y = camera.below_y / cross, -camera.below_x / cross
    down_x, down_y = -camera.across_y / cross, camera.across_x / cross
    right_0 = -(camera.origin_x * right_x + camera.origin_y * right_y)
    down_0 = -(camera.origin_x * down_x + camera.origin_y * down_y)
    by_right = camera.yaw / HALF_WIDTH**2 / square
    by_down = (lean * AXIS_LEAN / depth**2 - size[2] * camera.pitch) / square
    middle = (lean * AXIS_DEPTH / depth**2 - 0.5 * size[1] * camera.pitch) / square
    right = 1.0 / (HALF_WIDTH * root)
    return {
        "right_x": right_x * right,
        "right_y": right_y * right,
        "right_0": right_0 * right,
        "down_x": down_x,
        "down_y": down_y,
        "down_0": down_0,
        "middle_x": by_right * right_x + by_down * down_x,
        "middle_y": by_right * right_y + by_down * down_y,
        "middle_0": by_right * right_0 + by_down * down_0 + middle,
        "offset_2": (AXIS_LEAN**2 / depth**2 - size[2]) / square,
        "offset_1": (2.0 * AXIS_DEPTH * AXIS_LEAN / depth**2 - size[1]) / square,
        "offset_0": (AXIS_DEPTH**2 / depth**2 - size[0]) / square,
        "size_0": size[0],
        "size_1": size[1],
        "size_2": size[2],
        "down_near": -camera.pitch,
        "right_near": -camera.yaw * right,
        "right_unit": root,
        "near_unit": 1.0 / depth,
        "inside_unit": square * (0.5 * HALF_WIDTH) * camera.scale,
    }


@dataclass(frozen=True, slots=True)
class Surface:
    """The part of the head at each pixel; every field ``(B, H, W)``.

    Args:
        across: tangent of half the angle around the head, negative on the viewer's left; 0 straight ahead.
        down: height below the eyes in eye distances.
        sine: of that angle: how far the surface faces right.
        cosine: how far it faces forward.
        inside: pixels from the head's silhouette, positive inside.
    """

    across: Tensor
    down: Tensor
    sine: Tensor
    cosine: Tensor
    inside: Tensor


def affine(values: Tensor, slope: Tensor, start: Tensor) -> Tensor:
    """``values * slope + start``, new; faster than ``addcmul`` where two of three are one number per face."""
    return (values * slope).add_(start)


def meet_head(n: dict[str, Tensor], x: Tensor, y: Tensor) -> Surface:
    """Where the ray through each pixel first meets the head.

    Args:
        n: ``ray_numbers``, each ``(B, 1, 1)``.
        x, y: pixel coordinates ``(1, 1, W)`` and ``(1, H, 1)``.
    """
    right = n["right_x"] * x + (n["right_y"] * y + n["right_0"])
    down = n["down_x"] * x + (n["down_y"] * y + n["down_0"])
    near = n["middle_x"] * x + (n["middle_y"] * y + n["middle_0"])
    square = affine(down, n["offset_2"], n["offset_1"]).mul_(down).add_(n["offset_0"]).addcmul_(right, right)
    square = square.neg_().addcmul_(near, near)
    near += square.clamp(min=0.0).sqrt_()
    down.addcmul_(n["down_near"], near)
    size = affine(down, n["size_2"], n["size_1"]).mul_(down).add_(n["size_0"])
    size = size.clamp_(min=_LEAST_SIZE).rsqrt_()
    sine = right.addcmul_(n["right_near"], near).mul_(n["right_unit"]).mul_(size)
    cosine = near.sub_(down, alpha=AXIS_LEAN).sub_(AXIS_DEPTH).mul_(n["near_unit"]).mul_(size)
    across = sine / (1.0 + cosine).clamp_(min=0.05)
    return Surface(across, down, sine, cosine, square.mul_(size).mul_(n["inside_unit"]))
