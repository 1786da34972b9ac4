"""The fuzz target in short: `make fuzz` runs the long one."""

from __future__ import annotations

import re
from pathlib import Path

from warm_python import run_python

DATA = ("rec", "idx", "bin", "tar", "csv", "photo", "json", "checkpoint")
MODELS = ("onnx", "metadata", "model", "gallery", "thresholds", "risk", "galleries", "report")
SCRIPT = Path(__file__).parent / "mutate.py"


def test_some_thousand_mutated_inputs(tmp_path: Path) -> None:
    result = run_python([SCRIPT, "--inputs", "4000", "--seed", "7", "--keep", tmp_path / "kept"])
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^\d{4} mutated inputs of seed 7, 0 with anything but a sentence$", result.stdout, re.MULTILINE)
    counts: dict[str, list[int]] = {}
    for line in result.stdout.splitlines()[1:-1]:
        words = line.split()
        read, refused = counts.setdefault(words[0].strip(","), [0, 0])
        counts[words[0].strip(",")] = [read + int(words[-5]), refused + int(words[-4])]
    assert set(counts) == {*DATA, *MODELS}
    # If all inputs were refused, or all read, nothing would be tested.
    assert all(read > 10 and refused > 10 for read, refused in map(counts.__getitem__, DATA)), counts
    assert all(read > 0 and refused > 10 for read, refused in map(counts.__getitem__, MODELS[:4])), counts
    assert counts["report"][0] > 0, "a report is made of whatever can be read"
