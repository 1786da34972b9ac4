"""The hair of the day: a person's own, or on some days a style and colour that are unrelated to the identity."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskrec.faces.synthetic.cartoon_photos import CartoonPhotos
from maskrec.faces.synthetic.people import People

RESTYLED = 0.3


@dataclass(frozen=True, slots=True)
class Hair:
    """Float32 ``(B,)`` each, the colour ``(B, 3)``."""

    color: Tensor
    line: Tensor
    curve: Tensor
    volume: Tensor
    length: Tensor


def hair_of_the_day(people: People, photos: CartoonPhotos) -> Hair:
    """The person's own hair, except in the share ``RESTYLED`` of photos."""
    other = (photos.restyled < RESTYLED).float()

    def choose(own: Tensor, todays: Tensor) -> Tensor:
        share = other if own.dim() == 1 else other[:, None]
        return own * (1 - share) + todays * share

    return Hair(
        choose(people.hair, photos.hair),
        choose(people.hairline, photos.hairline),
        choose(people.hairline_curve, photos.hairline_curve),
        choose(people.hair_volume, photos.hair_volume),
        choose(people.hair_length, photos.hair_length),
    )
