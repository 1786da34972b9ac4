"""Runs tests in copies of the tree, so that a mutant never touches the tree itself."""

from __future__ import annotations

import ast
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutant_plugin import ORDER, RECORD
from mutation import Mutant

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "runs", "dist"
)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_STARTED = re.compile(r"^(tests/\S+::.+?)(?: (?:PASSED|SKIPPED|XFAIL|FAILED|ERROR).*)?$", re.MULTILINE)


class TreeError(Exception):
    """The tree without a mutant fails its tests, or a mutant's outcome cannot be determined."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a mutant's tests.

    Args:
        killed: whether a test failed.
        stopped: whether they took too long, and were stopped.
        by: the test that failed, or that was running when it was stopped.
        passed: how many tests had passed before.
    """

    killed: bool
    stopped: bool
    by: str
    passed: int


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of a test from the tree without a mutant.

    Args:
        seconds: that it took.
        calls: functions that it called in its own process, as ``file:line``.
    """

    seconds: float
    calls: frozenset[str]


class Copies:
    """Copies of the tree, one for each process that works at a time.

    Args:
        root: of the repository.
        folder: an empty one; the copies go there, beside a link to the folder of faces where there is one.
        count: how many.
    """

    def __init__(self, root: Path, folder: Path, count: int) -> None:
        self.root = root
        self._free: queue.Queue[Path] = queue.Queue()
        if (root.parent / "shared").is_dir():
            (folder / "shared").symlink_to(root.parent / "shared")
        for number in range(count):
            copy = folder / f"tree{number}"
            shutil.copytree(root, copy, ignore=_LEFT_OUT)
            self._free.put(copy)

    @contextmanager
    def one(self) -> Iterator[Path]:
        """A copy that no other process uses."""
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def check_unmutated(self, tests: Sequence[str]) -> dict[str, Noted]:
        """Run tests on the tree as it is; what is known of each by its node id.

        Raises:
            TreeError: a test fails, or the copy is not what is imported.
        """
        with self.one() as copy:
            imported = _run(copy, ["-c", "import maskrec; print(maskrec.__file__)"], None)[1]
            if not Path(imported.strip()).is_relative_to(copy):
                raise TreeError(f"{imported.strip()} is imported, not the copy in {copy}")
            record = copy / "record.json"
            status, output = _run(copy, [*_pytest(copy), *tests], None, {RECORD: str(record)})
            if status != 0:
                failed = _FAILED.search(output)
                raise TreeError(f"without a mutant {failed[1] if failed else 'the tests'} fails\n{output[-2000:]}")
            found = json.loads(record.read_text(encoding="utf-8"))
        return {test: Noted(row["seconds"], frozenset(row["calls"])) for test, row in found.items()}

    def try_out(self, mutant: Mutant, tests: Sequence[str], order: Sequence[str], seconds: float) -> Outcome:
        """Run tests on a copy with the mutant in it.

        Args:
            mutant: the change.
            tests: files and folders, or node ids.
            order: node ids; those that are not named come last.
            seconds: after so many it is stopped.

        Raises:
            TreeError: pytest found no tests.
        """
        with self.one() as copy:
            path = copy / mutant.file
            text = path.read_text(encoding="utf-8")
            path.write_text(mutant.applied_to(text), encoding="utf-8")
            (copy / "order.json").write_text(json.dumps(list(order)), encoding="utf-8")
            try:
                # Verbose in spite of -q, so that the test that was running when it was stopped is known.
                status, output = _run(copy, [*_pytest(copy), "-vv", *tests], seconds, {ORDER: str(copy / "order.json")})
            finally:
                path.write_text(text, encoding="utf-8")
        passed = output.count(" PASSED ")
        if status is None:
            started = _STARTED.findall(output)
            return Outcome(False, True, started[-1] if started else "the imports", passed)
        if status == 5:
            raise TreeError(f"pytest found no tests for {mutant.file}:{mutant.line} in {' '.join(tests)}")
        failed = _FAILED.search(output)
        return Outcome(status != 0, False, failed[1] if failed else f"exit status {status}", passed)


def in_order(mutant: Mutant, text: str, noted: Mapping[str, Noted]) -> list[str]:
    """Tests: first those that call the mutant's function, then those that call its module; the quick ones first.

    Args:
        mutant: a change of that module.
        text: the module's, without the mutant.
        noted: tests by node id.
    """
    function = f"{mutant.file}:{function_at(text, mutant.line)}"

    def place(test: str) -> tuple[bool, bool, float]:
        calls = noted[test].calls
        near = any(call.startswith(f"{mutant.file}:") for call in calls)
        return function not in calls, not near, noted[test].seconds

    return sorted(noted, key=place)


def function_at(text: str, line: int) -> int:
    """The first line of the innermost function around a line, as code objects count it; 1 outside of functions."""
    found = 1
    for node in ast.walk(ast.parse(text)):  # outer ones come first
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found = first if first <= line <= (node.end_lineno or line) else found
    return found


def _pytest(copy: Path) -> list[str]:
    return [
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "mutant_plugin",
        "--hypothesis-profile=ci",
        f"--basetemp={copy.parent / copy.name}-temporary",
    ]


def _run(
    copy: Path, arguments: Sequence[str], seconds: float | None, more: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Exit status and output of a Python process in a copy; None where it had to be stopped."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MASKREC_", "PYTEST_"))}
    path = os.pathsep.join([str(copy), str(copy / "tests" / "support")])  # the plugin is in the latter
    # Unbuffered, so that the output of a process that is stopped is not lost.
    always = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    environment = {**clean, **always, **(more or {})}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=copy, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output
