"""The faults of the project that this one grew out of: each has a test that names it, most in their own rooms."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.runtime.device import pick_device
from maskrec.runtime.state_tree import load_tree, save_tree

NAMES = {
    "the last identity never sampled": "test_known_fault_the_last_identity_was_never_sampled",
    "P x K 600 cut into batches of 256": "test_known_fault_batches_of_p_times_k_were_cut_into_others",
    "margin 3 on unit embeddings": "test_known_fault_margin_3_on_unit_embeddings",
    "sqrt(1 - cos^2) without a clamp": "test_known_fault_square_root_without_a_clamp_gives_nan_gradients",
    "class weights cancelled": "test_known_fault_class_weights_cancelled_by_the_focal_criterion",
    "ImageNet statistics and 128 px": "test_known_fault_imagenet_statistics_and_128_pixels",
    "a crossing in bin 0": "test_known_fault_a_crossing_in_bin_0_wraps_to_the_last_edge",
    "no crossing": "test_known_fault_no_crossing_reuses_the_last_epochs_threshold",
    "one photo on both sides": "test_known_fault_one_photo_on_both_sides_of_a_pair",
    "unknown names": "test_known_fault_unknown_names_fall_to_an_else_branch",
    "whole modules pickled": "test_known_fault_whole_modules_pickled",
    "cuda:1 hard-coded": "test_known_fault_cuda_1_hard_coded",
}


@pytest.mark.parametrize("fault", NAMES)
def test_every_known_fault_has_its_test(fault: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py")]
    assert any(f"def {NAMES[fault]}(" in text for text in texts)


def test_known_fault_one_photo_on_both_sides_of_a_pair(tmp_path: Path) -> None:
    from maskrec.contracts.context import Context
    from maskrec.contracts.input_spec import InputSpec
    from maskrec.pairs.pairs_csv import pairs_csv

    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "test.csv").write_text("path,target,pair_path,pair_target\na.png,0,a.png,0\nb.png,1,c.png,2\n")
    context = Context(input_spec=InputSpec(size=32), path="test")
    with pytest.raises(UsageError, match=r"test\.csv:2.*one photo on both sides"):
        pairs_csv(context, 32, 0, path=tmp_path / "test.csv")
    assert len(pairs_csv(context, 32, 0, path=tmp_path / "test.csv", allow_same_photo=True)) == 2


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("loss.use=arcfase", "did you mean arcface?"),
        ("backbone={use: timm, model: efficientnet_b33}", "efficientnet_b3"),
        ("optimizer.use=sdg", "sgd"),
        ("loss.criterion=focall", "focal"),
    ],
)
def test_known_fault_unknown_names_fall_to_an_else_branch(
    override: str, answer: str, maskrec_cli: Callable[..., Any]
) -> None:
    done = maskrec_cli("check", "maskrec:quickstart", override)
    assert done.returncode == 2
    assert answer in done.stdout + done.stderr


def test_known_fault_whole_modules_pickled(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 2)
    with pytest.raises(MaskrecError, match="only tensors and plain values"):
        save_tree({"backbone": module}, tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(pickle.dumps(module))
    with pytest.raises(UsageError, match="not a maskrec checkpoint"):
        load_tree(tmp_path / "b.safetensors")


def test_known_fault_cuda_1_hard_coded() -> None:
    if torch.cuda.device_count() < 2:
        with pytest.raises(UsageError, match=r"train\.device is cuda:1"):
            pick_device("cuda:1")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="use auto, cpu, cuda"):
        pick_device("gpu")
