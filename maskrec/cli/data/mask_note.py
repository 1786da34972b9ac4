"""What the data commands say where nothing says which photos wear a mask."""

from __future__ import annotations

MASKS_UNKNOWN = (
    "nothing says which photos wear a mask already, so all count as bare; put those that do into a folder `masked` in "
    "their person's folder before `maskrec data align`, or give the CSV a column `masked` (1 or 0)"
)
