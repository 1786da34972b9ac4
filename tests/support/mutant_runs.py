"""Runs tests in copies of the tree, so that a mutant never touches the tree itself."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutation import Mutant

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "runs", "dist"
)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_STARTED = re.compile(r"^(tests/\S+::.+?)(?: (?:PASSED|SKIPPED|XFAIL|FAILED|ERROR).*)?$", re.MULTILINE)


class TreeError(Exception):
    """The unmutated tree does not pass, or nothing can be said of a mutant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests said of a mutant.

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
        """A copy that nobody else has."""
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def check_unmutated(self, tests: Sequence[str]) -> dict[str, float]:
        """Run tests on the tree as it is; seconds by test file.

        Raises:
            TreeError: a test fails, or the copy is not what is imported.
        """
        with self.one() as copy:
            imported = _run(copy, ["-c", "import maskrec; print(maskrec.__file__)"], None)[1]
            if not Path(imported.strip()).is_relative_to(copy):
                raise TreeError(f"{imported.strip()} is imported, not the copy in {copy}")
            report = copy / "report.xml"
            status, output = _run(copy, [*_pytest(copy), f"--junitxml={report}", *tests], None)
            if status != 0:
                failed = _FAILED.search(output)
                raise TreeError(f"without a mutant {failed[1] if failed else 'the tests'} fails\n{output[-2000:]}")
            return _seconds(report)

    def try_out(self, mutant: Mutant, tests: Sequence[str], seconds: float) -> Outcome:
        """Run tests, in that order, on a copy with the mutant in it; stopped after so many seconds.

        Raises:
            TreeError: pytest found no tests.
        """
        with self.one() as copy:
            path = copy / mutant.file
            text = path.read_text(encoding="utf-8")
            path.write_text(mutant.applied_to(text), encoding="utf-8")
            try:
                # Verbose, so that it can be said which test was running when it was stopped.
                status, output = _run(copy, [*_pytest(copy), "-v", *tests], seconds)
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


def in_order(mutant: Mutant, files: Iterable[Path], seconds: dict[str, float], root: Path) -> list[str]:
    """Test files, those that name the mutant's module first, then the quick ones.

    Args:
        mutant: whose module it is.
        files: below ``root``.
        seconds: by test file; 0 where unknown.
        root: of the repository.
    """
    module = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    package, _, name = module.rpartition(".")
    names = re.compile(rf"\b{re.escape(module)}\b|from {re.escape(package)} import .*\b{re.escape(name)}\b")

    def place(file: Path) -> tuple[bool, float, str]:
        relative = file.relative_to(root).as_posix()
        return names.search(file.read_text(encoding="utf-8")) is None, seconds.get(relative, 0.0), relative

    return [file.relative_to(root).as_posix() for file in sorted(files, key=place)]


def _pytest(copy: Path) -> list[str]:
    return ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--basetemp={copy.parent / copy.name}-temporary"]


def _run(copy: Path, arguments: Sequence[str], seconds: float | None) -> tuple[int | None, str]:
    """Exit status and output of a Python process in a copy; None where it had to be stopped."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MASKREC_", "PYTEST_"))}
    environment = {**clean, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
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


def _seconds(report: Path) -> dict[str, float]:
    """By test file, from pytest's report."""
    found: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        found[case.get("classname", "").replace(".", "/") + ".py"] += float(case.get("time", "0"))  # type: ignore[assignment]
    return dict(found)
