"""center: the paper's loss and its rule for the means by loops, its state, and beside another loss in a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext
from maskrec.losses.center import Center
from maskrec.runtime.state_tree import load_tree


def batch(seed: int, rows: int = 9) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (rows,), generator=generator)
    return torch.randn(rows, 5, generator=generator, dtype=torch.float64) * 3, labels


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_loss_and_means_are_the_papers(rate: float, normalize: bool) -> None:
    loss = Center(5, 6, rate, normalize).double()
    means = np.zeros((6, 5))
    for seed in range(3):
        embeddings, labels = batch(seed)
        rows = embeddings.numpy().copy()
        if normalize:
            rows /= np.sqrt((rows**2).sum(1, keepdims=True))
        value = loss(embeddings.requires_grad_(), labels)
        known = sum(0.5 * float(((row - means[k]) ** 2).sum()) for row, k in zip(rows, labels.tolist(), strict=True))
        assert value.item() == pytest.approx(known / 9, rel=1e-12)
        distances = [math.sqrt(((row - means[k]) ** 2).sum()) for row, k in zip(rows, labels.tolist(), strict=True)]
        assert float(loss.diagnostics()["distance"]) == pytest.approx(sum(distances) / 9)
        if not normalize:  # the means have no gradient
            (gradient,) = torch.autograd.grad(value, embeddings)
            torch.testing.assert_close(gradient, torch.from_numpy((rows - means[labels]) / 9))
        for k in range(6):
            own = [row for row, label in zip(rows, labels.tolist(), strict=True) if label == k]
            means[k] += rate * sum((row - means[k] for row in own), np.zeros(5)) / (1 + len(own))
        np.testing.assert_allclose(loss.means.numpy(), means, rtol=0, atol=1e-13)
    assert not means[4:].any(), "classes that do not occur stay where they are"


@pytest.mark.parametrize("normalize", [False, True])
def test_gradcheck(normalize: bool) -> None:
    loss = Center(5, 4, normalize=normalize).double()
    loss(*batch(0))
    loss.eval()
    embeddings, labels = batch(1)
    assert torch.autograd.gradcheck(lambda rows: loss(rows, labels), (embeddings.requires_grad_(),))


def test_the_means_are_saved_and_move_while_training_only() -> None:
    loss = Center(5, 4).double()
    loss(*batch(0))
    state = loss.state_dict()
    assert set(state) == {"means"}
    assert not list(loss.parameters())
    kept = state["means"].clone()
    loss.eval()(*batch(1))
    assert torch.equal(loss.means, kept)
    again = Center(5, 4).double()
    again.load_state_dict(state)
    assert torch.equal(again(*batch(2)), loss.train()(*batch(2)))
    assert torch.equal(again.means, loss.means)


def test_order_length_0_half_precision_and_an_empty_batch() -> None:
    embeddings, labels = batch(0)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    one, other = Center(5, 4).double(), Center(5, 4).double()
    assert one(embeddings, labels).item() == pytest.approx(other(embeddings[order], labels[order]).item(), rel=1e-12)
    torch.testing.assert_close(one.means, other.means, rtol=0, atol=1e-13)
    assert float(one(embeddings[:0], labels[:0])) == 0.0
    with torch.autocast("cpu", torch.bfloat16):
        half = Center(5, 4, normalize=True)(torch.zeros(2, 5).bfloat16().requires_grad_(), torch.tensor([0, 1]))
    half.backward()
    assert half.dtype == torch.float32


def test_wrong_parameters_and_input_are_one_sentence() -> None:
    for rate in (0.0, 1.5, math.nan):
        (problem,) = Center.check({"rate": rate}, CheckContext())
        with pytest.raises(ValueError, match="rate must be above 0") as error:
            Center(5, 4, rate)
        assert str(error.value) == problem.message
    with pytest.raises(UsageError, match=r"label 4 is outside \[0, 4\)"):
        Center(5, 4)(torch.ones(2, 5), torch.tensor([0, 4]))
    with pytest.raises(UsageError, match="size 5 and got 6"):
        Center(5, 4)(torch.ones(2, 6), torch.tensor([0, 1]))


LOSS: dict[str, Any] = {
    "use": "weighted_sum",
    "parts": {
        "ada": {"use": "adaface", "scale": 16},
        "curricular": {"use": "curricularface", "scale": 16, "head": "sharded"},
        "uni": {"use": "uniface", "scale": 16},
        "elastic": {"use": "elasticface", "scale": 16, "ranked": True},
        "center": {"use": "center"},
        "circle": {"use": "circle", "scale": 32},
    },
    "weights": {"ada": 1, "curricular": 1, "uni": 1, "elastic": 1, "center": 0.01, "circle": 0.1},
}


def test_a_run_with_state_in_its_losses_goes_on_with_the_same_bits(
    train: Callable[..., Path], go_on: Callable[..., Path]
) -> None:
    whole = train("whole", {"loss": LOSS})
    part = go_on(train("part", {"loss": LOSS}, "train.epochs=1"), epochs=2)
    one, other = (load_tree(run / "checkpoints" / "last.safetensors")["loss"] for run in (whole, part))
    assert one.keys() == other.keys()
    assert {"parts.ada.margin.spread", "parts.curricular.margin.t", "parts.uni.margin.bias"} < set(one)
    assert float(one["parts.ada.margin.spread"]) != 100.0
    assert one["parts.center.means"].any()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert '"elastic/accuracy"' in (part / "metrics.jsonl").read_text(encoding="utf-8")
