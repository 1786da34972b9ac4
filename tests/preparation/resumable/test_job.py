"""The job of aligning and masking: the same bytes however it ran, and nothing lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from maskrec.base import waiting
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.csv_table import read_table
from maskrec.images.tars.tarfiles import read_members, write_tar
from maskrec.preparation.resumable import finishing, job_folder, worker_pool
from maskrec.preparation.resumable import job as job_module
from maskrec.preparation.resumable.file_names import refuse_names
from maskrec.preparation.resumable.finishing import merge
from maskrec.preparation.resumable.job_folder import JobFolder
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.resumable.outcome import Outcome, Rejected
from maskrec.preparation.sources.opening import open_source
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Reader

COLUMNS = ("path", "target", "identity", "source")


@dataclass(frozen=True)
class Copies:
    """Writes each photo's digest twice; rejects the empty ones."""

    reader: Reader
    die: bool = False

    def __call__(self, items: Sequence[Item], names: Sequence[str]) -> Outcome:
        outcome = Outcome()
        for item, name in zip(items, names, strict=True):
            data = self.reader(item)
            if self.die and data == b"3/2":
                os.kill(os.getpid(), signal.SIGKILL)
            if not data:
                outcome.rejected.append(Rejected(item.key, "empty", f'{item.key}: nothing, "not" a thing'))
                continue
            for copy in "ab":
                path = f"{name}-{copy}.jpg"
                outcome.files.append((path, hashlib.sha256(data + copy.encode()).hexdigest().encode() * 20))
                outcome.rows.append({"path": path, "identity": item.identity, "source": item.key})
        return outcome


