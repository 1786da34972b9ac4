"""Simulated masks, put on by five landmarks: ``types`` says which there are, ``geometry`` where, ``drawing`` how."""

from __future__ import annotations

from maskrec.faces.masks.drawing import put_on_masks
from maskrec.faces.masks.types import MASK_TYPES, mask_index

__all__ = ["MASK_TYPES", "mask_index", "put_on_masks"]
