"""Focal loss and class weights by themselves."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.context import CheckContext
from maskrec.losses.class_weights import class_weights
from maskrec.losses.criteria import CrossEntropy, Focal, mean_over_samples

FEW = settings(max_examples=40, deadline=None)


@FEW
@given(logits=st.lists(st.floats(-40, 40), min_size=3, max_size=3), gamma=st.floats(0, 6), label=st.integers(0, 2))
def test_focal_is_the_papers_formula(logits: list[float], gamma: float, label: int) -> None:
    others = sum(math.exp(z - logits[label]) for i, z in enumerate(logits) if i != label)
    doubt = others / (1 + others)  # 1 - p without cancellation
    expected = doubt**gamma * math.log1p(others)
    value = Focal(gamma)(torch.tensor([math.log1p(others)], dtype=torch.float64))
    assert float(value) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert float(value) <= math.log1p(others)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.5, 1.0, 2.0, 5.0])
def test_focal_is_finite_where_the_probability_is_exactly_one_or_zero(dtype: torch.dtype, gamma: float) -> None:
    entropy = torch.tensor([0.0, 1000.0, 1e-30], dtype=dtype, requires_grad=True)
    losses = Focal(gamma)(entropy)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(entropy.grad).all()  # type: ignore[arg-type]
    assert float(losses[0].detach()) == 0.0
    assert float(losses[1].detach()) == 1000.0


def test_focal_gradient() -> None:
    entropy = torch.tensor([0.01, 0.3, 2.0, 9.0], dtype=torch.float64, requires_grad=True)
    for gamma in (0.0, 0.5, 2.0):
        assert torch.autograd.gradcheck(Focal(gamma), (entropy,))


def test_cross_entropy_is_the_entropy_and_focal_with_gamma_0_too() -> None:
    entropy = torch.tensor([0.0, 0.3, 9.0])
    assert torch.equal(CrossEntropy()(entropy), entropy)
    assert torch.equal(Focal(0.0)(entropy), entropy)


@pytest.mark.parametrize("gamma", [-0.1, math.inf, math.nan])
def test_an_exponent_out_of_range_is_one_sentence(gamma: float) -> None:
    (problem,) = Focal.check({"gamma": gamma}, CheckContext())
    assert problem.path == "gamma"
    with pytest.raises(ValueError, match="gamma must be a finite number of at least 0") as error:
        Focal(gamma)
    assert str(error.value) == problem.message


@FEW
@given(counts=st.lists(st.integers(1, 10**6), min_size=1, max_size=8), beta=st.sampled_from([0.0, 0.9, 0.9999]))
def test_class_weights_are_the_formulas_scaled_to_mean_one(counts: list[int], beta: float) -> None:
    log = [1 / math.log(1 + n) for n in counts]
    effective = [(1 - beta) / (1 - beta**n) for n in counts]
    for weighting, raw in (("log", log), ("effective_number", effective)):
        weights = class_weights(weighting, counts, beta)
        assert weights is not None
        expected = [value * len(raw) / sum(raw) for value in raw]
        assert weights.tolist() == pytest.approx(expected, rel=1e-9)
        rarest, commonest = counts.index(min(counts)), counts.index(max(counts))
        assert weights[rarest] >= weights[commonest]
    assert class_weights("none", counts, beta) is None


def test_a_class_without_images_is_named() -> None:
    with pytest.raises(ValueError, match=r"2 of 4 classes have none \(labels 1, 3\)"):
        class_weights("effective_number", [5, 0, 1, 0], 0.9)
    assert class_weights("none", [5, 0], 0.9) is None


def test_weighted_mean_is_divided_by_the_number_of_samples() -> None:
    losses, labels = torch.tensor([1.0, 1.0, 4.0]), torch.tensor([0, 0, 1])
    assert float(mean_over_samples(losses, labels, torch.tensor([0.5, 1.5]))) == pytest.approx((0.5 + 0.5 + 6.0) / 3)
    assert float(mean_over_samples(losses, labels, None)) == 2.0
