"""A loss made of losses: value, gradient, scopes, names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from face_batches import random_batch
from torch import Tensor, nn

from maskrec.contracts.call_loss import call_loss
from maskrec.contracts.context import CheckContext
from maskrec.losses.margins.arcface import ArcFace
from maskrec.losses.triplets.triplet import Triplet
from maskrec.losses.weighted_sum import WeightedSum


class ImageMean(nn.Module):
    """Takes the batch and has a frozen teacher."""

    scope: ClassVar[str] = "sample"

    def __init__(self) -> None:
        super().__init__()
        self.teacher = nn.Linear(2, 2)

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Any) -> Tensor:
        return batch.images.mean() + 0 * embeddings.sum()

    def frozen(self) -> Iterator[nn.Module]:
        yield self.teacher


def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    return {"arc": ArcFace(6, 3, [2, 2, 2]).double(), "tri": Triplet(miner="batch_all")}


def batch() -> tuple[Tensor, Tensor]:
    rows = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return rows.requires_grad_(), torch.tensor([0, 0, 1, 1, 2, 2])


def test_is_the_weighted_sum_in_value_and_gradient() -> None:
    inner, (embeddings, labels) = parts(), batch()
    loss = WeightedSum(inner, {"arc": 0.25, "tri": 2.0})
    value = loss(embeddings, labels)
    (gradient,) = torch.autograd.grad(value, embeddings)
    expected = 0.25 * inner["arc"](embeddings, labels) + 2.0 * inner["tri"](embeddings, labels)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, embeddings)[0])
    assert loss.scope == "parts"


def test_a_part_that_names_the_batch_gets_it_at_any_depth() -> None:
    images = replace(random_batch(2), images=torch.full((2, 3, 1, 1), 0.5))
    inner = WeightedSum({"image": ImageMean()}, {"image": 2.0})
    outer = WeightedSum({"deep": inner, "arc": ArcFace(6, 3, [2, 2, 2]).double()}, {"deep": 3.0, "arc": 0.0})
    embeddings, labels = batch()
    assert float(call_loss(outer, embeddings, labels, images).detach()) == pytest.approx(3.0)
    told = outer.diagnostics()
    assert told["deep/loss"] == pytest.approx(1.0)
    assert told["deep/image/loss"] == pytest.approx(0.5)
    assert {"arc/loss", "arc/accuracy", "arc/true_class_score"} <= set(told)
    assert list(outer.frozen()) == [inner.parts["image"].teacher]


def test_its_parts_are_trained_and_saved() -> None:
    loss = WeightedSum(parts(), {"arc": 1.0, "tri": 1.0})
    assert set(loss.state_dict()) == {"parts.arc.weight"}
    assert len(list(loss.parameters())) == 1


@pytest.mark.parametrize(
    ("weights", "path", "says"),
    [
        ({"arc": 1.0}, "weights", "part 'tri' has no weight"),
        ({"arc": 1.0, "tri": 1.0, "tir": 2.0}, "weights.tir", "unknown part 'tir'"),
        ({"arc": -1.0, "tri": 1.0}, "weights.arc", "at least 0"),
        ({"arc": math.nan, "tri": 1.0}, "weights.arc", "finite"),
    ],
)
def test_names_and_weights_that_do_not_match(weights: dict[str, float], path: str, says: str) -> None:
    inner = parts()
    problems = list(WeightedSum.check({"parts": inner, "weights": weights}, CheckContext()))
    assert [problem.path for problem in problems] == [path]
    with pytest.raises(ValueError, match=says):
        WeightedSum(inner, weights)


@pytest.mark.parametrize("name", ["a.b", "keys", "training", "a b", "", "1st"])
def test_a_name_that_no_module_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a part's name"):
        WeightedSum({name: Triplet()}, {name: 1.0})


def test_no_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        WeightedSum({}, {})
