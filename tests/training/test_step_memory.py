"""The bytes that ``benchmarks/memory_of_steps.py`` counts: of live tensors, each storage once, until it is gone."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The benchmark's module."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    yield importlib.import_module("memory_of_steps")
    for name in ("memory_of_steps", "bench_step", "rows"):
        sys.modules.pop(name, None)


def test_a_storage_counts_once_and_until_its_last_view_is_gone(memory: Any) -> None:
    with memory.LiveBytes() as live:
        first = torch.zeros(1000)  # 4,000 bytes, in blocks of 512: 4,096
        second = first * 2
        view = second.view(10, 100)[3:]
        view += 1
        assert live.now == live.peak == 2 * 4096
        del first, second
        assert (live.now, live.peak) == (4096, 2 * 4096)
        del view
        assert (live.now, live.peak) == (0, 2 * 4096)


def test_what_autograd_keeps_counts_until_the_backward_pass(memory: Any) -> None:
    """Of three layers over 256 x 128 numbers each activation is 128 KiB; in place nothing is kept twice."""
    layers = [nn.Linear(128, 128, bias=False) for _ in range(3)]
    own, rows = 128 * 128 * 4, 256 * 128 * 4
    with memory.LiveBytes() as live:
        live.know(weight for layer in layers for weight in layer.parameters())
        assert live.now == 3 * own
        values = torch.ones(256, 128)
        for layer in layers:
            values = layer(values).relu_()
        assert live.now == 3 * own + 4 * rows
        loss = values.sum()
        del values
        assert live.now == 3 * own + 4 * rows + 512  # the loss
        loss.backward()
        del loss
        assert live.now == 6 * own  # weights and gradients
    assert live.peak > 3 * own + 5 * rows
