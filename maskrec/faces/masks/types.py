"""The mask types by name; lengths as in ``looks``."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from maskrec.faces.masks.looks import Look, MaskType


def _surgical(red: int, green: int, blue: int) -> Look:
    return Look(
        red / 255,
        green / 255,
        blue / 255,
        nose=0.02,
        cheek=0.56,
        nose_width=0.38,
        chin=1.88,
        jaw=0.55,
        side=0.72,
        round=0.10,
        pleats=1.0,
        wrinkles=0.6,
        hem=0.6,
        wire=0.35,
        contrast=0.9,
        strap=0.02,
        strap_gray=0.92,
    )


_N95 = Look(
    0.93,
    0.93,
    0.91,
    nose=-0.03,
    cheek=0.62,
    temple=0.0,
    chin=1.86,
    jaw=0.50,
    side=0.68,
    round=0.75,
    bulge=0.14,
    wrinkles=0.08,
    hem=0.9,
    dome=1.0,
    wire=0.8,
    grain=0.6,
    strap=0.035,
    strap_gray=0.80,
    strap_spread=0.7,
)
_KN95 = Look(
    0.95,
    0.95,
    0.94,
    nose=-0.05,
    cheek=0.60,
    nose_width=0.46,
    temple=0.03,
    jaw=0.62,
    side=0.72,
    round=0.40,
    bulge=0.10,
    wrinkles=0.25,
    seam=1.0,
    hem=0.7,
    dome=0.5,
    wire=0.5,
)
_CLOTH = Look(
    0.5,
    0.5,
    0.5,
    nose=-0.01,
    cheek=0.58,
    temple=0.08,
    jaw=0.60,
    side=0.76,
    round=0.25,
    wrinkles=0.8,
    seam=0.7,
    hem=0.6,
    dome=0.35,
    contrast=1.15,
    grain=0.7,
    strap=0.04,
    strap_gray=-1.0,
)
_FLAT_CLOTH = replace(_CLOTH, seam=0.0, wrinkles=1.0)

TYPES: dict[str, MaskType] = {
    "surgical_green": MaskType(_surgical(0x44, 0xB4, 0xA8)),
    "surgical_blue": MaskType(_surgical(0x1C, 0xA0, 0xF4)),
    "n95": MaskType(_N95),
    "kn95": MaskType(_KN95),
    "cloth_black": MaskType(replace(_CLOTH, red=0.10, green=0.10, blue=0.11, contrast=1.6, wrinkles=3.2, dome=0.9)),
    "surgical": MaskType(_surgical(0x80, 0x80, 0x80), free=True),
    "cloth": MaskType(_CLOTH, free=True),
    "cloth_striped": MaskType(_FLAT_CLOTH, free=True, pattern="stripes"),
    "cloth_checked": MaskType(_CLOTH, free=True, pattern="checks"),
    "cloth_dotted": MaskType(_CLOTH, free=True, pattern="dots"),
    "cloth_printed": MaskType(_FLAT_CLOTH, free=True, pattern="print"),
    "ffp2_valve": MaskType(replace(_N95, round=0.5, side=0.71, valve=0.2, dome=0.7)),
    "kf94": MaskType(
        replace(
            _KN95, seam=0.0, round=0.6, side=0.78, panel=1.0, panel_top=0.34, panel_bottom=0.70, tilt=0.16, temple=0.0
        )
    ),
    "duckbill": MaskType(
        replace(_KN95, seam=0.0, round=0.55, bulge=0.3, panel=0.9, panel_top=0.5, panel_bottom=0.5, tilt=0.26, jaw=0.5)
    ),
    "scarf": MaskType(
        replace(
            _FLAT_CLOTH,
            cheek=0.66,
            nose_width=0.55,
            temple=0.04,
            chin=2.9,
            jaw=0.0,
            side=2.5,
            round=0.0,
            taper=0.25,
            wrinkles=3.6,
            hem=0.3,
            strap=0.0,
        ),
        free=True,
    ),
}
MASK_TYPES: tuple[str, ...] = tuple(TYPES)
REFERENCE_TYPES: tuple[str, ...] = MASK_TYPES[:5]
FREE_TYPES: tuple[str, ...] = tuple(name for name, kind in TYPES.items() if kind.free)

# Types that are cut alike and have the same features.
FAMILIES: tuple[tuple[str, ...], ...] = (
    ("surgical_green", "surgical_blue", "surgical"),
    ("n95", "ffp2_valve"),
    ("kn95", "kf94", "duckbill"),
    ("cloth_black", "cloth"),
    ("cloth_striped",),
    ("cloth_checked",),
    ("cloth_dotted",),
    ("cloth_printed",),
    ("scarf",),
)


def mask_index(name: str) -> int:
    """A mask type's number, for ``put_on_masks``.

    Raises:
        ValueError: the name is not a mask type.
    """
    if name not in TYPES:
        raise ValueError(f"unknown mask type {name!r}; known mask types are {', '.join(MASK_TYPES)}")
    return MASK_TYPES.index(name)


@cache
def features_of(types: frozenset[int]) -> frozenset[str]:
    """Names of ``Look``'s fields that are not 0 for some of the given types, and their patterns."""
    kinds = [TYPES[MASK_TYPES[each]] for each in types]
    found = {field.name for kind in kinds for field in fields(Look) if getattr(kind.look, field.name)}
    return frozenset(found | {kind.pattern for kind in kinds})


# The families' order when faces are painted: those that have a feature in common are neighbours.
_PAINTED = (0, 1, 2, 3, 5, 6, 4, 7, 8)


@cache
def painting_places() -> NDArray[np.int64]:
    """By type, its family's place when faces are painted."""
    places = {name: place for place, family in enumerate(_PAINTED) for name in FAMILIES[family]}
    return np.array([places[name] for name in MASK_TYPES])
