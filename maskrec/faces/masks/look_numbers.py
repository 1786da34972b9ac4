"""The numbers of a mask that depend on its type and one draw each: all of them by one line a number and one operation.

``number = (base + slope * draw)``, held within bounds; base and slope are constants of the type.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

import numpy as np

from maskrec.faces.masks.head_rays import HALF_DEPTH, HALF_WIDTH, SIZE
from maskrec.faces.masks.looks import Look, MaskType
from maskrec.faces.masks.mask_draws import STARTS

NOSE_TIP = 0.571
EAR_ACROSS, EAR_DOWN = 0.93, 0.60
_GRAY_SHARE = 0.25
_STEPS = 2.0**24  # of a draw from 0 to 1
_REPEATS, _SPREAD = 2.5, 2.4


@dataclass(frozen=True, slots=True)
class FirstNumber:
    """One number of a type: ``base + slope * draw``, from ``low`` to ``high``.

    Args:
        name: of the number.
        base, slope: of this type.
        draw: column of ``DRAWN``; -1 for none.
        low, high: bounds.
    """

    name: str
    base: float
    slope: float = 0.0
    draw: int = -1
    low: float = -math.inf
    high: float = math.inf


def entries_of(kind: MaskType, height: tuple[float, float]) -> list[FirstNumber]:
    """Every number of a type, in the order of the matrix's columns: neighbours are computed with together."""
    # A look counts in float32: pictures have been drawn so from the start.
    kind = replace(kind, look=Look(*np.array(astuple(kind.look), np.float32).tolist()))
    return [
        *_hang_entries(kind.look),
        *_cut_entries(kind.look, height),
        *_surface_entries(kind.look),
        *_relief_entries(kind),
        *_fabric_entries(kind.look),
        *_colour_entries(kind),
    ]


def _about(
    name: str, middle: float, reach: float, which: int, low: float = -math.inf, high: float = math.inf
) -> FirstNumber:
    """``middle + reach * j``, j from -1 to 1, the given one of ``mask_hang``."""
    return FirstNumber(name, middle - reach, 2.0 * reach, STARTS["mask_hang"] + which, low, high)


def _hang_entries(look: Look) -> Iterator[FirstNumber]:
    """A mask sits slightly off: up to 4 % of the eye distance, 4 % in size, about 3 degrees."""
    yield _about("shift_right", 0.0, 0.04, 0)
    yield _about("shift_down", 0.0, 0.04, 1)
    yield FirstNumber("upright", 1.0)
    yield _about("aslant", 0.0, 0.05, 3)
    yield _about("size", 1.0, 0.04, 2)
    yield _about("level", 1.0, 0.05, 4)
    yield FirstNumber("side_light", look.contrast)


def _cut_entries(look: Look, height: tuple[float, float]) -> Iterator[FirstNumber]:
    """Every mask is cut, stretched and pulled up a little differently."""
    up = height[1] - height[0]
    yield FirstNumber("nose", NOSE_TIP * (1.0 - height[0]) + look.nose, -NOSE_TIP * up, STARTS["mask_hang"] + 5)
    yield _about("cheek", look.cheek, 0.05, 6)
    yield _about("chin", look.chin, 0.06, 9)
    yield _about("temple", look.temple, 0.03, 8)
    yield _about("jaw", look.jaw, 0.12 * look.jaw, 10)
    # Reciprocals are taken of these four.
    yield _about("depth", HALF_DEPTH + look.bulge, 0.3 * look.bulge, 13)
    yield _about("side", look.side, 0.05 * look.side, 11)
    yield _about("nose_width", look.nose_width, 0.15 * look.nose_width, 7)
    yield _about("gap", EAR_ACROSS - look.side, -0.05 * look.side, 11, low=0.05)
    yield _about("half_round", -0.5 * look.round, -0.15 * look.round, 12, -0.5, 0.0)
    # Straps start where straight ends have corners, or nearer to the middle of rounded ends.
    yield _about("inward", 0.12 + 0.3 * look.round, 0.09 * look.round, 12, 0.12, 0.42)
    spread = 0.5 * look.strap_spread
    yield _about("strap_end", EAR_DOWN - spread, -0.25 * spread, 16)
    yield _about("strap_low_end", EAR_DOWN + spread, 0.25 * spread, 16)


def _surface_entries(look: Look) -> Iterator[FirstNumber]:
    """The head's size as a parabola in the height, as ``ray_numbers`` needs it; negative."""
    zero, one, two = (look.taper * part for part in SIZE)
    zero += 1.0 - look.taper
    yield from (
        FirstNumber("square_yaw", HALF_WIDTH**-2),
        FirstNumber("square_pitch", -two),
        FirstNumber("square_lean", 1.0),
    )
    yield from (FirstNumber("no_size", 0.0), FirstNumber("size_pitch_2", -two), FirstNumber("size_pitch_1", -0.5 * one))
    yield from (FirstNumber("size_2", -two), FirstNumber("size_1", -one), FirstNumber("size_0", -zero))


