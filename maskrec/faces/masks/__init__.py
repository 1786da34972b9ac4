"""Simulated masks by five landmarks.

``types`` defines them, ``mask_choice`` selects one, ``wearing`` decides how each face wears it, ``geometry`` and
``outline`` place it, ``relief``, ``prints`` and ``light`` give its look, and ``painting`` draws it.
"""

from __future__ import annotations

from maskrec.faces.masks.colours import colour_problems
from maskrec.faces.masks.mask_choice import cheek_problems, choose_types, type_problems, wear_problems
from maskrec.faces.masks.painting import put_on_masks
from maskrec.faces.masks.types import FREE_TYPES, MASK_TYPES, REFERENCE_TYPES, mask_index
from maskrec.faces.masks.wearing import HEIGHT

__all__ = [
    "FREE_TYPES",
    "HEIGHT",
    "MASK_TYPES",
    "REFERENCE_TYPES",
    "cheek_problems",
    "choose_types",
    "colour_problems",
    "mask_index",
    "put_on_masks",
    "type_problems",
    "wear_problems",
]
