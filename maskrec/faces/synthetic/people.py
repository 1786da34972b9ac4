"""The traits of a cartoon person, drawn from (face world, identity number) and nothing else.

Every trait is drawn independently of every other one: no skin tone, hair or feature shape is correlated with another.
Lengths are in units of half a canvas for a head of scale 1; the head's axes are x right, y down, z towards the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.base.random import SeededDraws

# Skin from dark to light at equal steps of lightness; the undertone is drawn separately.
SKIN_STOPS = (
    (0.22, 0.14, 0.10),
    (0.36, 0.23, 0.16),
    (0.51, 0.34, 0.24),
    (0.67, 0.47, 0.35),
    (0.82, 0.62, 0.49),
    (0.96, 0.81, 0.71),
)
HAIR_COLORS = (
    (0.07, 0.06, 0.06),
    (0.20, 0.12, 0.08),
    (0.38, 0.24, 0.13),
    (0.58, 0.25, 0.12),
    (0.80, 0.65, 0.38),
    (0.68, 0.67, 0.66),
)
IRIS_COLORS = ((0.18, 0.10, 0.06), (0.38, 0.24, 0.10), (0.36, 0.44, 0.22), (0.25, 0.42, 0.60), (0.45, 0.50, 0.54))
LIP_RED = (0.66, 0.20, 0.22)

# Each trait's range. A trait's random number is its place here: append, never insert, otherwise everyone changes.
RANGES = {
    "head_width": (0.44, 0.56),
    "head_top": (0.62, 0.72),
    "chin": (0.60, 0.84),
    "jaw_taper": (0.0, 0.5),
    "jaw_square": (0.0, 0.8),
    "ear_size": (0.07, 0.13),
    "hairline": (-0.52, -0.34),
    "hairline_curve": (-0.5, 1.0),
    "hair_volume": (0.02, 0.16),
    "hair_length": (0.0, 1.0),
    "eye_spread": (0.18, 0.28),
    "eye_height": (-0.14, -0.02),
    "eye_width": (0.085, 0.135),
    "eye_open": (0.032, 0.085),
    "eye_tilt": (-0.3, 0.3),
    "iris_size": (0.042, 0.062),
    "brow_gap": (0.09, 0.20),
    "brow_width": (0.10, 0.17),
    "brow_thick": (0.012, 0.05),
    "brow_tilt": (-0.35, 0.35),
    "brow_arch": (0.0, 3.5),
    "nose_length": (0.20, 0.36),
    "nose_width": (0.055, 0.15),
    "nose_bridge": (0.015, 0.045),
    "mouth_gap": (0.13, 0.21),
    "mouth_width": (0.11, 0.25),
    "lip_upper": (0.012, 0.055),
    "lip_lower": (0.015, 0.075),
    "beard": (-1.0, 0.9),  # below 0: none
    "beard_top": (-0.12, 0.12),
    "mole_x": (-0.3, 0.3),
    "mole_y": (-0.05, 0.5),
    "mole_size": (-0.02, 0.035),  # below 0: none
    "glasses_width": (0.13, 0.19),
    "glasses_height": (0.08, 0.15),
}


@dataclass(frozen=True, slots=True)
class People:
    """Traits of B people: float32 ``(B,)`` each, within ``RANGES``; colours ``(B, 3)`` in [0, 1]."""

    skin: Tensor
    hair: Tensor
    iris: Tensor
    lip_color: Tensor
    head_width: Tensor
    head_top: Tensor
    chin: Tensor
    jaw_taper: Tensor
    jaw_square: Tensor
    ear_size: Tensor
    hairline: Tensor
    hairline_curve: Tensor
    hair_volume: Tensor
    hair_length: Tensor
    eye_spread: Tensor
    eye_height: Tensor
    eye_width: Tensor
    eye_open: Tensor
    eye_tilt: Tensor
    iris_size: Tensor
    brow_gap: Tensor
    brow_width: Tensor
    brow_thick: Tensor
    brow_tilt: Tensor
    brow_arch: Tensor
    nose_length: Tensor
    nose_width: Tensor
    nose_bridge: Tensor
    mouth_gap: Tensor
    mouth_width: Tensor
    lip_upper: Tensor
    lip_lower: Tensor
    beard: Tensor
    beard_top: Tensor
    mole_x: Tensor
    mole_y: Tensor
    mole_size: Tensor
    glasses_width: Tensor
    glasses_height: Tensor


def within(ranges: dict[str, tuple[float, float]], uniforms: Tensor) -> dict[str, Tensor]:
    """Uniforms ``(B, len(ranges))`` in [0, 1) spread over each range, by name."""
    columns = uniforms.unbind(1)
    return {
        name: low + (high - low) * column for (name, (low, high)), column in zip(ranges.items(), columns, strict=True)
    }


def along(stops: tuple[tuple[float, float, float], ...], place: Tensor) -> Tensor:
    """Colours ``(B, 3)`` at ``place`` in [0, 1) along a ramp of equally spaced stops."""
    table = torch.tensor(stops, dtype=torch.float32)
    scaled = place * (len(stops) - 1)
    low = scaled.floor().to(torch.int64).clamp(0, len(stops) - 2)
    part = (scaled - low)[:, None]
    return table[low] * (1 - part) + table[low + 1] * part


def draw_people(face_seed: int, identities: Tensor) -> People:
    """Traits of the people with these numbers, int64 ``(B,)``; the same number is the same person in every call."""
    draws = SeededDraws(face_seed, 0, "synthetic people", identities)
    tone, undertone, hair, iris, redness = draws.uniform("colors", (5,)).unbind(1)
    shift = (0.06 * undertone - 0.03)[:, None] * torch.tensor([1.0, 0.0, -1.0])
    skin = (along(SKIN_STOPS, tone) * (1 + shift)).clamp(0, 1)
    red = (0.9 * redness)[:, None]
    traits = within(RANGES, draws.uniform("traits", (len(RANGES),)))
    traits["beard"].clamp_(min=0)
    traits["mole_size"].clamp_(min=0)
    return People(
        skin=skin,
        hair=along(HAIR_COLORS, hair),
        iris=along(IRIS_COLORS, iris),
        lip_color=skin * 0.8 * (1 - red) + red * torch.tensor(LIP_RED),
        **traits,
    )
