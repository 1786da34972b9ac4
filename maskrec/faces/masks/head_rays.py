"""The point of the head at each pixel: rays intersected with a simple head.

Pixels use only + - * / and square roots, so that a face's numbers do not depend on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from maskrec.faces.masks.geometry import Camera
from maskrec.faces.masks.number_matrix import Numbers

# The head where a mask lies: elliptic sections about an axis that leans forward, their size squared a parabola in the
# height: (right / HALF_WIDTH)^2 + ((near - AXIS_DEPTH - AXIS_LEAN down) / HALF_DEPTH)^2 = size(down).
HALF_WIDTH = 1.10
HALF_DEPTH = 1.30
AXIS_DEPTH = -0.93
AXIS_LEAN = 0.20
SIZE = (1.022, -0.049, -0.162)
LEAST_SIZE = 1e-3


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """1, the third coordinate of four points or directions, and what the ray's quadratic is made of; float64."""
    quadratic = [HALF_WIDTH**-2, AXIS_LEAN, AXIS_DEPTH, AXIS_LEAN**2, 2.0 * AXIS_DEPTH * AXIS_LEAN, AXIS_DEPTH**2]
    values = (1.0, [[0.0], [1.0], [0.0], [0.0]], quadratic)
    one, third, quadratic_row = (torch.tensor(value, dtype=torch.float64, device=device) for value in values)
    return one, third, quadratic_row


@dataclass(frozen=True, slots=True)
class Rays:
    """What ``meet_head`` needs of each face, computed once; float64.

    The ray through a pixel has one right and one down, both affine in x and y. Its nearness solves ``near^2 - 2 middle
    near = less``, where less is a parabola in down, minus the square of right.

    Args:
        numbers: ``RAY_NUMBERS``, each still to be multiplied by the constant there.
        scale: ``(B,)`` of the camera.
    """

    numbers: tuple[Tensor, ...]
    scale: Tensor


# Names of what `ray_numbers` returns, and what each must be multiplied by.
RAY_NUMBERS = {
    **dict.fromkeys(("right_x", "right_y", "right_0"), 1.0 / HALF_WIDTH),
    **dict.fromkeys(("middle_x", "middle_y", "middle_0", "down_x", "down_y", "down_0"), 1.0),
    **dict.fromkeys(("less_2", "less_1", "less_0"), -1.0),
    **dict.fromkeys(("size_2", "size_1", "size_0"), -1.0),
    "right_near": -1.0 / HALF_WIDTH,
    "down_near": -1.0,
    "inside_unit": 0.5 * HALF_WIDTH,
    "right_unit": 1.0,
    "near_unit": 1.0,
}


def ray_numbers(camera: Camera, near_unit: Tensor, weights: Tensor, sizes: Tensor) -> Rays:
    """The rays of each face.

    Args:
        camera: of the surface.
        near_unit: ``(B,)`` one over the surface's depth.
        weights: ``(B, 3)`` of the squares of yaw, pitch and lean: ``[HALF_WIDTH**-2, -size_2, 1]``.
        sizes: ``(B, 6)``: 0, and negative: size_2, half of size_1, then size_2, size_1 and size_0; the second and
            third are changed.
    """
    (one, third, by), scale = _constants(near_unit.device), camera.scale
    yaw, pitch = camera.turn.unbind(1)
    # Below, origin, across, below in homogeneous coordinates: their cross products are the inverse's rows.
    rows = torch.cat([camera.axes[:, 1:], camera.origin, camera.axes], 1)
    rows = torch.cat([rows, third.expand(len(rows), 4, 1)], 2)
    inverse = torch.linalg.cross(rows[:, :3], rows[:, 1:])
    inverse = inverse / inverse[:, 2:, 2:]
    lean = torch.add(one, pitch, alpha=AXIS_LEAN) * near_unit
    leaning, unit2 = lean * near_unit, near_unit.square()
    turned = torch.cat([camera.turn, lean[:, None]], 1)
    square = torch.bmm((turned * weights)[:, None], turned[:, :, None])[:, 0]
    sizes[:, 1:3].mul_(pitch[:, None])
    quadratic = torch.addcmul(sizes, torch.stack([yaw, leaning, leaning, unit2, unit2, unit2], 1), by)
    quadratic = quadratic / square
    middle = torch.bmm(quadratic[:, None, :3], inverse)
    root = square.sqrt()
    per_root = root.reciprocal()
    numbers = (
        inverse[:, 0] * per_root,
        middle[:, 0],
        inverse[:, 1],
        quadratic[:, 3:],
        sizes[:, 3:],
        yaw[:, None] * per_root,
        pitch[:, None],
        square * scale[:, None],
        root,
        near_unit[:, None],
    )
    return Rays(numbers, scale)


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

    def of(self, rows: slice) -> Surface:
        """Of some faces."""
        return Surface(*(getattr(self, name)[rows] for name in self.__slots__))


def affine(values: Tensor, slope: Tensor, start: Tensor) -> Tensor:
    """``values * slope + start``, new; faster than ``addcmul`` where two of three are one number per face."""
    return (values * slope).add_(start)


def meet_head(n: Numbers, x: Tensor, y: Tensor) -> Surface:
    """Where the ray through each pixel first meets the head.

    Args:
        n: of ``B`` faces.
        x, y: pixel coordinates ``(1, 1, W)`` and ``(1, H, 1)``.
    """
    rows = affine(y, n.together("right_y", 3, 3), n.together("right_0", 3, 3))
    seen = n.together("right_x", 3, 3) * x + rows
    right, near, down = seen.unbind(0)
    square = affine(down, n["less_2"], n["less_1"]).mul_(down).add_(n["less_0"])
    square.addcmul_(right, right, value=-1.0).addcmul_(near, near)
    near += square.clamp(min=0.0).sqrt_()
    down.addcmul_(n["down_near"], near)
    size = affine(down, n["size_2"], n["size_1"]).mul_(down).add_(n["size_0"])
    size = size.clamp_(min=LEAST_SIZE).rsqrt_()
    right.addcmul_(n["right_near"], near)
    near.sub_(down, alpha=AXIS_LEAN).sub_(AXIS_DEPTH)
    sine, cosine = seen[:2].mul_(n.together("right_unit", 2)).mul_(size).unbind(0)
    across = sine / (1.0 + cosine).clamp_(min=0.05)
    return Surface(across, down, sine, cosine, square.mul_(size).mul_(n["inside_unit"]))
