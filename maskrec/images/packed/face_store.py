"""Faces of a large set by number: an index and the files that it refers to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.input_spec import Alignment
from maskrec.contracts.sample import Sample
from maskrec.images.aligner import Aligner
from maskrec.images.decoding import decode_image, decode_into
from maskrec.images.packed.face_index import FaceIndex
from maskrec.images.packed.mapped_files import DataFiles, MappedFiles


class FaceStore:
    """A set of faces; safe in threads and forks, can be pickled for loader workers.

    Args:
        place: the folder of its files, for messages: a path or an address.
        index: of its faces.
        files: the files that the index refers to; ``MappedFiles`` where the images are raw.
    """

    def __init__(self, place: str, index: FaceIndex, files: DataFiles) -> None:
        self.place, self.index, self._files = place, index, files
        self.raw = index.encoding == "raw"
        self._places = [f"{place}/{file.name}" for file in index.files]
        self._mapped: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.index)

    def name(self, index: int) -> str:
        """A face's name in messages: its file and its name in the source."""
        return self._name(index, int(self.index.entries["file"][index]))

    def _name(self, index: int, file: int) -> str:
        return f"{self._places[file]}:{self.index.name(index)}"

    def read(self, index: int) -> bytes:
        """A face's bytes as they are stored."""
        offset, size, _, file, *_ = self.index.entries[index].item()
        return self._files.read(file, offset, size)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """A face: uint8 RGB ``(H, W, 3)``; a raw one is a view of the mapped file; changing it leaves that unchanged.

        Raises:
            UsageError: it cannot be read or does not decode.
        """
        offset, size, _, file, *_ = self.index.entries[index].item()
        return self._pixels(file, offset, size, self._name(index, file))

    def _pixels(self, file: int, offset: int, size: int, name: str) -> NDArray[np.uint8]:
        if not self.raw:
            return decode_image(self._files.read(file, offset, size), name)
        return self._raw(file, offset, size)

    def _raw(self, file: int, offset: int, size: int) -> NDArray[np.uint8]:
        whole = self._mapped.get(file)
        if whole is None:
            assert isinstance(self._files, MappedFiles)
            whole = self._mapped[file] = np.frombuffer(self._files.map(file), np.uint8)
        side = self.index.side
        return whole[offset : offset + size].reshape(side, side, 3)

    def planned(self, size: int, alignment: Alignment) -> Aligner:
        """The plan for placing its faces on a canvas."""
        return Aligner(size, alignment, self.index.landmarks, self.index.boxes)

    def sample(self, index: int, aligner: Aligner) -> Sample:
        """A face on the canvas.

        Args:
            index: its number.
            aligner: ``planned(...)``.

        Raises:
            UsageError: it cannot be read, does not decode, or its landmarks do not fit it.
        """
        offset, size, _, file, label, masked, *_ = self.index.entries[index].item()
        name = self._name(index, file)
        return aligner.sample(self._pixels(file, offset, size, name), index, label, bool(masked), name)

    def put(self, indices: Sequence[int], aligner: Aligner, images: NDArray[np.uint8]) -> Iterator[bool]:
        """Write faces into their rows of ``images``; returns whether each was written as it is, raw or a plain JPEG.

        Args:
            indices: which faces.
            aligner: ``planned(...)``.
            images: uint8 ``(n, H, W, 3)``, contiguous.
        """
        faces = np.asarray(indices, dtype=np.int64)
        entries = self.index.entries[faces]
        stretches = zip(*(entries[name].tolist() for name in ("file", "offset", "size")), strict=True)
        for aligned, row, stretch in zip(aligner.are_aligned(faces), images, stretches, strict=True):
            yield aligned and self._put(row, *stretch)

    def _put(self, row: NDArray[np.uint8], file: int, offset: int, size: int) -> bool:
        if not self.raw:
            return decode_into(self._files.read(file, offset, size), row)
        if row.shape[:2] != (self.index.side, self.index.side):
            return False
        row[:] = self._raw(file, offset, size)
        return True

    def verify(self) -> Iterator[str]:
        """A sentence for every face whose bytes do not match their checksum; reads everything."""
        checksums = self.index.entries["checksum"]
        for index in range(len(self)):
            if checksums[index] and zlib.crc32(self.read(index)) != int(checksums[index]):
                yield f"{self.name(index)}: its checksum does not match, so it is damaged; make the set again"

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "index": self.index, "files": self._files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["place"], state["index"], state["files"])  # type: ignore[misc]
