"""What one process alone finds not to be finite, all of them skip: a sharded head in two processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from run_comparison import differences, read_rows
from warm_python import run_ranks

from maskrec.runtime.state_tree import load_tree

SCRIPT = Path(__file__).with_name("train_all.py")
TRAIN = {"epochs": 2, "workers": 0, "log_every": 4}
SHARDED: dict[str, Any] = {"loss": {"use": "sharded_softmax"}, "train": TRAIN, "evaluate": None}
FAULTY = {"use": "sharded_softmax", "spoiled": 1, "at": 3}
RUNS: dict[str, dict[str, Any]] = {
    "halted": {**SHARDED, "train": {**TRAIN, "log_every": 2}, "observe": {"stop": {"use": "stopper", "after": 1}}},
    "half": {**SHARDED, "train": {**TRAIN, "precision": "float16"}, "loss": FAULTY},
    "skipped": {**SHARDED, "train": {**TRAIN, "max_skipped": 1}, "loss": FAULTY},
    "failed": {**SHARDED, "loss": FAULTY},
}


def last(run: Path) -> dict[str, Any]:
    """The checkpoint and both shards."""
    state: dict[str, Any] = load_tree(run / "checkpoints" / "last.safetensors")
    return {**state, "shards": [load_tree(run / "checkpoints" / row["file"]) for row in state["shards"]]}


def test_a_gradient_of_one_shard_ends_or_skips_the_step_of_all(tmp_path: Path) -> None:
    (tmp_path / "runs.yaml").write_text(yaml.safe_dump(RUNS, sort_keys=False))
    for number, done in enumerate(run_ranks(2, [SCRIPT, tmp_path])):
        assert done.returncode != 0
        of = "loss.weight" if number else "another process"
        assert f"{of} is not finite at step 3 (batch 3 of epoch 1" in done.stderr + done.stdout
    failed, halted = last(tmp_path / "failed"), last(tmp_path / "halted")
    assert failed["position"]["step"] == halted["position"]["step"] == 2
    for name in ("backbone", "loss", "optimizer"):
        assert differences(failed[name], halted[name]) == []
    for one, other in zip(failed["shards"], halted["shards"], strict=True):
        assert differences([one["loss"], one["optimizer"]], [other["loss"], other["optimizer"]]) == []
    skipped = [row for row in read_rows(tmp_path / "skipped" / "metrics.jsonl") if row["kind"] == "step"]
    assert [(row["step"], row.get("steps", 1), row.get("skipped", 0)) for row in skipped] == [
        (3, 3, 1),
        (4, 1, 0),
        (6, 2, 0),
    ]
    # in float16 a gradient that is not finite halves the scale, and is none of those that a recipe allows
    half = last(tmp_path / "half")
    rows = [row for row in read_rows(tmp_path / "half" / "metrics.jsonl") if row["kind"] == "step"]
    assert half["loss_scale"]["factor"] == 2.0 ** (16 - sum(row.get("skipped", 0) for row in rows)) < 2.0**16
    assert (half["position"]["step"], half["skipped"]) == (6, 0)
