"""Files from elsewhere: pipes, devices, circular links, files that are too large."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from maskrec.base.plain_json import parse_json, read_json_object
from maskrec.base.regular_files import check_regular, open_descriptor, open_regular, read_regular

READERS: list[Callable[[Path], object]] = [
    open_descriptor,
    open_regular,
    lambda path: read_regular(path, 1 << 30),
    lambda path: check_regular(path, 1 << 30),
    read_json_object,
]


def _strange(folder: Path) -> dict[str, str]:
    os.mkfifo(folder / "pipe")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "pipe_by_link").symlink_to("pipe")
    (folder / "loop").symlink_to("loop")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket"))
    listening.close()
    return {
        "pipe": "it is a named pipe, not a regular file",
        "zero": "it is a device, not a regular file",
        "pipe_by_link": "it is a named pipe, not a regular file",
        "socket": "it is a socket, not a regular file",
        "loop": "Too many levels of symbolic links",
        ".": "it is a folder, not a regular file",
        "absent": "No such file or directory",
    }


@pytest.mark.parametrize("read", READERS)
def test_only_regular_files_are_opened_and_nothing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    for name, said in _strange(Path()).items():
        with pytest.raises(OSError) as caught:  # noqa: PT011 - what it says is compared
            read(Path(name))
        assert caught.value.strerror == said


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "small").write_bytes(b"1234")
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "small"):
            with pytest.raises(OSError, match=r"not a regular file|more than 3 bytes"):
                read_regular(path, 3)
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 20])
def test_a_file_is_read_up_to_its_bound(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert read_regular(tmp_path / "file", size) == content
    if size:
        with pytest.raises(OSError, match="the most that is read of such a file"):
            read_regular(tmp_path / "file", size - 1)


def test_a_file_of_a_terabyte_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)
    for read in (read_regular, check_regular):
        with pytest.raises(OSError, match="more than 4 GiB"):
            read(tmp_path / "sparse", 4 << 30)


def test_a_regular_file_is_not_left_in_a_mode_that_does_not_wait(tmp_path: Path) -> None:
    """A stream's content is read completely."""
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    with open_regular(tmp_path / "file") as stream:
        assert len(stream.read()) == 100_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"name": "\\ud800"}', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b'["\\uD83D"]', "half a character"),
        (b"\xff\xfe", "can't decode"),
        (b'{"a": 1', "Expecting"),
        (b"", "Expecting"),
        (b"9" * 5000, "digits"),
    ],
)
def test_damaged_json_is_one_kind_of_error(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_json(text)


@pytest.mark.parametrize("text", ['{"name": "\\ud83d\\ude00 \\\\ud800"}', '["\U0001f600"]', '{"\\u00e9": NaN}'])
def test_whole_characters_are_read(text: str) -> None:
    assert str(parse_json(text)) == str(json.loads(text))
    assert str(parse_json(text.encode())) == str(json.loads(text))


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", "true"])
def test_json_that_is_not_an_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="not an object"):
        read_json_object(tmp_path / "a.json")


def test_a_pipe_with_a_writer_is_refused_as_well(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: os.close(os.open(tmp_path / "pipe", os.O_WRONLY)))
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer.start()
    with pytest.raises(OSError, match="named pipe"):
        read_regular(tmp_path / "pipe", 100)
    writer.join()
    os.close(reader)
