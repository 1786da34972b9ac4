"""Device, precision and memory format: what a recipe asks for, and what images and weights become."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.recipe.plan import Train
from maskrec.runtime.compute import Compute, deterministic_algorithms, pick_device, set_threads

CPU = torch.device("cpu")
MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_images_are_fed_in_the_networks_colour_order_with_its_statistics(images: torch.Tensor, color: Any) -> None:
    fed = Compute(CPU).feed(images, InputSpec(4, MEAN, STD, color))
    for channel in range(3):
        source = images[:, channel if color == "rgb" else 2 - channel]
        assert torch.allclose(fed[:, channel], (source - MEAN[channel]) / STD[channel], atol=1e-6)
    assert fed.dtype == torch.float32
    assert fed.is_contiguous()


def test_images_are_fed_in_the_weights_type_and_the_memory_format(images: torch.Tensor) -> None:
    spec = InputSpec(4, MEAN, STD)
    plain = Compute(CPU).feed(images, spec)
    by_pixel = Compute(CPU, channels_last=True).feed(images, spec)
    assert by_pixel.is_contiguous(memory_format=torch.channels_last)
    assert not by_pixel.is_contiguous()
    assert torch.equal(by_pixel, plain)
    exact = Compute(CPU, "float64").feed(images, spec)
    assert exact.dtype == torch.float64
    assert torch.equal(exact[:, 0], (images[:, 0].double() - MEAN[0]) / STD[0])
    # Autocast rounds what goes into a layer; the images themselves stay in float32.
    assert torch.equal(Compute(CPU, "bfloat16").feed(images, spec), plain)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", 32), ("bfloat16", 32), ("float64", 64)])
def test_a_network_is_placed_in_the_type_of_the_weights(precision: Any, dtype: int) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    compute = Compute(CPU, precision)
    assert compute.place(network) is network
    assert {weight.dtype for weight in network.parameters()} == {getattr(torch, f"float{dtype}")} == {compute.dtype}


def test_convolutions_are_placed_in_the_memory_format() -> None:
    kernel = nn.Conv2d(3, 4, 3)
    assert not Compute(CPU).place(kernel).weight.is_contiguous(memory_format=torch.channels_last)
    assert Compute(CPU, channels_last=True).place(kernel).weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_only_bfloat16_runs_under_autocast(precision: Any) -> None:
    compute = Compute(CPU, precision)
    layer = compute.place(nn.Linear(2, 2))
    with compute.autocast():
        assert torch.is_autocast_enabled("cpu") == (precision == "bfloat16")
        out = layer(torch.ones(1, 2, dtype=compute.dtype)).dtype
    assert out == getattr(torch, precision)
    assert not torch.is_autocast_enabled("cpu")


def test_a_recipe_gets_what_it_asks_for() -> None:
    there = torch.cuda.is_available()
    chosen = Compute.pick(Train(1))
    assert chosen.device.type == ("cuda" if there else "cpu")
    assert chosen.precision == ("bfloat16" if there else "float32")
    assert chosen.pin_memory == there
    assert not chosen.channels_last
    assert Compute.pick(Train(1, device="cpu")) == Compute(CPU, "float32", False)
    asked = Compute.pick(Train(1, precision="bfloat16", device="cpu", channels_last=True))
    assert asked == Compute(CPU, "bfloat16", True)
    assert Compute.pick(Train(1, precision="float64", device="cpu")).dtype == torch.float64
    assert not asked.pin_memory


@pytest.mark.parametrize("name", ["abacus", "cpu:x", "cuda:99"])
def test_a_device_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        Compute.pick(Train(1, device=name))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_is_not_silently_the_cpu() -> None:
    with pytest.raises(UsageError, match="use cpu or auto"):
        pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_process_takes_its_own_card(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "99")
    with pytest.raises(UsageError, match="cuda:99"):
        pick_device("cuda")
    assert pick_device("cuda:0") == torch.device("cuda", 0)


def test_threads_are_set_where_the_recipe_says_how_many() -> None:
    before = torch.get_num_threads()
    try:
        set_threads(Train(1, threads=before + 1))
        assert torch.get_num_threads() == before + 1
        set_threads(Train(1))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("device", ["meta", "xpu", "hpu", "mps"])
def test_a_device_on_which_maskrec_does_not_run_is_refused(device: str) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(UsageError, match=f"^the device is {device}[, ].*use .*cpu"):
        pick_device(device, "the device")


def test_mps_is_taken_where_it_is_there_and_prepares_batches_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    compute = Compute.pick(Train(epochs=1, device="mps"))
    assert (compute.device.type, compute.precision, compute.prepares_on) == ("mps", "float32", CPU)
    assert Compute(CPU).prepares_on == CPU
    with pytest.raises(UsageError, match=r"train\.precision is float64"):
        Compute.pick(Train(epochs=1, device="mps", precision="float64"))


def test_deterministic_algorithms_are_asked_for_within_the_run_only() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic_algorithms(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert Compute(CPU).record()["deterministic"]
    assert torch.are_deterministic_algorithms_enabled() == before
    with deterministic_algorithms(False):
        assert torch.are_deterministic_algorithms_enabled() == before
    with pytest.raises(RuntimeError, match="deterministic"), deterministic_algorithms(True):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.ones(2))


def test_what_a_run_computes_in_is_recorded() -> None:
    record = Compute(CPU, "bfloat16").record()
    assert record == {"device": "cpu", "precision": "bfloat16", "tf32": None, "deterministic": False}
    assert Compute(CPU).peak_memory is None
