"""Draws docs/masked_faces.png, the picture in README: cartoon faces, bare and in the masks that maskrec draws.

python docs/draw_masked_faces.py
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from maskrec.base.random import SeededDraws
from maskrec.faces.masks import mask_index, put_on_masks
from maskrec.faces.synthetic.album import Album

TYPES = (None, "surgical_green", "surgical_blue", "n95", "kn95", "cloth_black", "duckbill", "cloth_checked")
"""One column each; None is bare."""
PEOPLE, SIZE, GAP = 2, 112, 4


def masked_faces() -> Image.Image:
    """One row a person, one column a mask type: uint8 RGB."""
    album = Album(3, SIZE, PEOPLE, len(TYPES))
    width, height = (count * (SIZE + GAP) - GAP for count in (len(TYPES), PEOPLE))
    sheet = Image.new("RGB", (width, height), (255, 255, 255))
    for index in range(PEOPLE * len(TYPES)):
        row, column = divmod(index, len(TYPES))
        image, points = album[index]
        kind, pixels = TYPES[column], image[None].float() / 255
        if kind is not None:
            draws = SeededDraws(17, 0, "README", torch.tensor([index]))
            pixels = put_on_masks(pixels, points[None].float(), torch.tensor([mask_index(kind)]), draws)
        face = (pixels[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        sheet.paste(Image.fromarray(face), (column * (SIZE + GAP), row * (SIZE + GAP)))
    return sheet


if __name__ == "__main__":
    small = masked_faces().quantize(128, dither=Image.Dither.NONE)
    small.save(Path(__file__).with_name("masked_faces.png"), optimize=True)
