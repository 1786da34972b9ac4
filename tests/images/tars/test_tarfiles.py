"""Members by position against Python's own tarfile; hostile and damaged tars; samples; the writer."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.images.random_access import RandomAccessFile
from maskrec.images.tars.tarfiles import Member, group_samples, read_members, write_tar

LONG = "folder" * 20 + "/" + "é" * 80 + ".jpg"
FILES = [
    ("a/b.jpg", b"123"),
    ("a/b.cls", b"7"),
    ("with space, comma.jpg", b"x" * 513),
    (LONG, b"long"),
    ("e.json", b""),
]


def _tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form, encoding="utf-8") as archive:
        for header, content in members:
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return path


def _contents(path: Path, members: list[Member]) -> dict[str, bytes]:
    """The bytes of each member, by its name."""
    file = RandomAccessFile(path)
    return {member.name: file.read(member.offset, member.size) for member in members}


def _link(name: str, kind: bytes, target: str = "elsewhere") -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header, b""


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_the_same_as_tarfile(tmp_path: Path, form: int) -> None:
    path = _tar(tmp_path / "a.tar", [(tarfile.TarInfo(name), content) for name, content in FILES], form)
    members = read_members(path)
    with tarfile.open(path) as archive:
        expected = [(member.name, member.offset_data, member.size) for member in archive]
    assert [tuple(member) for member in members] == expected
    assert _contents(path, members) == dict(FILES)


def test_folders_are_left_out_and_dots_removed(tmp_path: Path) -> None:
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "1.jpg").write_bytes(b"x")
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        archive.add(tmp_path / "in", "./")
    assert [member.name for member in read_members(tmp_path / "d.tar")] == ["ann/1.jpg"]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("/etc/passwd", tarfile.REGTYPE, "outside"),
        ("../up.jpg", tarfile.REGTYPE, "outside"),
        ("a/../../up.jpg", tarfile.REGTYPE, "outside"),
        ("..", tarfile.DIRTYPE, "outside"),
        ("a\\b.jpg", tarfile.REGTYPE, "outside"),
        ("a.jpg", tarfile.SYMTYPE, "symbolic link"),
        ("a.jpg", tarfile.LNKTYPE, "hard link"),
        ("a.jpg", tarfile.CHRTYPE, "device"),
        ("a.jpg", tarfile.BLKTYPE, "device"),
        ("a.jpg", tarfile.FIFOTYPE, "pipe"),
        ("a.jpg", tarfile.GNUTYPE_SPARSE, "sparse"),
        ("a.jpg", b"Z", "kind"),
        ("", tarfile.REGTYPE, "no name"),
        (".", tarfile.REGTYPE, "no name"),
    ],
)
def test_members_that_must_not_be_extracted(tmp_path: Path, name: str, kind: bytes, words: str) -> None:
    header, _ = _link(name, kind, "" if kind == tarfile.REGTYPE else "x")
    path = tmp_path / "h.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
    with pytest.raises(UsageError, match=rf"h\.tar: .*{words}"):
        read_members(path)


def test_one_name_twice(tmp_path: Path) -> None:
    members = [(tarfile.TarInfo("./a.jpg"), b"1"), (tarfile.TarInfo("a.jpg"), b"2")]
    with pytest.raises(UsageError, match="twice"):
        read_members(_tar(tmp_path / "t.tar", members))


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    header = tarfile.TarInfo("caf\udce9.jpg")
    path = tmp_path / "l.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + b"\0" * 1024)
    with pytest.raises(UsageError, match="not UTF-8"):
        read_members(path)


def test_every_cut_is_found(tmp_path: Path) -> None:
    path = _tar(tmp_path / "c.tar", [(tarfile.TarInfo(name), content) for name, content in FILES])
    content = path.read_bytes()
    end = read_members(path)[-1].offset  # an empty file: the end mark follows its header
    for cut in [*range(0, end + 1, 64), end + 511]:
        path.write_bytes(content[:cut])
        with pytest.raises(UsageError, match=r"c\.tar: truncated"):
            read_members(path)
    path.write_bytes(content[: end + 512])
    assert len(read_members(path)) == len(FILES)


def test_damage_compression_and_joined_tars(tmp_path: Path) -> None:
    content = _tar(tmp_path / "g.tar", [(tarfile.TarInfo("a.jpg"), b"1" * 600)]).read_bytes()
    path = tmp_path / "x.tar"
    for damaged, words in [
        (content[:20] + b"!" + content[21:], "no tar header at byte 0"),
        (b"\xff\xd8\xff" * 1000, "no tar header"),
        (gzip.compress(content), "compressed"),
        (content + content, "more follows the end mark"),
        (b"", "truncated"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match=words):
            read_members(path)


def test_a_length_beyond_the_file(tmp_path: Path) -> None:
    for size in (10**6, 2**40, 2**70):
        header = tarfile.TarInfo("big.jpg")
        header.size = size
        path = tmp_path / "b.tar"
        path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
        with pytest.raises(UsageError, match=f"truncated: the member at byte 0 needs {size} bytes"):
            read_members(path)
    pax = tarfile.TarInfo("p.jpg")
    pax.pax_headers = {"size": str(10**15)}
    path.write_bytes(pax.tobuf(tarfile.PAX_FORMAT) + b"\0" * 1024)
    with pytest.raises(UsageError, match="truncated"):
        read_members(path)


def test_samples_are_grouped_by_what_is_before_the_last_dot(tmp_path: Path) -> None:
    write_tar(
        tmp_path / "s.tar",
        [
            ("a/1.JPG", b"i"),
            ("a/1.cls", b"3"),
            ("a.b/x.y.1.jpg", b"j"),
            ("a.b/x.y.1.cls", b"k"),
            ("a.b/x.z.1.jpg", b"l"),
        ],
    )
    samples = group_samples(read_members(tmp_path / "s.tar"))
    assert [(sample.key, sorted(sample.parts)) for sample in samples] == [
        ("a/1", ["cls", "jpg"]),
        ("a.b/x.y.1", ["cls", "jpg"]),
        ("a.b/x.z.1", ["jpg"]),
    ]
    for names, words in [(["a/noext"], "no extension"), (["a.jpg", "a.JPG"], "same part of sample 'a'")]:
        write_tar(tmp_path / "w.tar", [(name, b"") for name in names])
        with pytest.raises(UsageError, match=rf"w\.tar: .*{words}"):
            group_samples(read_members(tmp_path / "w.tar"), str(tmp_path / "w.tar"))
    assert group_samples([]) == []


def test_the_writer_repeats_itself(tmp_path: Path) -> None:
    members = [write_tar(tmp_path / name, FILES) for name in ("1.tar", "2.tar")]
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert members[0] == read_members(tmp_path / "1.tar")
    with tarfile.open(tmp_path / "1.tar") as archive:
        assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) for entry in archive} == {
            (0, 0, 0, "", 0o644)
        }


@pytest.mark.parametrize("names", [["/a.jpg"], ["../a.jpg"], ["a.jpg", "a.jpg"], [""], ["a//b.jpg"]])
def test_the_writer_refuses_what_the_reader_would(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "w.tar").write_bytes(b"before")
    with pytest.raises(UsageError, match=r"w\.tar: .*(cannot be a member's name|leads outside)"):
        write_tar(tmp_path / "w.tar", [(name, b"") for name in names])
    assert (tmp_path / "w.tar").read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.tar"]


@settings(max_examples=50, deadline=None)
@given(
    files=st.dictionaries(
        st.text('aé. /-\n\t,"', min_size=1, max_size=150).filter(
            lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
        ),
        st.binary(max_size=1200),
        max_size=5,
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    path = tmp_path_factory.mktemp("tar") / "w.tar"
    members = write_tar(path, files.items())
    assert read_members(path) == members
    assert _contents(path, members) == files
