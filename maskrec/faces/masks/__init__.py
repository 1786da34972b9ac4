"""Simulated masks by five landmarks: ``types`` says which there are, ``choosing`` which one, ``geometry`` where,
``drawing`` how."""

from __future__ import annotations

from maskrec.faces.masks.choosing import choose_types, type_problems
from maskrec.faces.masks.drawing import put_on_masks
from maskrec.faces.masks.types import MASK_TYPES, mask_index

__all__ = ["MASK_TYPES", "choose_types", "mask_index", "put_on_masks", "type_problems"]
