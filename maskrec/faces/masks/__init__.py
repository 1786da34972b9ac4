"""Simulated masks by five landmarks: ``types`` says which there are, ``choosing`` which one, ``wearing`` how each face
wears it, ``geometry`` and ``outline`` where, ``relief``, ``prints`` and ``light`` how it looks, ``drawing`` does it."""

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
