"""A packed set of faces: an index and a few large memory-mapped files.

``packed.json`` and ``packed.index`` are a ``face_index``; ``data-NNNNN.bin`` hold the images of ``group_size`` faces
each, one after another: the original files, or raw pixels.
"""

from __future__ import annotations

from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.images.packed.face_index import read_face_index
from maskrec.images.packed.face_store import FaceStore
from maskrec.images.packed.mapped_files import MappedFiles

STEM = "packed"
GROUP = 32_768
_LARGEST = 1 << 30


def data_name(group: int) -> str:
    """The file of a group."""
    return f"data-{group:05d}.bin"


def group_size(side: int) -> int:
    """Faces per data file: ``GROUP``, or what fits into 1 GiB of raw images with this side (0: not raw)."""
    return min(GROUP, max(1, _LARGEST // (3 * side * side))) if side else GROUP


def open_packed(path: Path) -> FaceStore:
    """The packed set in a folder, its files' sizes and its index's checksum checked.

    Raises:
        UsageError: it is incomplete, damaged, truncated or of a newer format; the message names the file.
    """
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder; make one with `maskrec data pack`")
    packed = (path / f"{STEM}.json").exists()
    if not packed and (path / "faces.csv").exists():
        raise UsageError(f"{path}: not packed: image_csv reads {path / 'faces.csv'}, and `maskrec data pack` packs it")
    if not packed and (path / "work.json").exists():
        raise UsageError(f"{path}: packing was not finished; run the same `maskrec data pack` again")
    index = read_face_index(path, STEM)
    return FaceStore(str(path), index, MappedFiles(path, index.files))
