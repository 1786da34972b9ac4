"""A camera fitted to five landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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

# A box around everything that a mask and its straps can reach.
REACH_ASIDE, REACH_BACK, REACH_FRONT = 1.15, 0.7, 0.6


@dataclass(frozen=True, slots=True)
class Camera:
    """An affine camera per face; float64.

    A head point (right, down, near), in eye distances, appears at ``origin + (right + yaw * near) * across +
    (down + pitch * near) * below``.

    Args:
        axes: ``(B, 2, 2)``: across and below, x and y each.
        origin: ``(B, 1, 2)``.
        turn: ``(B, 2)``: yaw and pitch.
    """

    axes: Tensor
    origin: Tensor
    turn: Tensor

    @property
    def scale(self) -> Tensor:
        """Pixels per eye distance, along the face's height: ``(B,)``."""
        return torch.view_as_complex(self.axes[:, 1]).abs()

    def project(self, places: Tensor, near: Tensor) -> Tensor:
        """The image of head points: x and y in pixels, ``(B, 2, n)``.

        Args:
            places: right and down, ``(2, n)`` or ``(B, 2, n)``.
            near: ``(n,)``.
        """
        seen = torch.addcmul(places, self.turn[:, :, None], near)
        return torch.baddbmm(self.origin.mT, self.axes.mT, seen)

    def moved(self, shift: Tensor, stretch: Tensor) -> Camera:
        """The camera of something that sits off: shifted in its own axes, then turned and scaled about its origin.

        Args:
            shift: ``(B, 2)`` along across and below.
            stretch: ``(B, 2)`` real and imaginary part of what both axes are multiplied by, as complex numbers.
        """
        axes = torch.view_as_complex(self.axes) * torch.view_as_complex(stretch)[:, None]
        origin = torch.baddbmm(self.origin, shift[:, None], self.axes)
        return Camera(torch.view_as_real(axes), origin, self.turn)


@cache
def _constants(device: torch.device) -> dict[str, Tensor]:
    """Float64 on a device, so that no step copies them there."""
    values = {
        "fit": [_FIT[2], _FIT[0], _FIT[1], _FIT[3]],
        "turn": [-1.0, -_PITCH_TRUST],
        "turn_least": [-_MAX_YAW_SHEAR, -_MAX_PITCH_SHEAR],
        "turn_most": [_MAX_YAW_SHEAR, _MAX_PITCH_SHEAR],
    }
    return {name: torch.tensor(np.array(value), dtype=torch.float64, device=device) for name, value in values.items()}


def fit_camera(landmarks: Tensor) -> Camera:
    """The camera that shows the five points of a head where the landmarks are; least squares.

    Args:
        landmarks: ``(B, 5, 2)`` in pixels.
    """
    constant = _constants(landmarks.device)
    # Products of small matrices are summed one by one, so that a face's numbers do not depend on its batch.
    fit = torch.bmm(constant["fit"].expand(len(landmarks), 4, 5), landmarks.to(torch.float64))
    depth_across_below, across, below = fit[:, :3], fit[:, 1], fit[:, 2]
    length = torch.view_as_complex(below).abs()
    # Coinciding landmarks: an upright face of one pixel.
    torch.view_as_complex(below).masked_fill_(length < 1.0, 1j)
    # A profile's eyes are on one line with the nose: give the face some width, so that rays hit it.
    cross = torch.linalg.cross(depth_across_below[..., 0], depth_across_below[..., 1])[:, 0]
    missing = (_LEAST_WIDTH - cross / length.clamp(min=1.0).square()).clamp_(min=0.0)
    torch.view_as_complex(across).sub_(torch.view_as_complex(below) * missing, alpha=1j)
    cross = torch.linalg.cross(depth_across_below[..., 0], depth_across_below[..., 1])
    turn = (cross[:, 1:] / cross[:, :1].clamp(min=1e-6)).mul_(constant["turn"])
    return Camera(fit[:, 1:3], fit[:, 3:], turn.clamp_(constant["turn_least"], constant["turn_most"]))


def reach(camera: Camera, top: Tensor, bottom: Tensor, height: int, width: int) -> Tensor:
    """A box that contains a mask and its straps: int64 ``(B, 4)``: first and last row, first and last column,
    the last ones excluded, in the image.

    Args:
        camera: the masks'.
        top, bottom: ``(B,)`` heights of the masks' highest and lowest points.
    """
    corners = _corners(top.device)
    downs = torch.where(corners[1] > 0, bottom[:, None], top[:, None])
    places = torch.stack([corners[0].expand_as(downs), downs], 1)
    seen = camera.project(places, corners[2])
    most = torch.tensor([[width], [height]], dtype=torch.float64, device=top.device)
    first, last = torch.aminmax(seen, dim=2)
    ends = torch.stack([first.floor(), last.ceil() + 1], 2).clamp_(torch.zeros_like(most), most)
    return ends.flip(1).flatten(1).to(torch.int64)


@cache
def _corners(device: torch.device) -> Tensor:
    """Of a box around everything: ``(3, 8)``: right, whether it is a lower corner, near."""
    rights, lows, nears = (-REACH_ASIDE, REACH_ASIDE), (0.0, 1.0), (-REACH_BACK, REACH_FRONT)
    corners = [[right, low, near] for right in rights for low in lows for near in nears]
    return torch.tensor(corners, dtype=torch.float64, device=device).T.contiguous()
