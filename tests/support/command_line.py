"""Commands run in the test's own process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """A command's exit code and output."""

    returncode: int
    stdout: str
    stderr: str
