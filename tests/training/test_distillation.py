"""Runs with a frozen teacher: it is not trained or saved, is loaded again at a resume, and has its own image size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from run_comparison import assert_same_run, largest_difference, read_rows
from safetensors.torch import save_file

from maskrec.contracts.problem import RecipeError
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
