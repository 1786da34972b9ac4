"""The faults of the project that this one grew out of: each has a test that names it, most in their own rooms.

The list is ``FAULTS`` in ``support/known_mutants.py``: there each fault stands with the change that puts it back.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from known_mutants import FAULTS

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.runtime.compute import pick_device
from maskrec.runtime.state_tree import load_tree, save_tree


def test_every_known_fault_is_put_back_by_a_mutant_that_its_own_test_must_notice() -> None:
    """`make mutants` puts each back; that its text and its test are there is looked at in test_mutants.py."""
    assert len(FAULTS) == len({known.what for known in FAULTS}) == 12
    tests = [test for known in FAULTS for test in known.tests]
    assert all("::test_known_fault_" in test for test in tests)
    assert len(set(tests)) == 12


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
        ("backbone={use: timm, model: efficientnet_b33}", "did you mean efficientnet_b3"),
        ("optimizer.use=sdg", "did you mean `sgd`?"),
        ("loss.criterion=focall", "did you mean `focal`?"),
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
