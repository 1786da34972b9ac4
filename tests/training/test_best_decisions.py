"""What the best weights decide with: measured once at a run's end, beside them, and bound to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probe_runs import PROBES, WATCH, embedded, probe, state
from small_recipe import PIECES

from maskrec.base.random import SeededDraws
from maskrec.faces.masks import MASK_TYPES, put_on_masks
from maskrec.faces.synthetic.album import Album
from maskrec.inference.open_model import open_model
from maskrec.metrics import read_risk
from maskrec.plugin.host import discover
from maskrec.runtime.state_tree import read_checksum
from maskrec.training.runner import resume

Train = Callable[..., Path]
BEST = "train.best={metric: held_out.error, mode: min}"
RISK, PROBE = "best.risk.npz", "best.mask_probe.json"


def pairs_of(first: int = 100, count: int = 3, told: bool = True) -> dict[str, Any]:
    return {"use": "noise_pairs", "first_person": first, "people": count, "told": told}


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "checkpoints" / "best.thresholds.json").read_text())
    return found


def in_words(run: Path) -> str:
    """Notes of what is missing, from what the run measured."""
    return str(manifest(run)["measured_on"])


def test_error_rates_are_those_of_the_best_weights_on_the_evaluation_pairs(tmp_path: Path) -> None:
    scores = {"evaluate": {"held_out": {**WATCH, "scores": [0.1, 0.5]}}}
    run = probe(tmp_path, scores, BEST, "train.epochs=2")
    content = (run / "checkpoints" / RISK).read_bytes()
    counts = read_risk(content, RISK).counts
    rows = embedded(run, 0).astype(np.float64)  # of the first epoch, which is the best
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    people = np.repeat(np.arange(3), len(rows) // 3)
    apart: dict[bool, list[float]] = {True: [], False: []}
    for one, other in combinations(range(len(rows)), 2):
        apart[bool(people[one] == people[other])].append(float(np.linalg.norm(rows[one] - rows[other])))
    for histogram, distances in ((counts.genuine[0], apart[True]), (counts.impostor[0], apart[False])):
        bins = np.clip(np.ceil(np.array(distances) * 2048).astype(int) - 1, 0, 4095)
        assert np.array_equal(histogram, np.bincount(bins, minlength=4096))
    assert counts.comparisons[0].tolist() == [2 * len(rows) // 3 * (len(rows) // 3)] * 3
    assert not counts.genuine[1:].any()
    said = manifest(run)
    assert said["weights"] == read_checksum(run / "checkpoints" / "best.safetensors")
    assert list(said["files"]) == [RISK]
    assert said["measured_on"] == f"held_out.pairs ({len(rows) - 1} pairs): {len(rows)} images of 3 people"


def test_test_pairs_choose_nothing(tmp_path: Path) -> None:
    evaluate = {"held_out": {"use": "pair_histogram", "evaluation": pairs_of(100), "test": pairs_of(200, 4)}}
    run = probe(tmp_path, {"evaluate": evaluate})
    assert read_risk((run / "checkpoints" / RISK).read_bytes(), RISK).people == 3
    assert "test" not in in_words(run)


def test_people_in_two_sets_are_one_and_their_photos_count_once(tmp_path: Path) -> None:
    evaluate = {
        "one": {"use": "pair_histogram", "evaluation": pairs_of(100, 3)},
        "two": {"use": "pair_histogram", "evaluation": pairs_of(102, 2)},
    }
    run = probe(tmp_path, {"evaluate": evaluate})
    counts = read_risk((run / "checkpoints" / RISK).read_bytes(), RISK).counts
    assert counts.comparisons.shape[1] == 4
    assert counts.genuine.sum() == 4 * 6  # four photos of each


def test_what_cannot_be_measured_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate = {name: {**WATCH, "pairs": pairs_of(100, told=False)} for name in ("one", "two")}
    run = probe(tmp_path, {"evaluate": evaluate})
    said = capsys.readouterr().out
    assert said.count("note: no error rates for new people are stored: the evaluation pairs do not say who is on") == 1
    assert said.count("note: no mask probe is stored: the evaluation pairs have no landmarks") == 1
    assert not (run / "checkpoints" / RISK).exists()
    assert not (run / "checkpoints" / PROBE).exists()
    assert manifest(run)["files"] == {}


def test_a_mask_probe_is_fitted_where_images_have_landmarks(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    faces = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 6, "pairs": 120, "conditions": ["bare"]}
    evaluate = {"held_out": {"use": "verification", "fars": [0.1], "pairs": faces}}
    run = train("run", {"evaluate": evaluate}, "train.epochs=1")
    decisions = open_model(run, discover([PIECES])).decisions
    assert "is stored:" not in capsys.readouterr().out
    assert decisions is not None
    assert decisions.probe is not None
    album = Album(0, 32, 30, 4, 50_000, 64)
    images, points = (torch.stack(column) for column in zip(*(album[i] for i in range(len(album))), strict=True))
    kinds = torch.arange(len(album)) % len(MASK_TYPES)
    worn = put_on_masks(images.float() / 255, points, kinds, SeededDraws(1, 0, "others", torch.arange(len(album))))
    bare, masked = (
        decisions.probe.probability(each.permute(0, 2, 3, 1).contiguous().numpy())
        for each in (images, (worn * 255).round().to(torch.uint8))
    )
    assert (
        (bare < 0.5).mean() + (masked >= 0.5).mean()
    ) / 2 > 0.7  # 120 faces of 32 pixels teach it a little; chance is 0.5


def test_a_run_that_goes_on_measures_again_for_other_weights_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"evaluate": {"held_out": {**WATCH, "pairs": pairs_of(told=False), "scores": [0.5, 0.1]}}}
    run = probe(tmp_path, scores, BEST)
    (run / "result.json").unlink()  # as if it had been killed during its test
    capsys.readouterr()
    resume(run, discover([PROBES]), {})
    assert "no error rates" not in capsys.readouterr().out
    first = manifest(run)
    resume(run, discover([PROBES]), {"epochs": 3})
    assert "no error rates" in capsys.readouterr().out
    assert manifest(run)["weights"] != first["weights"]
    assert state(run, "best")["epoch"] > 0


def test_files_of_other_weights_are_not_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = probe(tmp_path, None, name="one"), probe(tmp_path, {"seed": 6}, name="other")
    stolen = other / "checkpoints" / RISK
    capsys.readouterr()
    stolen.replace(one / "checkpoints" / RISK)
    decisions = open_model(one, discover([PROBES])).decisions
    assert decisions is not None
    assert decisions.risk is None
    assert "best.risk.npz was damaged or changed after it was measured and cannot be used" in capsys.readouterr().err
    decisions = open_model(other, discover([PROBES])).decisions
    assert decisions is not None
    assert decisions.risk is None
    assert "best.risk.npz is gone" in capsys.readouterr().err
    (one / "checkpoints" / "best.thresholds.json").write_bytes(
        (other / "checkpoints" / "best.thresholds.json").read_bytes()
    )
    open_model(one, discover([PROBES]))
    assert "best.thresholds.json was made for other weights" in capsys.readouterr().err


def test_what_is_missing_is_measured_when_the_test_is_done_again(tmp_path: Path) -> None:
    run = probe(tmp_path)
    before = (run / "checkpoints" / RISK).read_bytes()
    (run / "checkpoints" / RISK).write_bytes(b"cut")
    (run / "result.json").unlink()
    resume(run, discover([PROBES]), {})
    assert (run / "checkpoints" / RISK).read_bytes() == before


def test_thresholds_of_the_form_before_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate = {"form": {"use": "pair_histogram", "evaluation": pairs_of()}}
    run = probe(tmp_path, {"evaluate": evaluate})
    path = run / "checkpoints" / "best.thresholds.json"
    new = open_model(run, discover([PROBES]))
    path.write_text(json.dumps(json.loads(path.read_text())["thresholds"]))
    old = open_model(run, discover([PROBES]))
    assert new.thresholds == old.thresholds
    assert list(old.thresholds or {}) == ["form.histogram"]
    assert old.decisions is not None
    assert old.decisions.risk is None
    assert new.decisions is not None
    assert new.decisions.risk is not None
