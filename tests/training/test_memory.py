"""Memory that tensors release stays with the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from warm_python import run_python

_COUNT_FAULTS = """
import resource, sys, torch
from maskrec.training.steps.allocator import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
def taken():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):  # until the heap has grown to what they want
    torch.ones(1 << 24)
before = taken()
for _ in range(10):
    torch.ones(1 << 24)
print(kept, taken() - before)
"""


def _faults(how: str) -> tuple[str, int]:
    names = ("GLIBC_TUNABLES", "MALLOC_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    done = subprocess.run(
        [sys.executable, "-c", _COUNT_FAULTS, how], env=clean, capture_output=True, text=True, check=True
    )
    kept, count = done.stdout.split()
    return kept, int(count)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_tensors_of_one_size_take_their_pages_once() -> None:
    kept, few = _faults("keep")
    _, many = _faults("leave")
    assert kept == "True"
    assert few * 5 < many


def test_what_the_environment_says_is_left_alone() -> None:
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072"}
    code = "from maskrec.training.steps.allocator import keep_freed_memory; print(keep_freed_memory())"
    assert run_python(["-c", code], env=environment).stdout == "False\n"
