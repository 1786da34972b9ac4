"""Fixtures that every test folder may use."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from training_runs import go_on, train  # noqa: F401 - fixtures
from warm_python import run_python

ROOT = Path(__file__).parents[1]
# A busy machine may pause for longer than Hypothesis expects of a test or of a strategy.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


class Answer(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


LONGEST = (
    *("training/test_processes", "preparation/resumable/test_job", "training/test_runs", "cli/test_evaluating"),
    *("docs/test_readme", "training/test_equal_processes", "preparation/aligning/test_aligning", "training/test_kill"),
    *("runtime/test_loading", "plugins/maskrec-insightface/tests/test_contract"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first: one that began last would run alone at the end."""
    items.sort(key=lambda item: not item.nodeid.removeprefix("tests/").startswith(LONGEST))


def pytest_collection_finish() -> None:
    """Looks through what the tests leave only: through torch, pandas and every test, a collection takes a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(7000, 10, 10)


@pytest.fixture
def maskrec_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """Runs ``maskrec ARGUMENTS`` in this process, by default in ``tmp_path``; torch is imported once for all tests."""
    from maskrec.cli.app import run_app

    for name in ("MASKREC_DATA", "MASKREC_PLUGINS", "MASKREC_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object, cwd: Path = tmp_path) -> Answer:
        monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run_app([str(argument) for argument in arguments])
        return Answer(int(ended.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def maskrec_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``python -m maskrec ARGUMENTS`` in a process of its own, in ``tmp_path`` by default.

    ``maskrec_cli("list", "--json", path=[folder], env={"NAME": "value"}, cwd=folder)``; ``path`` folders go onto
    PYTHONPATH, where fake distributions are found. With ``path`` or ``env`` the interpreter is started anew; without,
    the process has large libraries imported (see ``support/warm_python.py``).
    """

    def call(
        *arguments: object, path: Sequence[Path] = (), env: Mapping[str, str] | None = None, cwd: Path = tmp_path
    ) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MASKREC_", "COLUMNS"))}
        words = ["-m", "maskrec", *map(str, arguments)]
        if not path and env is None:
            return run_python(words, cwd, clean)
        search = [*map(str, path), str(ROOT), *filter(None, [clean.get("PYTHONPATH")])]
        environment = {**clean, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(search), **(env or {})}
        return subprocess.run(
            [sys.executable, *words],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return call


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that prepare data are forks of a process that has imported torch, not new interpreters.

    What they do and how it reaches them stays the same; `test_workers_change_no_byte` starts new interpreters.
    """
    from maskrec.preparation.resumable import worker_pool

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "cv2", "pandas", "facenet_pytorch", worker_pool.__name__])
    monkeypatch.setattr(worker_pool, "START_METHOD", "forkserver")


@pytest.fixture
def make_distribution() -> Callable[..., Path]:
    """Writes an installed distribution into a folder: its ``.dist-info`` and its modules.

    ``make_distribution(folder, "maskrec-circle", {"circle": "maskrec_circle"}, {"maskrec_circle": "source"})``
    declares the entry point ``circle = maskrec_circle`` in the group ``maskrec`` and returns the ``.dist-info``;
    ``requires=["maskrec>=2"]`` is what it depends on.
    """

    def make(
        folder: Path,
        name: str,
        entry_points: Mapping[str, str],
        modules: Mapping[str, str],
        version: str = "1.0",
        requires: Sequence[str] = (),
    ) -> Path:
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        said = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        said += [f"Requires-Dist: {each}" for each in requires]
        (info / "METADATA").write_text("\n".join(said) + "\n", encoding="utf-8")
        lines = ["[maskrec]", *(f"{point} = {value}" for point, value in entry_points.items()), ""]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source, encoding="utf-8")
        return info

    return make


@pytest.fixture(scope="session")
def shared_faces() -> Path:
    """The folder of real faces beside the repository; skips where there is none."""
    folder = ROOT.parent / "shared" / "faces"
    if not folder.is_dir():
        pytest.skip("the real faces are not on this machine")
    return folder
