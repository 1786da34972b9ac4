"""Weight files: no code is run; missing, additional or wrongly sized tensors are refused in one sentence each."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from maskrec.backbones.weights import load_strictly, read_weights
from maskrec.base.errors import UsageError


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def save(kind: str, path: Path) -> Path:
    weights = model().state_dict()
    if kind == "safetensors":
        save_file(weights, path)
    elif kind == "wrapped":
        torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}, "epoch": 3}, path)
    else:
        torch.save(weights, path)
    return path


@pytest.mark.parametrize("kind", ["safetensors", "torch", "wrapped"])
def test_every_form_is_read(kind: str, tmp_path: Path) -> None:
    path = save(kind, tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt"))
    other = model(1)
    load_strictly(other, read_weights(path), path)
    for name, value in model().state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


class Malicious:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("how", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x, protocol=2))])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(
    how: Callable[[Any, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pt"
    how({"a": torch.zeros(1), "b": Malicious()}, path)
    with pytest.raises(UsageError, match="could run code") as error:
        read_weights(path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "executed").exists()


def test_known_fault_whole_modules_pickled(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(model(), path)
    with pytest.raises(UsageError, match=r"could run code.*state_dict\(\)"):
        read_weights(path)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", ["empty", "text", "cut"])
def test_a_damaged_file_is_one_sentence(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    save("safetensors" if name.endswith("safetensors") else "torch", path)
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "text": b"hello, this is no file of weights", "cut": whole[: len(whole) // 2]}[content]
    )
    with pytest.raises(UsageError, match="cannot be read as weights") as error:
        read_weights(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_other_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for content in ([1, 2], {}, {"a": 3}, torch.zeros(2)):
        torch.save(content, path)
        with pytest.raises(UsageError, match="not hold a dictionary of tensors"):
            read_weights(path)
    with pytest.raises(UsageError, match="the weight file"):
        read_weights(tmp_path / "absent.pt")
    with pytest.raises(UsageError, match="the weight file"):
        read_weights(tmp_path)


def test_loading_is_strict_and_leaves_the_module_alone_when_refused() -> None:
    weights = model().state_dict()
    source = Path("w.pt")
    cases = {
        "lacks 0.bias": {name: value for name, value in weights.items() if name != "0.bias"},
        "has unknown logits.weight": weights | {"logits.weight": torch.zeros(1)},
        "has another size of 0.weight": weights | {"0.weight": torch.zeros(2, 4)},
    }
    for says, given in cases.items():
        target = model(1)
        before = {name: value.clone() for name, value in target.state_dict().items()}
        with pytest.raises(UsageError, match=says):
            load_strictly(target, given, source)
        assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())
    load_strictly(model(1), cases["has unknown logits.weight"], source, ignore=["logits.weight"])