@dataclass(frozen=True)
class Slow:
    """Takes its time for the first photo's group."""

    do: Any

    def __call__(self, items: Sequence[Item], names: Sequence[str]) -> Outcome:
        if items[0].key.startswith("person 0"):
            time.sleep(1.5)
        outcome: Outcome = self.do(items, names)
        return outcome


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "GROUP", 3)
    monkeypatch.setattr(finishing, "TAR_GROUPS", 2)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven people with three photos each; one person has no usable photo."""
    for person in range(7):
        folder = tmp_path / "photos" / f"person {person}"
        folder.mkdir(parents=True)
        for photo in range(3):
            empty = person == 4 or (person, photo) == (1, 1)
            (folder / f'{photo}, "x"\né.jpg').write_bytes(b"" if empty else f"{person}/{photo}".encode())
    return tmp_path / "photos"


def job(photos: Path, destination: Path, tars: bool = False, **settings: Any) -> job_module.Job:
    source = open_source(photos)
    return job_module.Job(destination, "copy", settings, COLUMNS, source, Copies(source.reader), tars)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file and folder below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(params=[False, True], ids=["folder", "tars"])
def tars(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def undisturbed(photos: Path, tmp_path: Path, tars: bool) -> dict[str, bytes]:
    job_module.run(job(photos, tmp_path / "undisturbed", tars))
    return tree(tmp_path / "undisturbed")


def test_every_photo_ends_in_one_of_two_files(photos: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    folder, problems = tmp_path / "undisturbed", Problems()
    faces = read_table(folder / "faces.csv", COLUMNS, (), (), problems)
    rejected = read_table(folder / "rejected.csv", ("source", "reason", "detail"), (), (), problems)
    problems.raise_errors("it")
    sources = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.jpg"))
    assert sorted({*faces.columns["source"], *rejected.columns["source"]}) == sources
    assert not set(faces.columns["source"]) & set(rejected.columns["source"])
    assert list(rejected.columns["source"]) == sorted(rejected.columns["source"])
    assert list(faces.columns["path"]) == sorted(faces.columns["path"])
    people = dict(zip(faces.columns["identity"], faces.columns["target"], strict=True))
    assert people == {f"person {who}": str(target) for target, who in enumerate([0, 1, 2, 3, 5, 6])}
    assert not (folder / ".parts").exists()
    assert set(json.loads((folder / "work.json").read_text())["source"]) == {"kind", "photos", "fingerprint"}


def test_tars_hold_what_folders_do(photos: Path, tmp_path: Path) -> None:
    job_module.run(job(photos, tmp_path / "folder"))
    job_module.run(job(photos, tmp_path / "tars", tars=True))
    inside = {}
    for tar in sorted((tmp_path / "tars").glob("*.tar")):
        for member in read_members(tar):
            with tar.open("rb") as stream:
                stream.seek(member.offset)
                inside[f"{tar.name}/{member.name}"] = stream.read(member.size)
    table = read_table(tmp_path / "tars" / "faces.csv", COLUMNS, (), (), Problems())
    assert len(table) == 34
    for row, path in enumerate(table.columns["path"]):
        assert inside[path] == (tmp_path / "folder" / path.partition("/")[2]).read_bytes()
        stem = path.removesuffix(".jpg")
        assert inside[f"{stem}.cls"].decode() == table.columns["target"][row]
        assert json.loads(inside[f"{stem}.json"])["source"] == table.columns["source"][row]
    again = open_source(tmp_path / "tars")
    assert [again.read(item) for item in again.items] == [inside[item.key] for item in again.items]
    bare = shutil.copytree(tmp_path / "tars", tmp_path / "bare", ignore=shutil.ignore_patterns("*.csv"))
    named = {item.key: item.identity for item in open_source(bare).items}
    assert named == dict(zip(table.columns["path"], table.columns["identity"], strict=True))


@pytest.mark.parametrize("shards", [2, 3, 9])
def test_shards_join_to_the_same_bytes(
    photos: Path, tmp_path: Path, tars: bool, undisturbed: dict[str, bytes], shards: int
) -> None:
    this = job(photos, tmp_path / "shards", tars)
    for shard in random.Random(shards).sample(range(1, shards + 1), shards):
        assert not (tmp_path / "shards" / "faces.csv").exists()
        job_module.run(this, shard=(shard, shards))
    merge(this.destination, Meter())
    assert tree(this.destination) == undisturbed
    merge(this.destination, Meter())
    assert tree(this.destination) == undisturbed


def test_workers_change_no_byte(
    photos: Path, tmp_path: Path, tars: bool, undisturbed: dict[str, bytes], request: pytest.FixtureRequest
) -> None:
    if tars:  # how workers start is the same for both
        request.getfixturevalue("forked_workers")
    job_module.run(job(photos, tmp_path / "workers", tars), workers=2)
    assert tree(tmp_path / "workers") == undisturbed


def test_what_is_in_a_tar_is_not_kept_a_second_time(photos: Path, tmp_path: Path) -> None:
    this = job(photos, tmp_path / "tars", tars=True)
    job_module.run(this, shard=(1, 2))
    parts = tmp_path / "tars" / ".parts"
    (parts / "faces-000001.tar").mkdir()  # in the way of the second tar
    job_module.run(this, shard=(2, 2))
    with pytest.raises(MaskrecError, match=r"faces-000001\.tar could not be written"):
        merge(this.destination, Meter())
    assert [path.name for path in this.destination.glob("*.tar")] == ["faces-000000.tar"]
    assert sorted(path.name for path in parts.glob("*.data")) == [f"{group:08d}.data" for group in range(2, 7)]


def test_a_group_that_takes_long_is_named(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "AFTER", 0.1)
    this = job(photos, tmp_path / "faces")
    job_module.run(replace(this, process=Slow(this.process)))
    said = capsys.readouterr().err
    assert "still waiting, since " in said
    assert "for a group of 3 photos, person 0/0" in said.replace("'", "")


def test_merging_says_which_shards_are_missing(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data set was started there"):
        merge(tmp_path / "nowhere", Meter())
    this = job(photos, tmp_path / "faces")
    job_module.run(this, shard=(1, 3))
    with pytest.raises(
        MaskrecError, match=r"4 of 7 groups .* run these shards again: 2/3 \(2 groups\), 3/3 \(2 groups\)"
    ):
        merge(this.destination, Meter())
    job_module.run(this, shard=(3, 3))
    JobFolder(this.destination).record_path(0).unlink()
    with pytest.raises(MaskrecError, match=r"again: 1/3 \(1 groups\), 2/3"):
        merge(this.destination, Meter())


def _killed_child(this: job_module.Job, operation: int, shard: tuple[int, int]) -> bool:
    """Runs a job in a forked process that kills itself before its n-th operation on files; returns whether it did."""
    child = os.fork()
    if child == 0:
        try:
            left = operation

            def count(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal left
                if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and left >= 0:
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            job_module.run(this, shard=shard)
            if shard[1] > 1 and shard[0] == shard[1]:
                merge(this.destination, Meter())
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("rounds", [5, pytest.param(24, marks=pytest.mark.slow)])
def test_kills_at_any_operation_change_no_byte(
    photos: Path, tmp_path: Path, tars: bool, undisturbed: dict[str, bytes], rounds: int
) -> None:
    """Every operation on a file is a moment at which a kill could come: some tens of them, one after the other."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    dice = random.Random(seed)
    kills = round_ = 0
    while round_ < rounds or kills <= 10:
        round_ += 1
        this = job(photos, tmp_path / f"killed-{round_}", tars)
        shards = dice.choice([1, 1, 3])
        for shard in range(1, shards + 1):
            while kills < 400 and _killed_child(this, dice.randrange(4, 160), (shard, shards)):
                kills += 1
        if shards > 1:
            merge(this.destination, Meter())
        job_module.run(this)
        assert tree(this.destination) == undisturbed, f"seed {seed}, round {round_}"
    assert kills < 400