def _relief_entries(kind: MaskType) -> Iterator[FirstNumber]:
    look = kind.look
    yield _about("pleats", look.pleats, 0.3 * look.pleats, 14)
    yield _about("wrinkles", look.wrinkles, 0.5 * look.wrinkles, 15)
    for name in ("seam", "hem", "dome", "panel", "panel_top", "panel_bottom", "tilt", "wire", "grain"):
        yield FirstNumber(name, getattr(look, name))
    yield FirstNumber("per_valve", 1.0 / max(look.valve, 0.05))
    yield from (
        FirstNumber(f"pattern_{name}", float(name == kind.pattern)) for name in ("stripes", "checks", "dots", "print")
    )


def _fabric_entries(look: Look) -> Iterator[FirstNumber]:
    """Creases, grain and print."""
    u = STARTS["mask_fabric"]
    yield from (FirstNumber(f"phase_{i + 1}", 0.0, 1.0, u + i) for i in range(3))
    yield from (FirstNumber(f"along_{i + 1}", -0.5 * by, by, u + 3 + 2 * i) for i, by in enumerate((1.2, 2.4, 4.0)))
    downs = ((0.4, 0.7), (0.8, 1.2), (1.5, 1.5))
    yield from (FirstNumber(f"down_{i + 1}", base, by, u + 4 + 2 * i) for i, (base, by) in enumerate(downs))
    yield from (FirstNumber("grain_x", 0.0, 128.0, u + 9), FirstNumber("grain_y", 0.0, 128.0, u + 10))
    yield from (FirstNumber("print_x", 0.0, 1.0, u + 14), FirstNumber("print_y", 0.0, 1.0, u + 15))
    yield FirstNumber("print_share", 0.12, 0.26, u + 16)
    # Multiplied by the scale, then held within bounds (`wearing.HELD`); the last two and the two after them are powers.
    yield from (
        FirstNumber("per_edge", 1.0),
        FirstNumber("per_shadow", 0.5),
        FirstNumber("per_hem", 1.0),
        FirstNumber("per_line", 1.0),
    )
    yield from (FirstNumber("strap_on", 2.0 * look.strap), FirstNumber("strap_width", look.strap))
    yield from (
        FirstNumber("print_sharp", _SPREAD),
        FirstNumber("print_seen", _SPREAD),
        FirstNumber("repeats", _SPREAD),
    )
    yield FirstNumber("bright_fabric", 0.0, 1.0, STARTS["mask_colour"] + 2)
    # Their exponents: repeats per eye distance and its reciprocal.
    shift = math.log(_REPEATS, _SPREAD)
    yield from (FirstNumber(f"exponent_{i}", 0.6 - shift, -2.0, u + 11) for i in range(2))
    yield from (FirstNumber("exponent_2", shift - 0.6, 2.0, u + 11), FirstNumber("exponent_3", 0.8))
    # Upright, horizontal or rotated.
    yield FirstNumber("turn", -0.8, 1.6, u + 13)
    yield _step("turned", u + 12, 0.3)
    yield _step("lying", u + 12, 0.75 + 1.0 / _STEPS)
    full = _step("", u + 17, 0.35)
    yield FirstNumber("faint", 1.0 - full.base, -full.slope, full.draw, 0.0, 1.0)
    yield FirstNumber("fainter", -1.0, 1.0, u + 18)
    yield from (_step("valve_aside", u + 19, 0.5), _step("valve_right", u + 19, 0.75))


def _step(name: str, draw: int, threshold: float) -> FirstNumber:
    """0 where a draw is under the threshold, else 1: exact, as draws are multiples of 2**-24."""
    return FirstNumber(name, 1.0 - math.ceil(threshold * _STEPS), _STEPS, draw, 0.0, 1.0)


def _colour_entries(kind: MaskType) -> Iterator[FirstNumber]:
    """Of the fabric and two prints: how far each channel is from its hue's full strength, and how strong and bright."""
    u, look = STARTS["mask_colour"], kind.look
    for part, edge in (("up", 1.0), ("down", 4.0), ("again", 7.0)):
        for colour in range(3):
            for channel, offset in enumerate((0.0, 4.0, 2.0)):
                yield FirstNumber(f"hue_{part}_{colour}{channel}", offset - edge, 6.0, u + 3 * colour, 0.0, 1.0)
    share = 0.8 / (1.0 - _GRAY_SHARE)
    for colour in range(3):
        yield FirstNumber(f"unsaturated_{colour}", share * _GRAY_SHARE, -share, u + 3 * colour + 1, high=0.0)
    for colour in range(3):
        base = 0.9 + 0.3 * share * _GRAY_SHARE
        yield FirstNumber(f"brighter_{colour}", base, -0.3 * share, u + 3 * colour + 1, high=0.9)
    yield from (FirstNumber("bright_1", 0.0, 0.45, u + 5), FirstNumber("bright_2", 0.0, 1.0, u + 8))
    yield from (FirstNumber("red", look.red), FirstNumber("green", look.green), FirstNumber("blue", look.blue))
    yield FirstNumber("own_colour", 0.0 if kind.free else 1.0)
    yield _about("fade", 0.07, 0.07, 17)
    yield FirstNumber("valve_on", float(look.valve > 0))
    yield FirstNumber("strap_gray", max(look.strap_gray, 0.0))
    yield FirstNumber("strap_fabric", 0.9 if look.strap_gray < 0 else 0.0)
