"""The processors of this process, on systems that say which and on those that do not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from maskrec.base.processors import usable_processors


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to processors")
def test_a_process_bound_to_one_processor_has_one() -> None:
    code = (
        "import os; from maskrec.base.processors import usable_processors\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(usable_processors())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert usable_processors() == len(os.sched_getaffinity(0))


def test_where_the_system_does_not_say_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_processors() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1
