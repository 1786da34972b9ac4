"""A pytest plugin for mutants: notes which functions each test calls, or runs tests in a given order."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

RECORD, ORDER = "MUTANTS_RECORD", "MUTANTS_ORDER"  # environment variables that name JSON files
_SOURCE = f"{Path(__file__).parents[2] / 'maskrec'}{os.sep}"


def pytest_configure(config: pytest.Config) -> None:
    """Record where a file to write is named."""
    if RECORD in os.environ:
        config.pluginmanager.register(_Recorder(Path(os.environ[RECORD])))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by the named file, a list of node ids; tests that are not in it come last."""
    if ORDER in os.environ:
        listed = json.loads(Path(os.environ[ORDER]).read_text(encoding="utf-8"))
        places = {name: place for place, name in enumerate(listed)}
        items.sort(key=lambda item: places.get(item.nodeid, len(places)))


class _Recorder:
    """Notes, for each test, how long it takes and the functions of maskrec that it calls in this process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tests: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Around setting up, calling and tearing down a test."""
        called: set[tuple[str, int]] = set()

        def trace(frame: Any, event: str, argument: Any) -> None:
            code = frame.f_code
            if code.co_filename.startswith(_SOURCE):
                called.add((code.co_filename, code.co_firstlineno))

        began = time.monotonic()
        threading.settrace(trace)
        sys.settrace(trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            calls = sorted(f"maskrec/{Path(name).relative_to(_SOURCE).as_posix()}:{line}" for name, line in called)
            self.tests[item.nodeid] = {"seconds": time.monotonic() - began, "calls": calls}

    def pytest_sessionfinish(self) -> None:
        """Write what was noted."""
        self.file.write_text(json.dumps(self.tests), encoding="utf-8")
