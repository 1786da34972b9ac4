"""What differs from photo to photo of one person: pose, expression, hair of the day, light, camera, background."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskrec.faces.draws import Draws
from maskrec.faces.synthetic.people import HAIR_COLORS, along, between

PHOTOS_A_PERSON = 1 << 20
CLUTTER = 5


@dataclass(frozen=True, slots=True)
class Photos:
    """Conditions of B photos: float32 ``(B,)`` each unless said; angles in radians, colours ``(B, 3)`` in [0, 1]."""

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
    colors: Tensor
    blur: Tensor
    noise: Tensor
    noise_start: Tensor


def draw_photos(face_seed: int, identities: Tensor, photos: Tensor) -> Photos:
    """Conditions of photo ``photos`` of person ``identities``, both int64 ``(B,)``.

    ``clutter`` is ``(B, CLUTTER, 4)`` in [0, 1) (place and size) with ``colors`` ``(B, CLUTTER, 3)``, ``background`` is
    ``(B, 2, 3)`` (top and bottom), ``restyled`` and ``glasses`` are uniforms that painters compare with shares.
    """
    draws = Draws(face_seed, 0, "synthetic photos", identities * PHOTOS_A_PERSON + photos)

    def u(name: str, low: float, high: float) -> Tensor:
        return between(draws, name, low, high)

    def bell(name: str, width: float) -> Tensor:
        """Triangular in (-width, width): bounded, most often small."""
        pair = draws.uniform(name, (2,))
        return width * (pair[:, 0] - pair[:, 1])

    tint = 0.84 + 0.32 * draws.uniform("tint", (3,))
    return Photos(
        yaw=bell("yaw", 0.5),
        pitch=bell("pitch", 0.30),
        roll=bell("roll", 0.25),
        scale=u("scale", 0.88, 1.08),
        shift_x=bell("shift x", 0.08),
        shift_y=bell("shift y", 0.08),
        smile=u("smile", -0.6, 1.0),
        mouth_open=(u("mouth open", -1.5, 1.0)).clamp(min=0),
        brow_raise=bell("brow raise", 0.03),
        squint=u("squint", 0.6, 1.1),
        gaze=bell("gaze", 0.03),
        restyled=draws.uniform("restyled"),
        hair=along(HAIR_COLORS, draws.uniform("hair")),
        hairline=u("hairline", -0.52, -0.34),
        hairline_curve=u("hairline curve", -0.5, 1.0),
        hair_volume=u("hair volume", 0.02, 0.16),
        hair_length=u("hair length", 0.0, 1.0),
        glasses=draws.uniform("glasses"),
        frame=draws.uniform("frame", (3,)) * 0.5,
        clothes=draws.uniform("clothes", (3,)),
        light_x=bell("light x", 0.8),
        light_y=bell("light y", 0.5),
        light=tint * u("exposure", 0.65, 1.25)[:, None],
        ambient=u("ambient", 0.0, 0.08),
        background=0.5 + 0.75 * (draws.uniform("background", (2, 3)) - 0.5),
        clutter=draws.uniform("clutter", (CLUTTER, 4)),
        colors=0.5 + 0.75 * (draws.uniform("colors", (CLUTTER, 3)) - 0.5),
        blur=u("blur", 0.0, 0.8),
        noise=u("noise", 0.005, 0.03),
        noise_start=draws.integers("noise start", 0, 1 << 20),
    )
