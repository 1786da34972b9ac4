"""circle: the paper's formula and its gradient by loops, what it refuses, and its edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import CheckContext
from maskrec.losses.circle import Circle

Floats = NDArray[np.float64]


def batch(seed: int, rows: int = 8, identities: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % identities
    return torch.randn(rows, 5, generator=generator, dtype=torch.float64) * 3, labels


def by_loops(rows: Floats, labels: list[int], margin: float, scale: float, weighed_at: Floats) -> float:
    """Equation 6 with its weights taken at other embeddings: the mean over images with positives and negatives."""

    def cosine(points: Floats, i: int, j: int) -> float:
        one, other = points[i], points[j]
        return float(one @ other / math.sqrt(one @ one) / math.sqrt(other @ other))

    losses = []
    for i, label in enumerate(labels):
        positives = [j for j in range(len(labels)) if labels[j] == label and j != i]
        negatives = [j for j in range(len(labels)) if labels[j] != label]
        if not positives or not negatives:
            continue
        low, high = 0.0, 0.0
        for j in positives:
            weight = max(0.0, 1 + margin - cosine(weighed_at, i, j))
            low += math.exp(-scale * weight * (cosine(rows, i, j) - (1 - margin)))
        for j in negatives:
            weight = max(0.0, cosine(weighed_at, i, j) + margin)
            high += math.exp(scale * weight * (cosine(rows, i, j) - margin))
        losses.append(math.log1p(low * high))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("margin", "scale"), [(0.25, 32.0), (-0.2, 10.0), (0.4, 64.0)])
def test_equals_the_papers_formula_and_its_gradient(margin: float, scale: float) -> None:
    for seed in range(3):
        embeddings, labels = batch(seed)
        rows = embeddings.numpy().copy()
        loss = Circle(margin, scale)
        value = loss(embeddings.requires_grad_(), labels)
        value.backward()
        known = by_loops(rows, labels.tolist(), margin, scale, rows)
        assert value.item() == pytest.approx(known, rel=1e-10)
        assert embeddings.grad is not None
        for place in np.ndindex(2, 5):  # the weights have no gradient
            step = np.zeros_like(rows)
            step[place] = 1e-6
            around = [by_loops(rows + s * step, labels.tolist(), margin, scale, rows) for s in (1, -1)]
            assert float(embeddings.grad[place]) == pytest.approx((around[0] - around[1]) / 2e-6, rel=1e-5, abs=1e-7)


def test_images_without_a_positive_do_not_count() -> None:
    embeddings, _ = batch(1, 6)
    labels = torch.tensor([0, 0, 1, 2, 3, 4])
    loss = Circle(0.25, 32.0)
    known = by_loops(embeddings.numpy(), labels.tolist(), 0.25, 32.0, embeddings.numpy())
    rows = embeddings.clone().requires_grad_()
    value = loss(rows, labels)
    value.backward()
    assert value.item() == pytest.approx(known, rel=1e-10)
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
    told = loss.diagnostics()
    assert float(told["counted_share"]) == pytest.approx(2 / 6)
    units = torch.nn.functional.normalize(embeddings)
    assert float(told["positive_cosine"]) == pytest.approx(float(units[0] @ units[1]))
    apart = [float(units[i] @ units[j]) for i in range(6) for j in range(6) if labels[i] != labels[j]]
    assert float(told["negative_cosine"]) == pytest.approx(sum(apart) / len(apart))


def test_pairs_that_are_where_they_should_be_have_no_pull_and_others_do() -> None:
    embeddings = torch.eye(4, 5, dtype=torch.float64).repeat_interleave(2, dim=0).requires_grad_()
    labels = torch.arange(4).repeat_interleave(2)
    good = Circle()(embeddings, labels)
    assert 0 <= float(good.detach()) < 1e-3
    bad = Circle()(embeddings, labels.roll(1))
    bad.backward()
    assert float(bad.detach()) > 100
    assert embeddings.grad is not None
    assert embeddings.grad.isfinite().all()


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_a_batch_without_pairs_is_refused(labels: list[int]) -> None:
    with pytest.raises(MaskrecError, match="use the sampler identity_balanced"):
        Circle()(torch.randn(4, 5), torch.tensor(labels))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
def test_all_is_finite_at_cosines_of_1_and_minus_1_and_for_zeros(sign: int, dtype: torch.dtype) -> None:
    one = torch.tensor([1.0, 2.0, 3.0])
    embeddings = torch.stack([one, sign * one, -sign * one, torch.zeros(3)]).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        value = Circle()(embeddings, torch.tensor([0, 0, 1, 1]))
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert value.isfinite()
    assert embeddings.grad is not None
    assert embeddings.grad.isfinite().all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(4, 10), factor=st.floats(1e-2, 1e3))
def test_neither_order_nor_length_matters(seed: int, rows: int, factor: float) -> None:
    embeddings, labels = batch(seed, rows, 2)
    value = Circle()(embeddings, labels).item()
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    assert Circle()(factor * embeddings[order], labels[order]).item() == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "value"), [("margin", 1.0), ("margin", math.nan), ("scale", 0.0), ("scale", math.inf)]
)
def test_a_parameter_out_of_range_is_one_sentence(name: str, value: float) -> None:
    values: dict[str, Any] = {"margin": 0.25, "scale": 256.0}
    assert not list(Circle.check(values, CheckContext()))
    (problem,) = Circle.check(values | {name: value}, CheckContext())
    with pytest.raises(ValueError, match=name) as error:
        Circle(**{name: value})
    assert str(error.value) == problem.message
    assert problem.path == name


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="one integer label an embedding"):
        Circle()(torch.randn(4, 5), torch.zeros(3, dtype=torch.int64))
