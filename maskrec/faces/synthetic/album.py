"""All photos of a range of people, each rendered once for all loader workers."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from maskrec.faces.synthetic import PHOTOS_A_PERSON, photograph

SIZES = (16, 1024)
PEOPLE = 1 << 40
_PIXELS_AT_ONCE = 1 << 18


def complaints(
    image_size: int | None, identities: int, images_per_identity: int, first_identity: int, cache_mib: int
) -> Iterator[tuple[str, str]]:
    """Values out of range: the parameter's name and one sentence. An ``image_size`` of None is not known yet."""
    if image_size is not None and not SIZES[0] <= image_size <= SIZES[1]:
        yield "image_size", f"synthetic faces must be {SIZES[0]} to {SIZES[1]} pixels wide, not {image_size}"
    if identities < 1:
        yield "identities", f"identities must be at least 1, not {identities}"
    if not 1 <= images_per_identity <= PHOTOS_A_PERSON:
        yield "images_per_identity", f"images_per_identity must be 1 to {PHOTOS_A_PERSON}, not {images_per_identity}"
    if first_identity < 0 or first_identity + max(identities, 1) > PEOPLE:
        yield (
            "first_identity",
            f"people have numbers from 0 to {PEOPLE - 1}; first_identity {first_identity} exceeds them",
        )
    if cache_mib < 0:
        yield "cache_mib", f"cache_mib is a size in MiB and must be at least 0, not {cache_mib}"


class Album:
    """Photos of people ``first_identity`` and on, ``images_per_identity`` of each, person by person.

    A photo is rendered when it is first requested, with its neighbours, and kept in memory that forked loader workers
    share, so nothing is rendered twice (spawned workers keep their own). An album larger than ``cache_mib`` renders a
    photo each time it is requested. The bytes are the same either way.

    Args:
        face_seed: the world of people.
        image_size: side of the canvas in pixels.
        identities: how many people.
        images_per_identity: how many photos of each.
        first_identity: number of the first person.
        cache_mib: how much memory the photos may take, in MiB.

    Raises:
        ValueError: a number out of range, in one sentence.
    """

    def __init__(
        self,
        face_seed: int,
        image_size: int,
        identities: int,
        images_per_identity: int,
        first_identity: int = 0,
        cache_mib: int = 2048,
    ) -> None:
        for _, sentence in complaints(image_size, identities, images_per_identity, first_identity, cache_mib):
            raise ValueError(sentence)
        self.face_seed, self.image_size, self.cache_mib = face_seed, image_size, cache_mib
        self.identities, self.images_per_identity = identities, images_per_identity
        self.first_identity = first_identity
        self._open_cache()

    @property
    def nbytes(self) -> int:
        """The memory of all photos' pixels."""
        return len(self) * 3 * self.image_size * self.image_size

    def __len__(self) -> int:
        return self.identities * self.images_per_identity

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Photo ``index``: uint8 RGB ``(3, S, S)`` and landmarks float32 ``(5, 2)`` in pixels, as copies.

        Raises:
            IndexError: the index is beyond the album.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"photo {index} of an album of {len(self)}")
        if not self._cached:
            pixels, places = self._render(index, index + 1)
            return pixels[0], places[0]
        if not self._done[index]:
            self._fill(index)
        return self._pixels[index].clone(), self._places[index].clone()

    def person_name(self, person: int) -> str:
        """The name of the album's person ``person`` (counted from 0 here): ``synthetic-000123``."""
        return f"{world_name(self.face_seed)}-{self.first_identity + person:06d}"

    def path(self, index: int) -> str:
        """The path that photo ``index`` would have as a file: ``synthetic/000123/0007``."""
        person, photo = divmod(index, self.images_per_identity)
        return f"{world_name(self.face_seed)}/{self.first_identity + person:06d}/{photo:04d}"

    def _render(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        indices = torch.arange(start, stop)
        people = self.first_identity + indices.div(self.images_per_identity, rounding_mode="floor")
        return photograph(self.face_seed, people, indices % self.images_per_identity, self.image_size)

    def _fill(self, index: int) -> None:
        """Render the group of ``index``. Two workers may do so at once: they write the same bytes."""
        group = max(1, _PIXELS_AT_ONCE // self.image_size**2)
        start = index - index % group
        stop = min(start + group, len(self))
        self._pixels[start:stop], self._places[start:stop] = self._render(start, stop)
        self._done[start:stop] = 1

    def _open_cache(self) -> None:
        """Anonymous shared mappings: their pages take no memory until they are written to."""
        self._cached = self.nbytes <= self.cache_mib << 20
        if self._cached:
            self._pixels = _shared(self.nbytes, torch.uint8).reshape(-1, 3, self.image_size, self.image_size)
            self._places = _shared(len(self) * 40, torch.float32).reshape(-1, 5, 2)
            self._done = _shared(len(self), torch.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_cache()


def world_name(face_seed: int) -> str:
    """The name of a face world's people, so that equal numbers of two worlds are two people."""
    return "synthetic" if face_seed == 0 else f"synthetic_{face_seed}"


def _shared(nbytes: int, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(mmap.mmap(-1, nbytes), dtype=dtype)
