"""Runs with a frozen teacher: it is not trained or saved, is loaded again at a resume, and has its own image size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from run_comparison import assert_same_run, largest_difference, read_rows
from safetensors.torch import save_file
from small_recipe import PIECES

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import RecipeError
from maskrec.inference.open_model import open_run
from maskrec.plugin.host import discover
from maskrec.recipe.provenance import opened_hash
from maskrec.report.outcome_sentence import warnings
from maskrec.report.run_facts import read_facts
from maskrec.runtime.state_tree import load_tree

Train = Callable[..., Path]
STUDENT = {"use": "timm", "model": "test_resnet", "embedding_size": 32, "neck": "linear_bn"}
# Without a neck it has 96 numbers; it was made for 160 pixels and the canvas has 32.
TEACHER = {"use": "timm", "model": "test_resnet", "pretrained": "teacher.safetensors", "neck": "none"}


def distilled(teacher: dict[str, Any], size: int = 96) -> dict[str, Any]:
    return {
        "backbone": {**STUDENT, "embedding_size": size},
        "loss": {"use": "template_distillation", "teacher": teacher},
    }


@pytest.fixture
def teacher(tmp_path: Path) -> dict[str, Any]:
    """A teacher whose weights come from a file and not from a seed."""
    torch.manual_seed(99)
    network = timm.create_model("test_resnet", pretrained=False)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(0.01)
    save_file(network.state_dict(), tmp_path / "teacher.safetensors")
    return {**TEACHER, "embedding_size": None}


def losses(run: Path) -> list[float]:
    return [row["loss"] for row in read_rows(run / "metrics.jsonl") if row["kind"] == "step"]


def test_the_teacher_is_neither_trained_nor_saved_and_the_student_nears_it(
    train: Train, teacher: dict[str, Any]
) -> None:
    run = train("run", {**distilled(teacher), "optimizer": {"use": "adam", "lr": 0.003}}, "train.epochs=6")
    state = load_tree(run / "checkpoints" / "last.safetensors")
    assert state["loss"] == {}
    student = [name for name in state["backbone"] if "running" not in name and "tracked" not in name]
    assert sum(len(group["params"]) for group in state["optimizer"]["param_groups"]) == len(student)
    assert losses(run)[-1] < 0.7 * losses(run)[0]


def test_a_resumed_run_has_its_teacher_again(train: Train, go_on: Train, teacher: dict[str, Any]) -> None:
    """A resume does not load starting weights for the student, but the teacher's are in no checkpoint."""
    whole = train("whole", {**distilled(teacher), "train": {"epochs": 3, "workers": 0}})
    parts = train("parts", {**distilled(teacher), "train": {"epochs": 1, "workers": 0}})
    go_on(parts, epochs=3)
    assert_same_run(whole, parts)


def test_its_weights_matter(train: Train, teacher: dict[str, Any]) -> None:
    known = train("known", distilled(teacher))
    random = train("random", distilled({**teacher, "pretrained": False}))
    assert abs(losses(known)[0] - losses(random)[0]) > 1e-3


def test_a_run_teaches_and_with_no_mask_and_no_step_agrees_with_itself(train: Train) -> None:
    first = train("first", {"backbone": {"use": "plain"}, "evaluate": None})
    changes = {
        "backbone": {"use": "plain"},
        "init": "./first",
        "loss": {"use": "template_distillation", "teacher": {"run": "first"}, "distance": "squared_l2"},
        "transforms": {"flip": {"use": "horizontal_flip"}},
        "evaluate": None,
    }
    bare = train("bare", {**changes, "optimizer": {"use": "sgd", "lr": 0.0}})
    assert max(abs(value) for value in losses(bare)) < 1e-6
    masks = {"mask": {"use": "synthetic_mask", "probability": 1.0}}
    hidden = train("hidden", {**changes, "transforms": masks, "optimizer": {"use": "sgd", "lr": 0.0}})
    assert min(losses(hidden)) > 1e-5
    kept = load_tree(first / "checkpoints" / "last.safetensors")["backbone"]
    assert largest_difference(load_tree(hidden / "checkpoints" / "last.safetensors")["backbone"], kept) == 0


