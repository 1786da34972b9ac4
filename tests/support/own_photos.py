"""A folder like a user's own photos, some of them with a mask: cartoon faces, so that no real one is needed."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from maskrec.faces.masks import REFERENCE_TYPES, mask_index, put_on_masks
from maskrec.faces.synthetic.album import Album
from maskrec.preparation.masking.mask_plan import draws_of


def write_own_photos(folder: Path, people: int, each: int, size: int = 160, masked_of_three: int = 1) -> Path:
    """``folder/person_00/photo_1.jpg`` and ``folder/person_00/masked/photo_3.jpg``; of three photos one wears a mask.

    Args:
        folder: created.
        people: how many.
        each: photos of each.
        size: side of the photos in pixels.
        masked_of_three: how many of three wear one.
    """
    album = Album(0, size, people, each)
    for index in range(people * each):
        image, points = album[index]
        who, number = f"person_{index // each:02d}", index % each + 1
        worn = number % 3 in range(masked_of_three) if masked_of_three < 3 else True
        if worn:
            kind = torch.tensor([mask_index(REFERENCE_TYPES[index % len(REFERENCE_TYPES)])])
            drawn = put_on_masks(
                image[None].float() / 255, points[None].float(), kind, draws_of([f"{who}/{number}"], 0, "own photos")
            )
            image = (drawn[0] * 255).round().clamp(0, 255).to(torch.uint8)
        place = folder / who / ("masked" if worn else "") / f"photo_{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(place, quality=95)
    return folder
