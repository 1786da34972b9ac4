"""Texts on masks that several data commands share: a note where masks are unknown, and mask types for help."""

from __future__ import annotations

MASKS_UNKNOWN = (
    "nothing says which photos wear a mask already, so all count as bare; put those that do into a folder `masked` in "
    "their person's folder before `maskrec data align`, or give the CSV a column `masked` (1 or 0); to find them, look "
    "at the sheet of `maskrec data show`, or at the column `mask` that `maskrec embed` writes with a model that "
    "recognizes masks"
)

FIVE = "surgical_green, surgical_blue, n95, kn95, cloth_black"
"""The reference's mask types (``faces.masks.REFERENCE_TYPES``, which imports torch), for help texts."""
