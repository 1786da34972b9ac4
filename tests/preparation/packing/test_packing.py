"""Packing: every byte and label in its place, whenever it is killed; and what it refuses."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from face_sets import face_bytes, write_face_set, write_tar_set

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.images.decoding import decode_image
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.packed import packed
from maskrec.images.packed.packed import open_packed
from maskrec.preparation.packing.packing import Packing, PackParts, pack
from maskrec.preparation.resumable.finishing import merge
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.folder_source import open_folder
from maskrec.preparation.sources.opening import open_source


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "GROUP", 7)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("small_groups")
def test_files_are_copied_as_they_are(tmp_path: Path) -> None:
    faces = write_face_set(tmp_path / "faces")
    pack(Packing(open_source(faces), tmp_path / "packed"))
    store = open_packed(tmp_path / "packed")
    with (faces / "faces.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(store) == 30
    assert len(store.index.files) == 5
    for index, row in enumerate(rows):
        assert store.index.name(index) == row["path"]
        assert store.read(index) == (faces / row["path"]).read_bytes()
        entry = store.index.entries[index]
        assert store.index.identities[entry["label"]] == row["identity"]
        assert store.index.mask_types[entry["mask_type"]] == row["mask_type"]
        assert str(entry["masked"]) == row["masked"]
    wanted = np.array([[float(row[name]) for name in LANDMARK_COLUMNS] for row in rows]).reshape(-1, 5, 2)
    assert (store.index.landmarks == wanted).all()
    assert not list(store.verify())
    assert sorted(_tree(tmp_path / "packed")) == sorted(
        [*(f"data-{group:05d}.bin" for group in range(5)), "packed.index", "packed.json", "rejected.csv", "work.json"]
    )


@pytest.mark.usefixtures("small_groups")
def test_raw_pixels_are_the_decoders(tmp_path: Path) -> None:
    faces = write_face_set(tmp_path / "faces")
    pack(Packing(open_source(faces), tmp_path / "raw", 32))
    pack(Packing(open_source(faces), tmp_path / "files"))
    raw, files = open_packed(tmp_path / "raw"), open_packed(tmp_path / "files")
    for index in range(30):
        assert (raw.pixels(index) == files.pixels(index)).all()
    assert (raw.index.landmarks == files.index.landmarks).all()
    assert not list(raw.verify())


def test_raw_pixels_of_other_sizes_are_fitted_when_asked(tmp_path: Path) -> None:
    faces = write_face_set(tmp_path / "faces")
    source = open_source(faces)
    with pytest.raises(UsageError, match=r"32 x 32 pixels among faces of 16 x 16.*--size"):
        pack(Packing(source, tmp_path / "refused", 16))
    pack(Packing(source, tmp_path / "half", 16, fit=True))
    half = open_packed(tmp_path / "half")
    whole = decode_image(source.read(source.items[5]), "x").astype(float)
    means = whole.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(half.pixels(5) - means).max() <= 1
    points = np.array(source.items[5].landmarks).reshape(5, 2)
    assert half.index.landmarks is not None
    assert np.allclose(half.index.landmarks[5], (points + 0.5) / 2 - 0.5, atol=1e-4)


def test_every_kind_of_source_gives_the_same_faces(tmp_path: Path) -> None:
    faces = write_face_set(tmp_path / "faces")
    write_tar_set(faces, tmp_path / "tars", 1)
    pack(Packing(open_source(faces), tmp_path / "one"))
    pack(Packing(open_source(tmp_path / "tars" / "faces-000000.tar"), tmp_path / "two"))
    one, two = open_packed(tmp_path / "one"), open_packed(tmp_path / "two")
    assert [one.read(index) for index in range(30)] == [two.read(index) for index in range(30)]
    assert one.index.entries["label"].tolist() == two.index.entries["label"].tolist()


@pytest.mark.usefixtures("small_groups")
def test_what_does_not_decode_is_listed_and_no_person_is_left_without_faces(tmp_path: Path) -> None:
    for person, number in (("a", 1), ("a", 2), ("b", 3), ("c", 4)):
        (tmp_path / "faces" / person).mkdir(parents=True, exist_ok=True)
        (tmp_path / "faces" / person / f"{number}.jpg").write_bytes(face_bytes(number))
    (tmp_path / "faces" / "a" / "empty.jpg").touch()
    (tmp_path / "faces" / "b" / "3.jpg").write_bytes(face_bytes(3)[:-40])
    (tmp_path / "faces" / "c" / 'text,"\n.jpg').write_text("no image")
    pack(Packing(open_source(tmp_path / "faces"), tmp_path / "packed"))
    with (tmp_path / "packed" / "rejected.csv").open(newline="", encoding="utf-8") as stream:
        rejected = list(csv.DictReader(stream))
    assert [row["source"] for row in rejected] == ["a/empty.jpg", "b/3.jpg", 'c/text,"\n.jpg']
    assert {row["reason"] for row in rejected} == {"unreadable"}
    assert all("\n" not in row["detail"] for row in rejected)
    store = open_packed(tmp_path / "packed")
    assert [store.index.name(index) for index in range(len(store))] == ["a/1.jpg", "a/2.jpg", "c/4.jpg"]
    assert (list(store.index.identities), store.index.entries["label"].tolist()) == (["a", "c"], [0, 0, 1])


def test_nothing_to_pack_and_no_identities(tmp_path: Path) -> None:
    (tmp_path / "faces" / "a").mkdir(parents=True)
    (tmp_path / "faces" / "a" / "1.jpg").write_text("no image")
    with pytest.raises(UsageError, match="1 image, none of which can be decoded"):
        pack(Packing(open_source(tmp_path / "faces"), tmp_path / "packed"))
    (tmp_path / "faces" / "2.jpg").write_bytes(face_bytes(1))
    with pytest.raises(UsageError, match=r"no identity for '2\.jpg'"):
        pack(Packing(open_source(tmp_path / "faces"), tmp_path / "other"))


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    source = open_source(write_face_set(tmp_path / "faces"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        pack(Packing(source, tmp_path / "mine"))
    assert _tree(tmp_path / "mine") == {"thesis.txt": b"years"}
    with pytest.raises(UsageError, match="is inside the source"):
        pack(Packing(open_folder(tmp_path / "faces"), tmp_path / "faces" / "packed"))
    pack(Packing(source, tmp_path / "packed"))
    before = _tree(tmp_path / "packed")
    with pytest.raises(UsageError, match="side 0 there, 32 here"):
        pack(Packing(source, tmp_path / "packed", 32))
    assert _tree(tmp_path / "packed") == before


def test_the_same_command_again_finds_damage(tmp_path: Path) -> None:
    source = open_source(write_face_set(tmp_path / "faces"))
    pack(Packing(source, tmp_path / "packed"))
    before = _tree(tmp_path / "packed")
    pack(Packing(source, tmp_path / "packed"))
    assert _tree(tmp_path / "packed") == before
    data = tmp_path / "packed" / "data-00000.bin"
    data.write_bytes(before["data-00000.bin"][:-9] + b"123456789")
    with pytest.raises(MaskrecError, match=r"checksum.*1 of 30"):
        pack(Packing(source, tmp_path / "packed"))


def test_merging_a_packed_set_is_refused_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    write_face_set(tmp_path / "faces")
    pack(Packing(open_source(tmp_path / "faces"), tmp_path / "out"))
    before = _tree(tmp_path / "out")
    with pytest.raises(UsageError, match="which makes no shards"):
        merge(tmp_path / "out", Meter())
    assert _tree(tmp_path / "out") == before


def test_raw_pixels_that_do_not_fit_on_the_disk_are_not_begun(tmp_path: Path) -> None:
    source = open_source(write_face_set(tmp_path / "faces"))
    with pytest.raises(MaskrecError, match=r"raw pixels need 1\.58 PB, but .* are free"):
        pack(Packing(source, tmp_path / "packed", 2**22, fit=True))


def _in_a_child(work: Callable[[], None]) -> tuple[int, str]:
    """How a forked child that does the work ended: its exit code (minus the signal), and its error."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except MaskrecError as error:
            sender.send(str(error))
            os._exit(1)
        except BaseException as error:
            sender.send(repr(error))
            os._exit(99)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), receiver.recv() if receiver.poll() else ""


