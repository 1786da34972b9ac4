"""A training set in tar shards, on this machine or in an object store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.problem import Problem, refuse
from maskrec.datasets.stored import StoredFaces
from maskrec.images.packed.face_index import DataFile
from maskrec.images.packed.face_store import FaceStore
from maskrec.images.packed.mapped_files import MappedFiles
from maskrec.images.random_access import RandomAccessFile
from maskrec.images.tars.faces import index_tars, stored_index, tars_in
from maskrec.images.tars.index import remote_index
from maskrec.images.tars.remote_files import CachedFiles, RangedFiles, RemoteFile, expand


class ImageTar(StoredFaces):
    """Tar shards in webdataset's layout (KEY.jpg, and KEY.json, KEY.cls, KEY.id or a folder that gives the identity).

    Map-style, so that a run continues where it was and a sample keeps its random numbers: the shards' headers are
    read when it is opened, or the index that `maskrec data index` left beside them. With the sampler
    ``shard_shuffled`` they are then read one after another. Labels number the people in the order of their names.

    Args:
        context: the runner's.
        image_size: side of the canvas in pixels.
        path: a tar or a folder of tars on this machine.
        url: instead of ``path``, shards elsewhere: ``s3://bucket/faces-{000000..000012}.tar`` (fsspec; install
            ``maskrec[streaming]`` and the store's own package, s3fs or gcsfs or aiohttp). Without an index beside them,
            their headers are read over the network at each opening.
        cache_gib: disk space for shards fetched by ``url``, in ``~/.cache/maskrec/shards`` (or XDG_CACHE_HOME), shared
            by the machine's processes; 0 keeps none and requests every face separately.

    Raises:
        UsageError: with everything wrong with the shards, at opening; with its place, for a face cannot be read.
        ValueError: neither ``path`` nor ``url``, both, or a negative ``cache_gib``.
    """

    def __init__(
        self,
        context: Context,
        image_size: int,
        path: Path | None = None,
        url: str | None = None,
        cache_gib: float = 16.0,
    ) -> None:
        refuse(self.check({"path": path, "url": url, "cache_gib": cache_gib}, CheckContext()))
        store = _open_here(path) if path is not None else _open_elsewhere(str(url), cache_gib)
        super().__init__(store, context, image_size)

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check that the place of the shards is given once."""
        if (values["path"] is None) == (values["url"] is None):
            yield Problem("give either path (shards on this machine) or url (shards elsewhere)", "path")
        if values["cache_gib"] < 0:
            yield Problem(f"cache_gib must be 0 or more, not {values['cache_gib']}", "cache_gib")


def _open_here(path: Path) -> FaceStore:
    tars = [RandomAccessFile(tar) for tar in tars_in(path)]
    files = [DataFile(tar.path.name, tar.size) for tar in tars]
    folder = path if path.is_dir() else path.parent
    index = stored_index(folder, files) if path.is_dir() else None
    return FaceStore(str(folder), index or index_tars(tars, str(path)), MappedFiles(folder, files))


def _open_elsewhere(url: str, cache_gib: float) -> FaceStore:
    tars = [RemoteFile(each) for each in expand(url)]
    if len({tar.url for tar in tars}) != len(tars):
        raise UsageError(f"{url}: a shard is listed twice")
    index = remote_index(tars) or index_tars(tars, url)
    limit = int(cache_gib * 2**30)
    files = CachedFiles(tars, limit) if limit else RangedFiles(tars)
    return FaceStore(tars[0].url.rpartition("/")[0], index, files)
