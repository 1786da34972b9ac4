"""The command line in this process: torch is imported once for all pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest


class Answer(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def maskrec_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """Runs ``maskrec ARGUMENTS`` in this process, by default in ``tmp_path``."""
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
