"""Which photo each image of a pair set was made from, known without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maskrec.base.words import plain_name
from maskrec.contracts.call_into import call_into
from maskrec.contracts.component_calls import origin_of

if TYPE_CHECKING:
    from maskrec.contracts.pair_set import PairSet


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of an image of a pair set without reading it.

    Args:
        photo: names its photo, in all sets alike.
        masked: whether the photo already shows a mask.
    """

    photo: str
    masked: bool


def origins(pairs: PairSet) -> list[Origin]:
    """The origin of each image of a set.

    A path that two people of the set share names no photo: then each image counts as a photo of its own.

    Raises:
        MaskrecError: an image cannot be asked, or read.
    """
    with call_into(pairs.label, "failed in origin", pairs.images):
        found = [Origin(*origin_of(pairs.images, index)) for index in range(len(pairs.images))]
    owners: dict[str, str] = {}
    names = [plain_name(name) for name in pairs.identities or [""] * len(found)]
    if all(owners.setdefault(each.photo, name) == name for each, name in zip(found, names, strict=True)):
        return found
    return [Origin(f"{pairs.label}#{index}", each.masked) for index, each in enumerate(found)]
