"""Exhausted file descriptors and shared memory are reported by name, and many files need few descriptors."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maskrec.base.errors import MaskrecError
from maskrec.base.regular_files import read_regular
from maskrec.base.system_limits import limit_reached, limits_named, may_keep_open, raise_open_files_limit
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.datasets.image_tar import ImageTar
from maskrec.images.tars.tarfiles import write_tar
from maskrec.runtime.loading import load
from tests.runtime.test_loading import Faces
from tests.support.face_sets import face_bytes


@contextmanager
def _at_most(files: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_tars_than_a_process_may_have_files_open(tmp_path: Path) -> None:
    photo, used = face_bytes(1), len(list(Path("/dev/fd").iterdir()))
    for number in range(150):
        write_tar(tmp_path / f"{number:03}.tar", [(f"p{number % 5}/{number}.jpg", photo)], durable=False)
    with _at_most(used + 60):
        data = ImageTar(Context(input_spec=InputSpec(32, alignment="arcface")), 32, path=tmp_path)
        assert [data[index].image.shape[-1] for index in range(150)] == [32] * 150


def test_no_more_descriptors_is_not_said_of_a_photo(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    held: list[int] = []
    with _at_most(len(list(Path("/dev/fd").iterdir())) + 40):
        try:
            with contextlib.suppress(OSError):
                while True:
                    held.append(os.open(os.devnull, os.O_RDONLY))
            with pytest.raises(MaskrecError, match=r"may have \d+ files open .* `ulimit -n \d+`"):
                read_regular(tmp_path / "a.jpg", 9)
        finally:
            for descriptor in held:
                os.close(descriptor)


def test_a_quarter_of_the_descriptors_is_kept_and_given_back() -> None:
    class Owner:
        pass

    used = len(list(Path("/dev/fd").iterdir()))
    with _at_most(used + 40):
        owners = [Owner() for _ in range(used + 40)]
        kept = sum(may_keep_open(owner) for owner in owners)
        assert kept <= (used + 40) // 4
        owners.clear()
        again = [Owner() for _ in range(used + 40)]
        assert sum(may_keep_open(owner) for owner in again) == kept


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    program = (
        "import resource as r; from maskrec.base.system_limits import raise_open_files_limit\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (100, min(500, r.getrlimit(r.RLIMIT_NOFILE)[1])))\n"
        "raise_open_files_limit(); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "500\n"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_open_files_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.filterwarnings("ignore:This DataLoader will create 8 worker processes")
def test_too_few_descriptors_for_workers_are_named() -> None:
    with _at_most(len(list(Path("/dev/fd").iterdir())) + 30):
        with pytest.raises(MaskrecError, match=r"run `ulimit -n \d+` before the same command, or use fewer workers"):
            list(load(Faces(), [[(number, number)] for number in range(8)], 8, pin=False))
        assert len(list(load(Faces(), [[(0, 1)], [(1, 2)]], 1, pin=False))) == 2


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.ENOSYS, errno.ENOENT])
def test_semaphores_that_the_system_refuses(code: int) -> None:
    with pytest.raises(MaskrecError, match=r"/dev/shm writable .*, or use --workers 1"), limits_named("--workers 1"):
        raise OSError(code, os.strerror(code))


def test_what_is_no_limit_stays_what_it_was() -> None:
    assert limit_reached(OSError(errno.ENOENT, "no")) is None
    for error in (FileNotFoundError(errno.ENOENT, "no", "name"), ConnectionResetError(errno.ECONNRESET, "gone")):
        with pytest.raises(type(error)), limits_named("--workers 1"):
            raise error


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/usr/bin/unshare").exists(), reason="needs a mount of its own")
def test_a_machine_without_shared_memory() -> None:
    """A real one: /dev/shm is read-only for this process alone."""
    program = (
        "from maskrec.runtime.loading import load; from tests.runtime.test_loading import Faces; "
        "print(list(load(Faces(), [[(0, 1)], [(1, 2)]], 1, pin=False)))"
    )
    shell = f"mount -t tmpfs -o ro,size=4k none /dev/shm || exit 77; exec {sys.executable} -c '{program}'"
    done = subprocess.run(["unshare", "-m", "sh", "-c", shell], capture_output=True, text=True, timeout=300)
    if done.returncode == 77:
        pytest.skip("no permission to mount")
    assert "ignored" not in done.stderr
    assert "MaskrecError: worker processes cannot be started" in done.stderr
    assert "Read-only file system); make /dev/shm writable (docker run --shm-size=1g), or use train.workers=0" in (
        done.stderr
    )
