"""Mask types as numbers.

Lengths are in eye distances of a frontal face, heights counted down from the line between the eyes (the mouth is at
1.16, the chin at about 1.8). ``across`` is the tangent of half the angle around the head: 0 straight ahead, 1 at a
right angle to it. Colours are RGB in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """One mask type.

    Args:
        red, green, blue: the fabric's colour in [0, 1]; ignored for types whose colour is drawn.
        nose: how much lower than usual the top edge runs over the nose.
        cheek: height of the top edge on the cheeks.
        nose_width: how far the top edge's rise over the nose reaches, in ``across``.
        temple: how much the top edge rises again towards its ends.
        chin: height of the bottom edge under the chin.
        jaw: how much the bottom edge rises from there to its ends.
        side: where the mask ends on the cheek, in ``across``.
        round: how much its ends are rounded (0 a straight side, 1 an ellipse).
        bulge: how much farther than usual it stands out from the face.
        taper: 1 for a mask that follows the face down to the chin, 0 for one that hangs straight.
        pleats: strength of the horizontal folds of a surgical mask.
        wrinkles: strength of irregular creases.
        seam: strength of a seam down the middle.
        hem: strength of the welded or sewn border.
        dome: how much the rim falls away from the middle.
        panel: strength of horizontal seams between panels.
        panel_top, panel_bottom: their position, as shares of the mask's height.
        tilt: how much darker the part below the last of them is.
        wire: strength of a metal strip over the nose.
        valve: radius of a breathing valve.
        contrast: how strongly light and shadow show on it.
        grain: strength of the fabric's fine grain.
        strap: half width of the straps; two per side.
        strap_gray: brightness of the straps in [0, 1]; below 0: straps of the mask's fabric.
        strap_spread: height between a side's two straps at the ear.
    """

    red: float
    green: float
    blue: float
    nose: float = 0.0
    cheek: float = 0.57
    nose_width: float = 0.42
    temple: float = 0.06
    chin: float = 1.90
    jaw: float = 0.58
    side: float = 0.74
    round: float = 0.2
    bulge: float = 0.0
    taper: float = 1.0
    pleats: float = 0.0
    wrinkles: float = 0.0
    seam: float = 0.0
    hem: float = 0.0
    dome: float = 0.0
    panel: float = 0.0
    panel_top: float = 0.0
    panel_bottom: float = 1.0
    tilt: float = 0.0
    wire: float = 0.0
    valve: float = 0.0
    contrast: float = 1.0
    grain: float = 0.5
    strap: float = 0.025
    strap_gray: float = 0.9
    strap_spread: float = 0.42


@dataclass(frozen=True, slots=True)
class MaskType:
    """A look with its properties that are not numbers.

    Args:
        look: as above.
        free: whether its colours are drawn for each face.
        pattern: its print: "", "stripes", "checks", "dots" or "print".
    """

    look: Look
    free: bool = False
    pattern: str = ""
