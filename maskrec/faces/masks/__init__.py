"""Simulated masks by five landmarks.

``types`` defines them, ``mask_choice`` selects one, ``look_numbers`` and ``wearing`` decide how each face wears it,
``geometry``, ``head_rays`` and ``outline`` place it, ``relief``, ``prints``, ``colours`` and ``light`` give its look,
``painting`` draws it, and ``putting_on`` calls them all.
"""

from __future__ import annotations

from maskrec.faces.masks.colours import colour_problems
from maskrec.faces.masks.mask_choice import cheek_problems, choose_types, type_problems, wear_problems
from maskrec.faces.masks.mask_draws import DRAWN, drawn
from maskrec.faces.masks.putting_on import put_on_masks
from maskrec.faces.masks.types import FREE_TYPES, MASK_TYPES, REFERENCE_TYPES, mask_index
from maskrec.faces.masks.wearing import HEIGHT

__all__ = [
    "DRAWN",
    "FREE_TYPES",
    "HEIGHT",
    "MASK_TYPES",
    "REFERENCE_TYPES",
    "cheek_problems",
    "choose_types",
    "colour_problems",
    "drawn",
    "mask_index",
    "put_on_masks",
    "type_problems",
    "wear_problems",
]
