"""A tar's headers, one after another, by position: nothing is extracted and no length in them is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from maskrec.base.errors import UsageError
from maskrec.images.random_access import Readable

BLOCK = 512

_LONGEST = 1 << 20  # of an extended header: a name, not data
_REGULAR, _FOLDER = b"0\x007", b"5"
_SAID = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "sparse",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """The content of a header: a regular file (or a folder) of this name, its data at ``offset``."""

    name: str
    offset: int
    size: int
    folder: bool


def entries(file: Readable) -> Iterator[Entry]:
    """All files and folders of a tar (POSIX ustar and pax, GNU long names).

    Raises:
        UsageError: it is truncated, damaged or compressed, holds a link, device or sparse file, or has data after the
            end.
    """
    place = 0
    extended: dict[str, bytes] = {}
    while True:
        if place == 0 and file.size >= 2 and file.read(0, 2) == b"\x1f\x8b":
            raise UsageError(
                f"{file.path}: compressed; unpack it with gunzip, so that its images can be read in any order"
            )
        if place + BLOCK > file.size:
            raise UsageError(f"{file.path}: truncated at byte {file.size}: no end mark; download it again")
        block = file.read(place, BLOCK)
        if not any(block):
            if extended:
                raise UsageError(f"{file.path}: a name without its member before byte {place}; download it again")
            return _end(file, place)
        kind, size = _check_header(file, block, place)
        offset = place + BLOCK
        size = _number(extended["size"], file, place) if "size" in extended and kind in _REGULAR else size
        if offset + size > file.size:
            raise UsageError(
                f"{file.path}: truncated: the member at byte {place} needs {size} bytes, but "
                f"{file.size - offset} are present; download it again"
            )
        place = offset + size + -size % BLOCK
        if kind in b"xgLK":
            extended |= _extended(file, kind, offset, size)
            continue
        yield _entry(file, block, kind, extended.get("path"), offset, size)
        extended = {}


def _check_header(file: Readable, block: bytes, place: int) -> tuple[bytes, int]:
    """Kind and size that the header at ``place`` gives, once its checksum matches."""
    total = sum(block) - sum(block[148:156]) + 8 * 32
    stated = _octal(block[148:156])
    # Some old tars use signed bytes in the sum.
    if stated != total and stated != total - 256 * sum(byte > 127 for byte in block[:148] + block[156:]):
        raise UsageError(f"{file.path}: no tar header at byte {place}; it is damaged or not a tar: download it again")
    size = int.from_bytes(block[125:136], "big") if block[124] == 0x80 else _octal(block[124:136])
    if size is None:
        raise UsageError(f"{file.path}: the header at byte {place} has no size; it is damaged: download it again")
    return block[156:157], size


def _name_in(block: bytes) -> bytes:
    """The name in a header itself, truncated where an extended header has the whole name."""
    name = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _octal(field: bytes) -> int | None:
    digits = field.split(b"\0")[0].strip()
    return int(digits, 8) if digits and all(48 <= digit < 56 for digit in digits) else None


def _number(text: bytes, file: Readable, place: int) -> int:
    if not text.isdigit() or len(text) > 18:
        raise UsageError(f"{file.path}: the extended header before byte {place} is damaged; download it again")
    return int(text)


def _extended(file: Readable, kind: bytes, offset: int, size: int) -> dict[str, bytes]:
    """Name and size that an extended header gives to the next member; its times and owners are ignored."""
    if size > _LONGEST:
        raise UsageError(f"{file.path}: an extended header of {size} bytes at byte {offset}; is it damaged?")
    data = file.read(offset, size)
    if kind == b"L":
        return {"path": data.rstrip(b"\0")}
    if kind == b"K":
        return {}
    found: dict[str, bytes] = {}
    while data:
        length, _, _ = data.partition(b" ")
        end = int(length) if length.isdigit() and len(length) <= 7 else 0
        key, equals, value = data[len(length) + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise UsageError(f"{file.path}: the extended header at byte {offset} is damaged; download it again")
        if key in (b"path", b"size"):
            found[key.decode()] = value
        elif key.startswith(b"GNU.sparse"):
            raise UsageError(f"{file.path}: a sparse file at byte {offset}; pack it again without --sparse")
        data = data[end:]
    if kind == b"g" and found:
        raise UsageError(f"{file.path}: one name or size for all members at byte {offset}; is it damaged?")
    return found


def _entry(file: Readable, block: bytes, kind: bytes, long: bytes | None, offset: int, size: int) -> Entry:
    raw = _name_in(block) if long is None else long
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{file.path}: the name {raw!r} is not UTF-8; pack it again with names in UTF-8") from None
    if kind not in _REGULAR + _FOLDER:
        what = _SAID.get(kind, f"a member of kind {kind!r}")
        raise UsageError(f"{file.path}: {name!r} is {what}; pack plain files only")
    folder = kind == _FOLDER or (kind == b"\0" and name.endswith("/"))
    if folder and size:
        raise UsageError(f"{file.path}: the folder {name!r} has {size} bytes of data; is it damaged?")
    return Entry(name, offset, size, folder)


def _end(file: Readable, place: int) -> None:
    """Nothing but zeros may follow the end mark: a second archive after it would be lost."""
    while place < file.size:
        count = min(1 << 20, file.size - place)
        if file.read(place, count).strip(b"\0"):
            raise UsageError(
                f"{file.path}: more follows the end mark at about byte {place} (tars joined with cat?); "
                "unpack and pack them again"
            )
        place += count
