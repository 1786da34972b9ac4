"""Run directories made of files alone, as a run leaves them: no training, no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.pair_set import PairSet
from maskrec.evaluators.verification import Verification
from maskrec.inference.evaluating.evaluation_values import to_plain

RECIPE = """\
seed: 17
backbone: {use: maskrec/timm, model: test_resnet}
loss: {use: maskrec/arcface, scale: 20.0, margin: 0.3}
evaluate:
  held_out: {use: maskrec/verification, pairs: {use: maskrec/pairs_csv}}
train: {epochs: 2}
"""
TYPES = ("n95", "kn95")


class NamedImages:
    """Images with photos' paths that nobody reads."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int, /) -> Any:
        raise AssertionError("a report reads no image")

    def origin(self, index: int) -> tuple[str, bool]:
        return f"photo{index}", False


def gaussian_pairs(label: str, seed: int, noise: float = 0.9, pairs: int = 600) -> tuple[PairSet, np.ndarray]:
    """A pair set of 40 people with three conditions and two mask types, and the embeddings of its images."""
    rng = np.random.default_rng(seed)
    bare = np.repeat(rng.normal(size=(40, 32)), 8, axis=0) + noise * rng.normal(size=(320, 32))
    masked = bare + 0.3 * rng.normal(size=bare.shape)
    one = rng.integers(0, 40, pairs)
    same = np.arange(pairs) % 2 == 0
    other = np.where(same, one, (one + rng.integers(1, 40, pairs)) % 40)
    here = rng.integers(0, 8, pairs)
    condition = (np.arange(pairs) // 2 % 3).astype(np.int8)
    left = one * 8 + here + np.where(condition == 2, 320, 0)
    right = other * 8 + (here + rng.integers(1, 8, pairs)) % 8 + np.where(condition > 0, 320, 0)
    kinds = [None] * 320 + [TYPES[index % 2] for index in range(320)]
    names = [f"Ann {index // 8 % 40}" for index in range(640)]
    images = NamedImages(640)
    pair_set = PairSet(label, images, kinds, left, right, same, condition, identities=names)
    return pair_set, np.concatenate([bare, masked]).astype(np.float32)


def answers() -> tuple[Evaluation, Evaluation]:
    """What `verification` answers on evaluation and test pairs of Gaussian people."""
    rows, sets = {}, []
    for seed, name in enumerate(("evaluate.held_out.pairs", "evaluate.held_out.test")):
        pairs, embeddings = gaussian_pairs(name, seed)
        rows[name] = embeddings
        sets.append(pairs)
    evaluator = Verification(*sets)
    evaluated = evaluator.evaluate(lambda pairs, view=None: rows[pairs.label])
    tested = evaluator.test(lambda pairs, view=None: rows[pairs.label], evaluated)
    assert tested is not None
    return evaluated, tested


def step_row(step: int, **fields: Any) -> dict[str, Any]:
    """A row of metrics.jsonl."""
    row = {"kind": "step", "epoch": 1 + step // 11, "step": step, "loss": 10 / step, "learning_rate": 0.1}
    return {**row, "images_per_second": 300.0, "time": 1.7e9 + step, **fields}


def write_run(
    folder: Path,
    *,
    evaluated: Evaluation | None = None,
    tested: Evaluation | None = None,
    label: str = "held_out",
    finished: bool = True,
    record: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
    recipe: str = RECIPE,
) -> Path:
    """A run directory of 20 steps in two epochs.

    Args:
        folder: made.
        evaluated: the answer on evaluation pairs at epoch 2; None for none.
        tested: on test pairs.
        label: of the evaluator.
        finished: whether there is a result.json.
        record: changes to provenance.json.
        result: changes to result.json.
        recipe: the text of recipe.yaml.
    """
    (folder / "evaluations").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    start = {"at": "2026-11-30T13:34:05Z", "command": ["maskrec", "run", "small.yaml"], "processes": 1}
    start |= {"train": {"epochs": 2}, "compute": {"device": "cpu", "precision": "float32"}}
    provenance = {"run_id": "1", "name": "small", "data_root": "/data", "demo": False, "demo_reason": ""}
    provenance |= {"components": {"loss": {"name": "maskrec/arcface", "version": "0.1", "sources": "abc"}}}
    provenance |= {"versions": {"python": "3.11"}, "data": {"data.path": "def"}, "history": [start]}
    provenance |= {"places": {"seed": "small.yaml:1", "loss.margin": "command line"}}
    (folder / "provenance.json").write_text(json.dumps({**provenance, **(record or {})}), encoding="utf-8")
    rows = [step_row(step) for step in range(1, 21)]
    rows += [{"kind": "epoch", "epoch": epoch, "step": 10 * epoch, "loss": 1.0, "time": 1.7e9} for epoch in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    for stage, answer, name in (("evaluate", evaluated, "epoch-002"), ("test", tested, "test")):
        if answer is not None:
            whole = {"version": 1, "label": label, "stage": stage, "epoch": 2, "step": 20}
            whole |= {**to_plain(answer), "details": dict(answer.details)}
            (folder / "evaluations" / f"held_out-{name}.json").write_text(json.dumps(whole), encoding="utf-8")
    if finished:
        outcome = {"epochs": 2, "steps": 20, "stopped": None, "demo": False, "caveats": [], "best": {"epoch": 2}}
        outcome |= {"evaluate": {} if evaluated is None else {label: to_plain(evaluated)}}
        outcome |= {"test": {} if tested is None else {label: to_plain(tested)}}
        (folder / "result.json").write_text(json.dumps({**outcome, **(result or {})}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def measured() -> tuple[Evaluation, Evaluation]:
    """`answers`, once."""
    return answers()


@pytest.fixture
def finished_run(tmp_path: Path, measured: tuple[Evaluation, Evaluation]) -> Callable[..., Path]:
    """``finished_run(name, ...)`` writes a run with both answers; options as for `write_run`."""

    def make(name: str = "run", **options: Any) -> Path:
        both = {"evaluated": measured[0], "tested": measured[1]}
        return write_run(tmp_path / name, **{**both, **options})

    return make
