"""Remote shards: read by ranges or through a cache that processes share, from memory, files and HTTP."""

from __future__ import annotations

import functools
import http.server
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import torch
from face_sets import write_face_set, write_tar_set

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.datasets.image_csv import ImageCsv
from maskrec.datasets.image_tar import ImageTar
from maskrec.images.tars.index import write_tar_index
from maskrec.images.tars.remote_files import CachedFiles, RangedFiles, RemoteFile, expand
from maskrec.runtime.loading import load

CONTEXT = Context(input_spec=InputSpec(32, alignment="arcface"))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[fsspec.AbstractFileSystem]:
    """fsspec's memory, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/", recursive=True)


def _cached(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "maskrec" / "shards").glob("*.shard"))


def test_addresses_in_webdatasets_notation() -> None:
    assert expand("s3://b/f-{008..011}.tar") == [f"s3://b/f-{number:03d}.tar" for number in range(8, 12)]
    assert expand("s3://b/{0..1}/{2..3}.tar") == [f"s3://b/{one}/{two}.tar" for one in (0, 1) for two in (2, 3)]
    assert expand("https://x/a.tar") == ["https://x/a.tar"]
    for wrong in ("a-{3..1}.tar", "a-{0..999999}.tar"):
        with pytest.raises(UsageError, match="not a range of shards"):
            expand(wrong)


def test_reads_ranges_and_refuses_what_is_not_there(store: fsspec.AbstractFileSystem) -> None:
    content = os.urandom(3_000_000)
    store.pipe("/b/x.tar", content)
    file = pickle.loads(pickle.dumps(RemoteFile("memory://b/x.tar")))
    assert file.size == len(content)
    for offset, count in ((0, 10), (5, 100), (1_048_570, 20), (2_999_999, 1), (0, 2_000_000), (7, 0)):
        assert file.read(offset, count) == content[offset : offset + count]
    with pytest.raises(UsageError, match="truncated"):
        file.read(2_999_999, 2)
    with pytest.raises(UsageError, match=r"memory://b/y\.tar: cannot be read"):
        RemoteFile("memory://b/y.tar")
    store.pipe("/b/x.tar", content[:100])
    with pytest.raises(UsageError, match="replaced"):
        file.fetch(50, 100)


def test_addresses_that_cannot_be_opened() -> None:
    with pytest.raises(UsageError, match="nothing://x"):
        RemoteFile("nothing://x/y.tar")


def test_the_cache_keeps_to_its_limit_and_forgets_the_oldest(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    contents = [bytes([number]) * 1000 for number in range(5)]
    for number, content in enumerate(contents):
        store.pipe(f"/b/{number}.tar", content)
    files = [RemoteFile(f"memory://b/{number}.tar") for number in range(5)]
    cached = CachedFiles(files, 2500)
    for number in (0, 1, 2, 3, 4, 0, 4, 2):
        assert cached.read(number, 10, 20) == contents[number][10:30]
        assert sum(path.stat().st_size for path in _cached(tmp_path)) <= 2500
    assert pickle.loads(pickle.dumps(cached)).read(3, 0, 1000) == contents[3]
    with pytest.raises(UsageError, match="cache_gib"):
        CachedFiles(files, 999)


def test_a_shard_is_fetched_once_for_all(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    store.pipe("/b/x.tar", b"a" * 1000)
    files = [RemoteFile("memory://b/x.tar")]
    CachedFiles(files, 10_000).read(0, 0, 10)
    store.rm("/b/x.tar")
    assert CachedFiles(files, 10_000).read(0, 0, 10) == b"a" * 10
    store.pipe("/b/x.tar", b"b" * 1000)  # another version is another shard
    assert CachedFiles([RemoteFile("memory://b/x.tar")], 10_000).read(0, 0, 10) == b"b" * 10


def test_what_a_killed_fetch_left_is_removed(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    store.pipe("/b/x.tar", b"a" * 1000)
    folder = tmp_path / "cache" / "maskrec" / "shards"
    folder.mkdir(parents=True)
    (folder / "half.part").write_bytes(b"a" * 500)
    CachedFiles([RemoteFile("memory://b/x.tar")], 10_000).read(0, 0, 10)
    assert not list(folder.glob("*.part"))
    assert len(_cached(tmp_path)) == 1


def test_a_cache_that_cannot_be_written(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    store.pipe("/b/x.tar", b"a" * 1000)
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MaskrecError, match="cannot be kept"):
        CachedFiles([RemoteFile("memory://b/x.tar")], 10_000).read(0, 0, 10)


def _put(store: fsspec.AbstractFileSystem, tmp_path: Path, indexed: bool) -> ImageCsv:
    faces = write_face_set(tmp_path / "faces")
    write_tar_set(faces, tmp_path / "tars")
    if indexed:
        write_tar_index(tmp_path / "tars")
    for path in (tmp_path / "tars").iterdir():
        store.pipe(f"/bucket/{path.name}", path.read_bytes())
    return ImageCsv(faces / "faces.csv", CONTEXT, 32)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("gib", [0.0, 1.0])
def test_a_set_in_a_store_through_the_loader(
    store: fsspec.AbstractFileSystem, tmp_path: Path, indexed: bool, gib: float
) -> None:
    wanted = _put(store, tmp_path, indexed)
    data = ImageTar(CONTEXT, 32, url="memory://bucket/faces-{000000..000002}.tar", cache_gib=gib)
    assert list(data.labels) == list(wanted.labels)
    places = [[(start + k, start + k) for k in range(5)] for start in range(0, 30, 5)]
    images = torch.cat([batch.images for batch in load(data, places, 2, pin=False)])
    assert all(torch.equal(images[index], wanted[index].image) for index in range(30))
    assert len(_cached(tmp_path)) == (3 if gib else 0)


def test_with_an_index_opening_reads_no_shard(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    _put(store, tmp_path, indexed=True)
    for number in range(3):
        size = store.size(f"/bucket/faces-{number:06d}.tar")
        store.pipe(f"/bucket/faces-{number:06d}.tar", b"\1" * size)
    data = ImageTar(CONTEXT, 32, url="memory://bucket/faces-{000000..000002}.tar")
    assert len(data) == 30
    with pytest.raises(UsageError, match=r"bucket/faces-000000\.tar:person 00/.*not an image"):
        data[0]


def test_an_index_of_other_shards_is_refused(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    _put(store, tmp_path, indexed=True)
    with pytest.raises(UsageError, match="other tars"):
        ImageTar(CONTEXT, 32, url="memory://bucket/faces-{000000..000001}.tar")


def test_over_http(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    wanted = _put(store, tmp_path, indexed=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "tars"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/faces-{{000000..000002}}.tar"
        data = ImageTar(CONTEXT, 32, url=url)
        assert torch.equal(data[17].image, wanted[17].image)
    finally:
        server.shutdown()


def test_a_face_beyond_a_ranged_file(store: fsspec.AbstractFileSystem) -> None:
    store.pipe("/b/x.tar", b"a" * 10)
    with pytest.raises(UsageError, match="returned 5 of 20 bytes"):
        RangedFiles([RemoteFile("memory://b/x.tar")]).read(0, 5, 20)