def test_in_a_weighted_sum_only_the_other_parts_weights_are_saved(train: Train, teacher: dict[str, Any]) -> None:
    parts = {"near": {"use": "template_distillation", "teacher": teacher}, "arc": {"use": "arcface", "scale": 16.0}}
    run = train(
        "run",
        {
            "backbone": {**STUDENT, "embedding_size": 96},
            "loss": {"use": "weighted_sum", "parts": parts, "weights": {"near": 1.0, "arc": 0.1}},
        },
    )
    assert set(load_tree(run / "checkpoints" / "last.safetensors")["loss"]) == {"parts.arc.weight"}
    row = next(row for row in read_rows(run / "metrics.jsonl") if row["kind"] == "step")
    assert {"near/loss", "near/cosine", "arc/loss"} <= set(row["diagnostics"])


def test_a_teacher_that_does_not_fit_is_refused_at_its_place(train: Train, teacher: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=r"small.*96 numbers and the student's 32") as raised:
        train("small", distilled(teacher, size=32))
    assert [problem.path for problem in raised.value.problems] == ["loss.teacher"]
    with pytest.raises(RecipeError, match=r"expects faces aligned as 'none'.*as 'arcface'"):
        train("crooked", distilled({**teacher, "alignment": "none"}))


def test_a_projection_is_trained_with_the_student_saved_and_no_part_of_what_is_opened(
    train: Train, go_on: Train, teacher: dict[str, Any]
) -> None:
    """Student of 32 numbers, two teachers of 96 each; the run's model is the student alone."""
    loss = {"use": "template_distillation", "teacher": {"a": teacher, "b": teacher}, "projection": "linear"}
    changes = {"backbone": STUDENT, "loss": loss, "evaluate": None}
    whole = train("whole", {**changes, "train": {"epochs": 2, "workers": 0}})
    saved = load_tree(whole / "checkpoints" / "last.safetensors")
    assert set(saved["loss"]) == {"projection.weight"}
    assert tuple(saved["loss"]["projection.weight"].shape) == (192, 32)
    rows = saved["loss"]["projection.weight"].double()
    assert (rows.T @ rows - torch.eye(32)).abs().max() > 1e-4  # it began with orthogonal columns
    parts = train("parts", {**changes, "train": {"epochs": 1, "workers": 0}})
    go_on(parts, epochs=2)
    assert_same_run(whole, parts)
    names = open_run(whole, discover([PIECES])).network.state_dict().keys()
    assert not [name for name in names if "projection" in name]


def test_a_run_that_starts_from_a_distilled_one_says_so_and_never_pretrained(
    train: Train, teacher: dict[str, Any]
) -> None:
    """Random weights learn from a teacher of another size; the next run takes the student alone."""
    taught = {"use": "template_distillation", "teacher": teacher, "projection": "linear"}
    student = {**STUDENT, "pretrained": False}
    first = train("first", {"backbone": student, "loss": {"use": "weighted_sum", "parts": {"near": taught},
                                                          "weights": {"near": 1.0}}, "evaluate": None})  # fmt: skip
    second = train("second", {"backbone": student, "init": "./first", "evaluate": None}, "train.epochs=1")
    start = json.loads((second / "provenance.json").read_text())["start"]
    assert start["kind"] == "distilled start"
    assert start["run_id"] == json.loads((first / "provenance.json").read_text())["run_id"]
    assert start["weights"] == opened_hash(first)
    assert start["words"] == (
        "distilled start: the run first of the recipe first, taught by template_distillation from maskrec/timm "
        "(pretrained: teacher.safetensors), itself from random weights (maskrec/timm)"
    )
    (said,) = [line for line in warnings(read_facts(second), []) if "istilled" in line]
    assert said == f"D{start['words'][1:]}."
    with pytest.raises(UsageError, match=r"init: first does not fit: .* tensors differ in name or shape"):
        train("other", {"backbone": {"use": "plain"}, "init": "./first", "evaluate": None})


def test_a_start_needs_no_pretrained_weights_and_other_images_are_said(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("first", {"backbone": {**STUDENT, "pretrained": False, "alignment": "none"}, "evaluate": None})
    (tmp_path / "torn.safetensors").write_bytes(b"nothing that could be read")
    torn = {**STUDENT, "pretrained": "torn.safetensors"}
    train("second", {"backbone": torn, "init": "./first", "evaluate": None}, "train.epochs=1")
    assert "init: first was trained on other images than this run (alignment: none there)" in capsys.readouterr().err