def _kill_at(event: int, folder: Path) -> None:
    """From now on this process kills itself before its ``event``-th operation on a file in the folder."""
    count = 0

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if name.startswith(("open", "os.", "shutil.")) and any(str(folder) in str(each) for each in arguments):
            count += 1
            if count == event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _killed_at_then_again(packing: Packing, event: int) -> bool:
    """Whether it was killed; afterwards the same packing was finished."""

    def work() -> None:
        _kill_at(event, packing.destination)
        pack(packing)

    code, told = _in_a_child(work)
    assert code in (0, -signal.SIGKILL), told
    again, told = _in_a_child(lambda: pack(packing))
    assert again == 0, told
    return code != 0


def _kill_and_compare(tmp_path: Path, events: range, side: int) -> int:
    """The number of the last event at which it can be killed."""
    source = open_source(write_face_set(tmp_path / "faces"))
    pack(Packing(source, tmp_path / "whole", side))
    wanted = _tree(tmp_path / "whole")
    for event in events:
        killed = _killed_at_then_again(Packing(source, tmp_path / f"killed{event}", side), event)
        assert _tree(tmp_path / f"killed{event}") == wanted, event
        if not killed:
            return event
    return events.stop


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("side", [0, 32])
def test_killed_before_any_file_operation_it_continues_to_the_same_bytes(tmp_path: Path, side: int) -> None:
    assert 30 < _kill_and_compare(tmp_path, range(2 + side // 16, 1000, 13), side) < 1000


@pytest.mark.slow
@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("side", [0, 32])
def test_killed_before_every_file_operation(tmp_path: Path, side: int) -> None:
    assert 30 < _kill_and_compare(tmp_path, range(1, 1000), side) < 1000


@pytest.mark.slow
def test_ten_random_kills_of_the_command(tmp_path: Path) -> None:
    faces = write_face_set(tmp_path / "faces", people=60, each=50, size=112)
    words = [sys.executable, "-m", "maskrec", "data", "pack", str(faces)]

    def run(name: str, seconds: float | None) -> float:
        begin = time.monotonic()
        process = subprocess.Popen([*words, str(tmp_path / name)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        complaint = process.communicate()[1]
        assert process.returncode in (0, -signal.SIGKILL), complaint
        return time.monotonic() - begin

    whole = run("whole", None)
    seed = int(os.environ.get("MASKREC_TEST_SEED", random.randrange(10**9)))
    print(f"MASKREC_TEST_SEED={seed}")
    for number, share in enumerate(random.Random(seed).random() for _ in range(10)):
        run(f"killed{number}", share * whole)
        run(f"killed{number}", None)
        assert _tree(tmp_path / f"killed{number}") == _tree(tmp_path / "whole")


@pytest.mark.usefixtures("small_groups")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: at the data, the record, the index."""
    source = open_source(write_face_set(tmp_path / "faces"))
    pack(Packing(source, tmp_path / "whole"))
    for limit in (0, 700, 5_000, 8_000):

        def work(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            pack(Packing(source, tmp_path / f"full{limit}"))

        code, told = _in_a_child(work)
        assert (code, "could not be written" in told) == (1, True), told
        assert "run the same command again" in told
        assert not (tmp_path / f"full{limit}" / "packed.json").exists()
        with pytest.raises(UsageError, match=r"not finished|no such folder|cannot be read"):
            open_packed(tmp_path / f"full{limit}")
        pack(Packing(source, tmp_path / f"full{limit}"))
        assert _tree(tmp_path / f"full{limit}") == _tree(tmp_path / "whole")


def test_two_packs_into_one_folder(tmp_path: Path) -> None:
    packing = Packing(open_source(write_face_set(tmp_path / "faces")), tmp_path / "packed")
    parts = PackParts(packing.destination)
    parts.begin(packing.work())
    lock = parts.take(1, 1)
    code, told = _in_a_child(lambda: pack(packing))
    assert code == 1
    assert "in use by process" in told
    lock.give_back()
    pack(packing)
    assert len(open_packed(tmp_path / "packed")) == 30


def test_the_command(
    tmp_path: Path,
    maskrec_cli: Callable[..., subprocess.CompletedProcess[str]],
    maskrec_here: Callable[..., Any],
) -> None:
    write_face_set(tmp_path / "faces")
    done = maskrec_cli("data", "pack", "faces", "packed", "--raw")
    assert done.returncode == 0, done.stderr
    assert "30 faces x 32 x 32 pixels x 3 bytes: 92.2 kB raw" in done.stdout.splitlines()[0]
    assert "30 faces of 5 people" in done.stdout
    assert json.loads((tmp_path / "packed" / "packed.json").read_text())["encoding"] == "raw"
    refused = maskrec_here("data", "pack", "faces", "packed2", "--size", 16)
    assert (refused.returncode, "add --raw" in refused.stderr) == (2, True)
