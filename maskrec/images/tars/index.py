"""The index beside tar shards: made once, so that opening a set reads no shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import write_bytes
from maskrec.base.words import os_reason
from maskrec.images.packed.face_index import DataFile, FaceIndex, write_face_index
from maskrec.images.random_access import RandomAccessFile
from maskrec.images.tars.faces import STEM, index_tars, stored_index, tars_in
from maskrec.images.tars.remote_files import RemoteFile, cache_folder, exists


def write_tar_index(folder: Path) -> FaceIndex:
    """Index all tars of a folder; ``tars.json`` and ``tars.index`` are written beside them.

    Raises:
        UsageError: lists everything wrong with the tars.
        MaskrecError: the disk is full or not writable.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: name the folder of the tars; the index is written beside them")
    index = index_tars([RandomAccessFile(tar) for tar in tars_in(folder)], str(folder))
    write_face_index(folder, STEM, index)
    return index


def remote_index(tars: Sequence[RemoteFile]) -> FaceIndex | None:
    """The index beside remote shards, kept in the local cache; None where it is missing.

    Raises:
        UsageError: it is damaged, or belongs to other shards.
    """
    base = tars[0].url.rpartition("/")[0]
    if not exists(f"{base}/{STEM}.json"):
        return None
    header = RemoteFile(f"{base}/{STEM}.json")
    said = header.fetch(0, header.size)
    folder = cache_folder().parent / "indexes" / hashlib.sha256(said).hexdigest()[:40]
    if not (folder / f"{STEM}.json").exists():
        content = RemoteFile(f"{base}/{STEM}.index")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MaskrecError(
                f"{folder}: cannot be created ({os_reason(error)}); set XDG_CACHE_HOME to another folder"
            ) from error
        write_bytes(folder / f"{STEM}.index", content.fetch(0, content.size))
        write_bytes(folder / f"{STEM}.json", said)
    return stored_index(folder, [DataFile(tar.url.rpartition("/")[2], tar.size) for tar in tars])
