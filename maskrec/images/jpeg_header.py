"""The few bytes of a JPEG that decide whether a fast decoder can be used."""

from __future__ import annotations

_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended and progressive, Huffman coded
# Comments, tables, restart intervals, and the markers that change nothing about the pixels: JFIF, ICC profile.
_HARMLESS = frozenset((0xFE, 0xDB, 0xC4, 0xDD, 0xE0, 0xE2))
_START_OF_SCAN = 0xDA
_KEPT, _LONGEST = 256, 4096  # headers, bytes of one


class _Headers:
    """A cache of headers and their sizes: an encoder writes the same few hundred bytes before every face.

    Looking one up costs a tenth of reading it, and reading it 4 % of decoding a face of 112 pixels.
    Threads may share it.
    """

    def __init__(self) -> None:
        self.sizes: dict[bytes, tuple[int, int]] = {}
        self.length = 0  # of the last header that was read

    def size(self, data: bytes) -> tuple[int, int] | None:
        seen = self.sizes.get(data[: self.length])
        if seen is not None:
            return seen
        size, end = _read(data)
        if size is not None and end <= _LONGEST:
            if len(self.sizes) >= _KEPT:
                self.sizes.clear()
            self.sizes[data[:end]], self.length = size, end
        return size


_HEADERS = _Headers()


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width of a complete, plain JPEG; None for every other.

    Plain: JFIF, Huffman coded, 8 bits, gray or YCbCr, without EXIF (which may rotate it), Adobe marker (which may make
    it CMYK or RGB) or further pictures; complete: it ends with the end marker. A file that is not plain is not invalid;
    it only needs a more careful decoder. (ITU-T T.81, annex B; T.871.)
    """
    return _HEADERS.size(data) if data[-2:] == b"\xff\xd9" else None


def _read(data: bytes) -> tuple[tuple[int, int] | None, int]:
    """A header's size, and where the scan begins: nothing after that was checked. None and 0: it is not plain."""
    if data[:4] != b"\xff\xd8\xff\xe0" or data[6:11] != b"JFIF\0":
        return None, 0
    size, place, end = None, 2, len(data)
    while place + 4 <= end and data[place] == 0xFF:
        marker, length = data[place + 1], data[place + 2] << 8 | data[place + 3]
        if marker == _START_OF_SCAN:
            return size, place + 4
        if marker in _FRAMES and size is None:
            size = _size_of(data[place + 4 : place + 2 + length])
            if size is None:
                return None, 0
        elif marker not in _HARMLESS or (marker == 0xE2 and data[place + 4 : place + 15] != b"ICC_PROFILE"):
            return None, 0
        place += 2 + length
    return None, 0


def _size_of(frame: bytes) -> tuple[int, int] | None:
    """The content of a frame header: precision, height, width, components with three bytes each."""
    if len(frame) < 6 or frame[0] != 8 or frame[5] not in (1, 3) or len(frame) != 6 + 3 * frame[5]:
        return None
    height, width = frame[1] << 8 | frame[2], frame[3] << 8 | frame[4]
    return (height, width) if height and width else None
