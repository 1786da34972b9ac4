"""The processors of this process, on systems that say which and on those that do not."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from maskrec.base.processors import single_threaded_products, usable_processors


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


def test_products_have_one_thread_each_and_their_own_number_afterwards() -> None:
    def threads() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    assert np.ones((2, 2)).sum() == 4  # the library is loaded
    with threadpool_limits(2, "blas"):
        with single_threaded_products():
            assert threads() == {1}
        assert threads() == {2}
