"""Fixtures of the tests of ``maskrec data``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Told

from maskrec.cli.app import run_app


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Runs ``maskrec ARGUMENTS`` in this process: importing torch once is enough."""

    def call(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> Told:
        with monkeypatch.context() as patch:
            if cwd is not None:
                patch.chdir(cwd)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                run_app([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Told(int(ended.value.code or 0), out, err)

    return call
