"""Devices, precisions and threads by their names in a recipe."""

from __future__ import annotations

import pytest
import torch
from maskrec.runtime.device import autocast, parameter_dtype, pick_device, pick_precision, set_threads

from maskrec.base.errors import UsageError
from maskrec.recipe.plan import Train


@pytest.mark.parametrize(
    ("said", "device", "picked"),
    [
        ("auto", "cpu", "float32"),
        ("auto", "cuda", "bfloat16"),
        ("bfloat16", "cpu", "bfloat16"),
        ("float32", "cuda", "float32"),
        ("float64", "cuda", "float64"),
    ],
)
def test_precision_is_as_said_or_as_suits_the_device(said: str, device: str, picked: str) -> None:
    assert pick_precision(said, torch.device(device)) == picked


@pytest.mark.parametrize(
    ("precision", "weights", "products"),
    [
        ("bfloat16", torch.float32, torch.bfloat16),
        ("float32", torch.float32, torch.float32),
        ("float64", torch.float64, torch.float64),
    ],
)
def test_weights_and_products_have_their_types(precision: str, weights: torch.dtype, products: torch.dtype) -> None:
    dtype = parameter_dtype(precision)
    assert dtype == weights
    with autocast(precision, torch.device("cpu")):
        assert (torch.ones(2, 2, dtype=dtype) @ torch.ones(2, 2, dtype=dtype)).dtype == products


def test_the_cpu_is_the_cpu_and_what_torch_does_not_know_is_said() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match=r"train\.device: torch knows no device 'gpu'; use auto, cpu, cuda or cuda:N"):
        pick_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_auto_is_the_cpu_and_cuda_is_refused() -> None:
    assert pick_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match="this machine has no usable CUDA device; use cpu or auto"):
        pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_with_cuda_it_is_this_processs_card(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", str(torch.cuda.device_count()))
    with pytest.raises(UsageError, match="CUDA devices"):
        pick_device("cuda")


def test_threads_are_set_only_when_the_recipe_says_so() -> None:
    before = torch.get_num_threads()
    try:
        set_threads(Train(epochs=1, threads=before + 1))
        assert torch.get_num_threads() == before + 1
        set_threads(Train(epochs=1))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