def test_what_a_power_cut_takes_is_done_again(
    photos: Path, tmp_path: Path, tars: bool, undisturbed: dict[str, bytes]
) -> None:
    this = job(photos, tmp_path / "cut", tars)
    job_module.run(this, shard=(1, 2))
    folder = JobFolder(this.destination)
    damaged = [folder.data_path(0), folder.data_path(2)] if tars else sorted(this.destination.glob("person */*"))[:2]
    damaged[0].write_bytes(b"")
    damaged[1].write_bytes(b"\0" * damaged[1].stat().st_size)
    folder.record_path(4).write_bytes(b"")
    with pytest.raises(MaskrecError, match="groups of photos are missing"):
        merge(this.destination, Meter())
    job_module.run(this)
    assert tree(this.destination) == undisturbed


def test_other_settings_and_other_folders_are_refused(photos: Path, tmp_path: Path) -> None:
    job_module.run(job(photos, tmp_path / "faces", size=112), shard=(1, 2))
    before = tree(tmp_path / "faces")
    with pytest.raises(UsageError, match=r"\(size 112 there, 160 here\)"):
        job_module.run(job(photos, tmp_path / "faces", size=160))
    (photos / "person 0" / "new.jpg").write_bytes(b"new")
    with pytest.raises(UsageError, match=r"\(21 then, 22 now\)"):
        job_module.run(job(photos, tmp_path / "faces", size=112))
    assert tree(tmp_path / "faces") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(UsageError, match=r"holds 'thesis.txt' but not a data set"):
        job_module.run(job(photos, tmp_path / "mine"))
    assert tree(tmp_path / "mine") == {"thesis.txt": b"all of it"}
    with pytest.raises(UsageError, match="is inside the source"):
        job_module.run(job(photos, photos / "person 0" / "faces"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name a folder that can be created"):
        job_module.run(job(photos, tmp_path / "file" / "faces"))
    for damaged in ("{", "[]", "[" * 10_000, '{"a": "\\ud800"}'):
        (tmp_path / "faces" / "work.json").write_text(damaged)
        with pytest.raises(UsageError, match="damaged"):
            job_module.run(job(photos, tmp_path / "faces"))


@pytest.mark.parametrize(
    "damaged",
    ["[]", "{}", '{"files": 1, "rows": [], "rejected": []}', '{"files": [[]], "rows": [], "rejected": []}',
     '{"files": [], "rows": [[]], "rejected": []}', '{"files": [], "rows": [], "rejected": ["abc"]}', "[" * 9999],
)  # fmt: skip
def test_a_record_of_another_form_is_made_again(photos: Path, tmp_path: Path, damaged: str) -> None:
    job_module.run(job(photos, tmp_path / "plain"))
    job_module.run(job(photos, tmp_path / "faces"), shard=(1, 2))
    record = sorted((tmp_path / "faces" / ".parts").glob("*.json"))[0]
    record.write_text(damaged)
    with pytest.raises(MaskrecError, match="run these shards again"):
        merge(tmp_path / "faces", Meter())
    job_module.run(job(photos, tmp_path / "faces"))
    assert tree(tmp_path / "faces") == tree(tmp_path / "plain")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_names_that_the_system_cannot_have_are_refused(tmp_path: Path, encoding: str) -> None:
    names = ["Ann/1.jpg", "Zoë/1.jpg", *("写真" * 50 + f"/{number}.jpg" for number in range(3)), "Bo\udcff/1.jpg"]
    refuse_names(names, tmp_path)
    assert not list(tmp_path.iterdir())
    first = "Zoë/1.jpg" if encoding == "ascii" else "写真"
    with pytest.raises(UsageError, match=rf"{first}.* file names are {encoding} here; set PYTHONUTF8=1"):
        refuse_names(names, tmp_path, encoding)
    refuse_names(["Zoë/1.jpg"], tmp_path, "latin-1")


def test_a_system_without_unicode_is_said_before_the_first_photo(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [("Ann/1.jpg", b"a"), *((f"Zoë/{number}.jpg", b"z") for number in range(40))])
    program = (
        "import sys; from pathlib import Path; from tests.preparation.resumable.test_job import job, job_module\n"
        "print(sys.getfilesystemencoding()); job_module.run(job(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.tar"), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if done.stdout.strip() == "utf-8":
        pytest.skip("this system's file names are always UTF-8")
    assert "UsageError" in done.stderr.splitlines()[-1]
    assert "because file names are ascii here" in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".parts", "work.json"]


@pytest.mark.parametrize("shard", [(0, 1), (4, 3), (-1, 2)])
def test_numbers_out_of_range(photos: Path, tmp_path: Path, shard: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="shards are counted from"):
        job_module.run(job(photos, tmp_path / "faces"), shard=shard)
    with pytest.raises(UsageError, match="workers must be at least 1"):
        job_module.run(job(photos, tmp_path / "faces"), workers=0)
    assert not (tmp_path / "faces").exists()


def _holding(folder: JobFolder, shard: int, shards: int) -> int:
    """A process that holds a shard's lock until it is killed."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        lock = folder.take(shard, shards)
        assert lock
        os.write(told, b"!")
        signal.pause()
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    return child


def test_two_runs_into_one_folder(photos: Path, tmp_path: Path) -> None:
    this = job(photos, tmp_path / "faces")
    job_module.run(this, shard=(1, 3))
    child = _holding(JobFolder(this.destination), 2, 3)
    try:
        with pytest.raises(MaskrecError, match=rf"in use by process {child} on "):
            job_module.run(this, shard=(2, 3))
        with pytest.raises(MaskrecError, match=r"shard 2/3 of .* is being written by another process"):
            job_module.run(this)
        with pytest.raises(MaskrecError, match=r"shard 2/3 of .* is being written by another process"):
            merge(this.destination, Meter())
        job_module.run(this, shard=(3, 3))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    child = _holding(JobFolder(this.destination), 1, 1)
    try:
        with pytest.raises(MaskrecError, match=r"shard 1/1 of .* is being written by another process"):
            job_module.run(this, shard=(2, 3))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    job_module.run(this)
    assert (this.destination / "faces.csv").exists()


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to write past that, as it does on a full disk, by an OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Smaller than work.json, a record, an image, faces.csv, a group's images, a tar; larger than all of them.
@pytest.mark.parametrize("size", [0, 300, 400, 1000, 1500, 2500, 5000, 10_000, 100_000])
def test_a_full_disk(photos: Path, tmp_path: Path, tars: bool, undisturbed: dict[str, bytes], size: int) -> None:
    """A file cannot be written; after making room the same command goes on."""
    this = job(photos, tmp_path / "full", tars)
    fits = max(map(len, undisturbed.values())) <= size
    error = pytest.raises(
        MaskrecError, match=r"could not be written: .*; free some space and run the same command again"
    )
    with nullcontext() if fits else error, _no_file_larger_than(size):
        job_module.run(this)
    assert not list(this.destination.rglob("temporary-*"))
    job_module.run(this)
    assert tree(this.destination) == undisturbed


def test_no_space_is_reported(photos: Path, tmp_path: Path) -> None:
    assert "No space left on device" in str(
        job_folder.not_written(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    )


@pytest.mark.usefixtures("forked_workers")
def test_a_worker_that_is_killed(photos: Path, tmp_path: Path) -> None:
    this = job(photos, tmp_path / "faces")
    (photos / "person 3" / '2, "x"\né.jpg').write_bytes(b"3/2")
    with pytest.raises(MaskrecError, match="a worker process was killed"):
        job_module.run(replace(this, process=Copies(this.source.reader, die=True)), workers=2)
    job_module.run(this)
    job_module.run(job(photos, tmp_path / "again"))
    assert tree(tmp_path / "faces") == tree(tmp_path / "again")


def test_nothing_may_become_of_nothing(photos: Path, tmp_path: Path) -> None:
    this = job(photos, tmp_path / "faces")
    with pytest.raises(RuntimeError, match="no outcome for"):
        job_module.run(replace(this, process=lambda items, names: Outcome()))


def test_tasks_are_reported_to_the_meter(photos: Path, tmp_path: Path) -> None:
    meter = Meter()
    job_module.run(job(photos, tmp_path / "faces"), meter=meter)
    assert (meter.progress.total, meter.progress.done, meter.faces, meter.rejected) == (21, 21, 34, 4)
    assert worker_pool.Count(1, 2, 3).faces == 2


def test_a_command_that_goes_on_counts_what_was_rejected_before(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(job_module.finishing, "assemble", stop)
        with pytest.raises(StoppedError):
            job_module.run(job(photos, tmp_path / "faces"))
    meter = Meter()
    job_module.run(job(photos, tmp_path / "faces"), meter=meter)
    assert (meter.progress.done, meter.rejected) == (21, 4)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (1, "a group of 1 photo, p0/0 to p0/0"),
        (2, "a group of 1 photo, p0/0 to p0/0 and 1 more group"),
        (3, "a group of 1 photo, p0/0 to p0/0 and 2 more groups"),
    ],
)
def test_what_a_worker_had_in_hand_is_counted(groups: int, said: str) -> None:
    items = [Item(f"p{group}/0", "p", Path("0.png")) for group in range(groups)]
    tasks = [worker_pool.Task(group, [item], [item.key], False) for group, item in enumerate(items)]
    assert worker_pool._photos_of(tasks) == said
    assert worker_pool._photos_of([]) == "a worker"
