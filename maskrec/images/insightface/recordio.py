"""InsightFace's ``.rec`` and ``.idx``: MXNet's RecordIO format, read without MXNet."""

from __future__ import annotations

import io
import math
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.images.insightface.record_labels import HEADER, MAGIC, PART, first_labels, lacks_images, without_image
from maskrec.images.random_access import RandomAccessFile

_LABELS = 1 << 24  # a 32-bit float represents whole numbers exactly up to here
_START = struct.Struct("<IIIfQQ")  # both of an undivided record
_LABELS_SEEN = 8
_GLANCE = _START.size + 4 * _LABELS_SEEN
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_MAGIC_BYTES = struct.pack("<I", MAGIC)

Label = float | tuple[float, ...]


class RecordFile:
    """The images of a ``.rec`` file, in the order of their keys; safe in threads and forks, can be pickled for workers.

    A record is MXNet's ``IRHeader`` (flag, label, id, id2; a flag above 0 says that so many float labels follow) and
    an encoded image. InsightFace's record 0 holds no image but, as labels, the key after the last image and the one
    after the last person; the persons' records in that range hold no images either. Records that hold labels only are
    skipped, whatever record 0 says of their keys: its float32 is not exact above 2**24.

    With ``NAME.idx`` beside it (``key<TAB>offset`` lines) opening reads that; without it the ``.rec`` is scanned, image
    records in the order of the file. The last record is checked when opened, others when they are read.

    Args:
        path: of the ``.rec``.

    Raises:
        UsageError: the file is truncated, damaged, or of another kind; or the index does not match it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index_path = path.with_suffix(".idx")
        if path.suffix.lower() == ".bin":
            raise UsageError(f"{path}: a .bin holds pairs to verify, not records; `maskrec data align` reads its faces")
        self._file = RandomAccessFile(path)
        if self._file.size < PART.size:
            raise UsageError(f"{path}: {self._file.size} bytes are not a .rec file; download it again")
        self._indexed = self.index_path.exists()
        self._offsets = self._indexed_images() if self._indexed else self._scanned_images()
        if not len(self._offsets):
            raise UsageError(f"{path}: none of its records holds an image; is it the right file?")

    def __len__(self) -> int:
        """The number of images."""
        return len(self._offsets)

    def __getitem__(self, index: int) -> tuple[Label, bytes]:
        """An image's label (a tuple where several are stored) and its encoded bytes (JPEG or PNG, usually).

        Raises:
            IndexError: the file does not have this image.
            UsageError: the record is truncated or damaged.
        """
        return self._unpack(int(self._offsets[index]))

    def label(self, index: int) -> Label:
        """An image's label alone, from the record's first bytes."""
        return self._glance(int(self._offsets[index]))[0]

    def identity(self, index: int) -> int:
        """An image's person: its label, or the first of its labels, as a whole number from 0.

        Raises:
            UsageError: the label is not such a number.
        """
        label = self.label(index)
        first = label[0] if isinstance(label, tuple) else label
        if not 0 <= first < _LABELS or first != int(first):
            raise UsageError(
                f"{self.path}: the label of image {index} is {first}, not a whole number from 0 to {_LABELS - 1}"
            )
        return int(first)

    def identities(self) -> NDArray[np.int64]:
        """``identity`` of every image."""
        first, plain = first_labels(self.path, self._offsets)
        plain &= (first >= 0) & (first < _LABELS) & (first == np.floor(first))
        found = np.where(plain, first, 0).astype(np.int64)
        for index in np.flatnonzero(~plain):
            found[index] = self.identity(int(index))
        return found

    def _indexed_images(self) -> NDArray[np.int64]:
        keys, offsets = self._read_index()
        self._unpack(int(offsets.max()))  # a truncated file is detected by its last record
        images = self._hold_images(offsets)
        announced = self._first_key_of_people(int(offsets[0])) if keys[0] == 0 else None
        if announced is not None and lacks_images(keys, images, announced):
            raise UsageError(
                f"{self.index_path}: lists {int((keys[images] < announced).sum())} of the {announced - 1} images that "
                f"record 0 of {self.path.name} announces; download it again, or delete it to scan the .rec"
            )
        return offsets[images]

    def _hold_images(self, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each record holds an image, as the scan says; a damaged one is reported when it is read."""
        bare, plain = without_image(self.path, offsets)
        for record in np.flatnonzero(~plain).tolist():
            try:
                label, size, length, _ = self._glance(int(offsets[record]))
            except UsageError:
                continue
            bare[record] = isinstance(label, tuple) and length == size
        return ~bare

    def _first_key_of_people(self, offset: int) -> int | None:
        """The number in InsightFace's record 0: one more than the number of images; None when it is an image."""
        label, image = self._unpack(offset)
        if image or not isinstance(label, tuple):
            return None
        if not math.isfinite(label[0]) or label[0] < 1 or label[0] != int(label[0]):
            raise UsageError(f"{self.path}: record 0 announces images up to key {label[0]}; the file is damaged")
        return int(label[0])

    def _read_index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keys in their order and their offsets, each inside the ``.rec`` and no two alike."""
        file = RandomAccessFile(self.index_path)
        lines = array("q")
        for number, line in enumerate(io.BytesIO(file.read(0, file.size))):
            words = line.split()
            if len(words) != 2 or not all(word.isdigit() and len(word) <= 18 for word in words):
                raise self._bad_index(number, "is not 'key<TAB>offset'")
            lines.extend(map(int, words))
        if not lines:
            raise UsageError(f"{self.index_path}: it has no lines; delete it to scan the .rec")
        keys, offsets = np.array(lines, dtype=np.int64).reshape(-1, 2).T
        for values, what in ((keys, "key"), (offsets, "offset")):
            order = np.argsort(values, kind="stable")
            twice = np.flatnonzero(np.diff(values[order]) == 0)
            if len(twice):
                place = int(order[twice[0] + 1])
                raise self._bad_index(place, f"names {what} {values[place]} again")
        if (beyond := np.flatnonzero(offsets + PART.size > self._file.size)).size:
            place = int(beyond[0])
            raise self._bad_index(
                place, f"says byte {offsets[place]}, and {self.path.name} has {self._file.size} bytes; is it cut short?"
            )
        order = np.argsort(keys)
        return keys[order], offsets[order]

    def _bad_index(self, line: int, what: str) -> UsageError:
        return UsageError(
            f"{self.index_path}:{line + 1}: the line {what}; download it again, or delete it to scan the .rec"
        )

    def _scanned_images(self) -> NDArray[np.int64]:
        offsets, offset = array("q"), 0
        while offset < self._file.size:
            label, size, length, end = self._glance(offset)
            # Records with several labels and nothing else are InsightFace's record 0 and those of its people.
            if not isinstance(label, tuple) or length > size:
                offsets.append(offset)
            offset = end
        if offset > self._file.size:
            raise UsageError(f"{self.path}: truncated at byte {self._file.size}, after a record; download it again")
        return np.array(offsets, dtype=np.int64)

    def _parts(self, offset: int) -> Iterator[tuple[int, int]]:
        """Place and length of the pieces of the record at ``offset``: one, or several joined by the magic word."""
        wanted = (_WHOLE, _FIRST)
        while True:
            if offset + PART.size > self._file.size:
                raise UsageError(
                    f"{self.path}: truncated at byte {self._file.size}, within a record; download it again"
                )
            magic, word = PART.unpack(self._file.read(offset, PART.size))
            part, length = word >> 29, word & 0x1FFFFFFF
            if magic != MAGIC or part not in wanted:
                remedy = (
                    f"delete {self.index_path.name} to scan it, or download both" if self._indexed else "download it"
                )
                raise UsageError(f"{self.path}: no record begins at byte {offset}; {remedy} again")
            offset += PART.size
            if offset + length > self._file.size:
                raise UsageError(
                    f"{self.path}: truncated: the record at byte {offset - PART.size} needs {length} bytes, but "
                    f"{self._file.size - offset} are present; download it again"
                )
            yield offset, length
            if part in (_WHOLE, _LAST):
                return
            wanted = (_MIDDLE, _LAST)
            offset += length + -length % 4

    def _unpack(self, offset: int) -> tuple[Label, bytes]:
        record = self._record(offset)
        label, size = self._label_in(record, offset)
        return label, record[size:]

    def _record(self, offset: int) -> bytes:
        return _MAGIC_BYTES.join(self._file.read(place, length) for place, length in self._parts(offset))

    def _glance(self, offset: int) -> tuple[Label, int, int, int]:
        """A record's label, the bytes that it takes, the record's length, and where the next begins."""
        block = self._file.read(offset, min(_GLANCE, self._file.size - offset))
        if len(block) == _GLANCE:
            magic, word, flag, label, _, _ = _START.unpack_from(block)
            end = offset + PART.size + word  # for an undivided record: its upper 3 bits are 0
            if magic == MAGIC and HEADER.size <= word < 1 << 29 and flag <= _LABELS_SEEN and end <= self._file.size:
                size = HEADER.size + 4 * flag
                if size <= word:
                    labels = label if flag == 0 else struct.unpack_from(f"<{flag}f", block, _START.size)
                    return labels, size, word, end + -word % 4
        pieces = list(self._parts(offset))
        place, length = pieces[-1]
        label_, size = self._label_in(self._record(offset), offset)
        return label_, size, sum(count for _, count in pieces) + 4 * (len(pieces) - 1), place + length + -length % 4

    def _label_in(self, record: bytes, offset: int) -> tuple[Label, int]:
        """The labels at a record's beginning, and how many bytes they take."""
        if len(record) < HEADER.size:
            raise UsageError(
                f"{self.path}: the record at byte {offset} has {len(record)} bytes, too few for its header"
            )
        flag, label, _, _ = HEADER.unpack_from(record)
        if flag == 0:
            return float(label), HEADER.size
        size = HEADER.size + 4 * flag
        if size > len(record):
            raise UsageError(
                f"{self.path}: the record at byte {offset} announces {flag} labels but has {len(record)} bytes; "
                "the file is damaged: download it again"
            )
        return struct.unpack_from(f"<{flag}f", record, HEADER.size), size
