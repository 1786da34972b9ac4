"""What varies between photos of one person: pose, expression, hair of the day, light, camera, background."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.faces.synthetic.people import HAIR_COLORS, RANGES, along, within

PHOTOS_A_PERSON = 1 << 20
CLUTTER = 5

# Uniform between the two; append, never insert, otherwise every photo changes.
CONDITIONS = {
    "scale": (0.95, 1.15),
    "smile": (-0.6, 1.0),
    "mouth_open": (-1.5, 1.0),  # below 0: closed
    "squint": (0.6, 1.1),
    "restyled": (0.0, 1.0),  # painters compare these two with their shares of photos
    "glasses": (0.0, 1.0),
    "ambient": (0.0, 0.08),
    "exposure": (0.65, 1.25),
    "blur": (0.0, 0.7),
    "noise": (0.005, 0.025),
    **{name: RANGES[name] for name in ("hairline", "hairline_curve", "hair_volume", "hair_length")},
}
# Triangular from minus to plus this, so that most photos are near 0; angles in radians.
DEVIATIONS = {
    "yaw": 0.45,
    "pitch": 0.25,
    "roll": 0.25,
    "shift_x": 0.07,
    "shift_y": 0.07,
    "brow_raise": 0.03,
    "gaze": 0.03,
    "light_x": 0.8,
    "light_y": 0.5,
}


@dataclass(frozen=True, slots=True)
class CartoonPhotos:
    """Conditions of B photos, float32 ``(B,)`` each; colours ``(B, 3)``.

    ``background`` is ``(B, 2, 3)`` (top and bottom), ``clutter`` ``(B, CLUTTER, 4)`` in [0, 1) (places and sizes) with
    ``clutter_color`` ``(B, CLUTTER, 3)``, ``light`` ``(B, 3)`` around 1, ``noise_start`` int64.
    """

    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    scale: Tensor
    shift_x: Tensor
    shift_y: Tensor
    smile: Tensor
    mouth_open: Tensor
    brow_raise: Tensor
    squint: Tensor
    gaze: Tensor
    restyled: Tensor
    hair: Tensor
    hairline: Tensor
    hairline_curve: Tensor
    hair_volume: Tensor
    hair_length: Tensor
    glasses: Tensor
    frame: Tensor
    clothes: Tensor
    light_x: Tensor
    light_y: Tensor
    light: Tensor
    ambient: Tensor
    background: Tensor
    clutter: Tensor
    clutter_color: Tensor
    blur: Tensor
    noise: Tensor
    noise_start: Tensor


def draw_photos(face_seed: int, identities: Tensor, photos: Tensor) -> CartoonPhotos:
    """Conditions of photo ``photos`` of person ``identities``, both int64 ``(B,)``."""
    draws = SeededDraws(face_seed, 0, "synthetic photos", identities * PHOTOS_A_PERSON + photos)
    numbers = within(CONDITIONS, draws.uniform("conditions", (len(CONDITIONS),)))
    numbers["mouth_open"].clamp_(min=0)
    pairs = draws.uniform("deviations", (len(DEVIATIONS), 2))
    bells = (pairs[..., 0] - pairs[..., 1]).unbind(1)
    deviations = {name: width * bell for (name, width), bell in zip(DEVIATIONS.items(), bells, strict=True)}
    colors = draws.uniform("colors", (5 + CLUTTER, 3))
    faded = 0.125 + 0.75 * colors[:, 3:]
    exposure = numbers.pop("exposure")
    return CartoonPhotos(
        hair=along(HAIR_COLORS, draws.uniform("hair")),
        frame=colors[:, 0] * 0.5,
        clothes=colors[:, 1],
        light=(0.86 + 0.28 * colors[:, 2]) * exposure[:, None],
        background=faded[:, :2],
        clutter=draws.uniform("clutter", (CLUTTER, 4)),
        clutter_color=faded[:, 2:],
        noise_start=draws.integers("noise start", 0, 1 << 20),
        **numbers,
        **deviations,
    )
