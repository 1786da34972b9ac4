"""Faces of a large set by number: an index and the files it points into."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.input_spec import Alignment
from maskrec.contracts.sample import Sample
from maskrec.images.canvas import sample_on_canvas
from maskrec.images.decoding import decode_image
from maskrec.images.face_index import FaceIndex
from maskrec.images.mapped_files import DataFiles, MappedFiles


class FaceStore:
    """A set of faces; safe in threads and forks, pickles for loader workers.

    Args:
        place: the folder of its files, for messages: a path or an address.
        index: of its faces.
        files: that the index points into; ``MappedFiles`` where the images are raw.
    """

    def __init__(self, place: str, index: FaceIndex, files: DataFiles) -> None:
        self.place, self.index, self._files = place, index, files
        self._raw: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.index)

    @property
    def raw(self) -> bool:
        """Whether it holds pixels and not encoded images."""
        return self.index.encoding == "raw"

    def name(self, index: int) -> str:
        """A face in messages: its file and its name in the source."""
        file = self.index.files[int(self.index.entries[index]["file"])].name
        return f"{self.place}/{file}:{self.index.name(index)}"

    def read(self, index: int) -> bytes:
        """A face's bytes as they are stored."""
        offset, size, _, file, *_ = self.index.entries[index].item()
        return self._files.read(file, offset, size)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """A face: uint8 RGB ``(H, W, 3)``.

        Raises:
            UsageError: it cannot be read or does not decode.
        """
        if self.raw:
            return np.ascontiguousarray(self.planes(index).transpose(1, 2, 0))
        return decode_image(self.read(index), self.name(index))

    def planes(self, index: int) -> NDArray[np.uint8]:
        """A raw face, uint8 RGB ``(3, side, side)``, without copying; changing it leaves the file as it is."""
        offset, size, _, file, *_ = self.index.entries[index].item()
        whole = self._raw.get(file)
        if whole is None:
            assert isinstance(self._files, MappedFiles)
            whole = self._raw[file] = np.frombuffer(self._files.map(file), np.uint8)
        side = self.index.side
        return whole[offset : offset + size].reshape(3, side, side)

    def sample(self, index: int, size: int, alignment: Alignment) -> Sample:
        """A face on the canvas; see ``images.canvas.to_canvas``.

        Raises:
            UsageError: it cannot be read, does not decode, or its landmarks do not fit it.
        """
        landmarks, boxes = self.index.landmarks, self.index.boxes
        points = None if landmarks is None else landmarks[index]
        box = None if boxes is None else boxes[index]
        _, _, _, _, label, masked, *_ = self.index.entries[index].item()
        pixels = self.planes(index).transpose(1, 2, 0) if self.raw else self.pixels(index)
        return sample_on_canvas(pixels, points, box, size, alignment, label, bool(masked), self.name(index))

    def verify(self) -> Iterator[str]:
        """A sentence for every face whose bytes are not those that were summed; reads everything."""
        checksums = self.index.entries["checksum"]
        for index in range(len(self)):
            if checksums[index] and zlib.crc32(self.read(index)) != int(checksums[index]):
                yield f"{self.name(index)}: its checksum does not fit, so it is damaged; make the set again"

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "index": self.index, "files": self._files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["place"], state["index"], state["files"])  # type: ignore[misc]
