"""A plugin file that failed a run and was fixed since: the command that was printed, or the same one, goes on."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from probe_runs import PROBES
from small_recipe import PIECES, write_recipe

LOSS = """
from torch import nn
from torch.nn import functional as F
from maskrec import Component, hookimpl


class Mine(nn.Module):
    def __init__(self, embedding_size: int, num_classes: int):
        super().__init__()
        self.layer = nn.Linear(embedding_size, num_classes)

    def forward(self, embeddings, labels):
        return F.cross_entropy(self.layer(embeddings), labels, reduction="none")


@hookimpl
def maskrec_losses():
    yield Component("mine", ":Mine", "a softmax")
"""
EVALUATOR = """
from maskrec import Component, Evaluation, Pairs, hookimpl


class Late:
    def __init__(self, pairs: Pairs):
        self.pairs, self.calls = pairs, 0

    @staticmethod
    def metrics(values):
        return {"score": "max"}

    def evaluate(self, embed):
        self.calls += 1
        if self.calls > 1:  # the first is the trial before the first step
            raise RuntimeError("boom")
        return Evaluation({"score": 1.0})

    def test(self, embed, chosen):
        return None


@hookimpl
def maskrec_evaluators():
    yield Component("late", ":Late", "counts")
"""
Cli = Callable[..., Any]


def test_a_run_that_failed_before_its_first_step_starts_with_the_fixed_plugin(
    maskrec_here: Cli, tmp_path: Path
) -> None:
    write_recipe(tmp_path, {"loss": {"use": "mine"}, "evaluate": None})
    (tmp_path / "loss.py").write_text(LOSS)
    command = ("run", "small.yaml", "--plugin", PIECES, "--plugin", "loss.py", "--run-dir", "r")
    failed = maskrec_here(*command)
    assert failed.returncode == 3
    assert "scalar" in failed.stderr
    (tmp_path / "loss.py").write_text(LOSS.replace(', reduction="none"', ""))
    again = maskrec_here(*command)
    assert again.returncode == 0, again.stderr
    said = "note: loss changed since r was made; no step is saved there, so the run starts with it"
    assert said in again.stdout + again.stderr
    assert len(json.loads((tmp_path / "r/provenance.json").read_text())["history"]) == 2


def test_a_plugin_that_changes_after_the_first_checkpoint_is_refused_and_its_copy_named(
    maskrec_here: Cli, tmp_path: Path
) -> None:
    write_recipe(tmp_path, {"loss": {"use": "mine"}, "evaluate": None})
    (tmp_path / "loss.py").write_text(LOSS.replace(', reduction="none"', ""))
    files = ("--plugin", PIECES, "--plugin", "loss.py")
    assert maskrec_here("run", "small.yaml", *files, "--run-dir", "r").returncode == 0
    (tmp_path / "loss.py").write_text(LOSS)
    refused = maskrec_here("resume", "r", "train.epochs=3", *files)
    assert refused.returncode == 2
    assert refused.stderr.endswith(
        "maskrec: r: loss changed since this run began, so it would not be the same run; restore it (r/plugins has the "
        "plugin files as they were), or continue anyway with --allow-drift\n"
    )
    assert (tmp_path / "r/plugins/loss.py").read_text() != LOSS


def test_the_command_after_a_failed_evaluation_goes_on_with_the_fixed_evaluator(
    maskrec_here: Cli, tmp_path: Path
) -> None:
    (tmp_path / "my plugins").mkdir()
    file = tmp_path / "my plugins/late.py"
    file.write_text(EVALUATOR)
    write_recipe(tmp_path, {"evaluate": {"held_out": {"use": "late", "pairs": {"use": "noise_pairs"}}}})
    given = ("--plugin", PIECES, "--plugin", PROBES, "--plugin", "my plugins/late.py")
    failed = maskrec_here("run", "small.yaml", *given, "--run-dir", "r")
    assert failed.returncode == 3, failed.stderr
    (printed,) = re.findall("so fix this and continue with: maskrec (.*)$", failed.stderr.strip())
    file.write_text(EVALUATOR.replace('raise RuntimeError("boom")', "pass"))
    done = maskrec_here(*shlex.split(printed))
    assert done.returncode == 0, done.stderr
    assert "finished: 6 steps" in done.stdout
