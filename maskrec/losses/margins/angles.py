"""Cosines of angles that are made larger or smaller, with gradients that are finite at 0 and 180 degrees too."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sines(target: Tensor) -> Tensor:
    """``sin(theta)`` of cosines ``cos(theta)``, both ``(B,)``.

    A root's slope is infinite at 0: below the square root of the type's precision the sine is taken as constant.
    """
    return ((1 - target) * (1 + target)).clamp(min=torch.finfo(target.dtype).eps).sqrt()


def turned(target: Tensor, angle: Tensor | float) -> Tensor:
    """``cos(theta + angle)`` of cosines ``(B,)`` and angles in radians, ``(B,)`` or one for all."""
    if isinstance(angle, Tensor):
        return target * angle.cos() - sines(target) * angle.sin()
    return target * math.cos(angle) - sines(target) * math.sin(angle)


def widened(target: Tensor, angle: Tensor | float) -> Tensor:
    """``cos(theta + angle)``, and ``cos(theta) - angle * sin(angle)`` beyond theta = pi - angle, where it would rise.

    Args:
        target: ``(B,)`` cosines.
        angle: in [0, pi / 2), ``(B,)`` or one for all.
    """
    moved = turned(target, angle)
    if isinstance(angle, Tensor):
        return torch.where(target > -angle.cos(), moved, target - angle * angle.sin())
    return torch.where(target > -math.cos(angle), moved, target - angle * math.sin(angle))


def turned_and_held(target: Tensor, angle: Tensor) -> Tensor:
    """``cos(theta + angle)`` with ``theta + angle`` held in [0, pi]; the gradient is 0 where it is held.

    Args:
        target: ``(B,)`` cosines.
        angle: ``(B,)``, in (-pi / 2, pi / 2).
    """
    cosine = angle.cos()
    below, beyond = (angle < 0) & (target > cosine), (angle > 0) & (target < -cosine)
    return turned(target, angle).masked_fill(below, 1.0).masked_fill(beyond, -1.0)


def continued(target: Tensor, factor: float, angle: float) -> Tensor:
    """The cosine of ``phi = factor * theta + angle``, going on downwards where phi exceeds pi.

    That is ``(-1)**k * cos(phi) - 2 * k`` for phi in [k * pi, (k + 1) * pi] (Liu et al., "SphereFace: Deep Hypersphere
    Embedding for Face Recognition", 2017): continuous, and smaller for every larger theta.

    Args:
        target: ``(B,)`` cosines.
        factor: of the angle, above 0.
        angle: added to it, in radians, at least 0.
    """
    phi = factor * torch.atan2(sines(target), target) + angle
    turns = (phi.detach() / math.pi).floor()
    return (1 - 2 * turns.remainder(2)) * phi.cos() - 2 * turns
