"""The fuzz target in short: `make fuzz` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "mutate.py"


def test_some_thousand_mutated_inputs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--inputs", "4000", "--seed", "7", "--keep", str(tmp_path / "kept")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4000 mutated inputs of seed 7, 0 with anything but a sentence" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()[1:-1]]
    assert len(rows) == 11
    # Every target reads some mutated files and refuses others, or it is no test of either (an index is but a help).
    assert all(int(row[-5]) > 0 and (int(row[-4]) > 0 or "index" in row) for row in rows), result.stdout
