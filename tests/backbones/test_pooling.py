"""GeM against its formula, and where it could break."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.backbones.pooling import Average, GeM, make_pooling

FEW = settings(max_examples=25, deadline=None)


@FEW
@given(seed=st.integers(0, 10**6), p=st.floats(0.5, 8))
def test_gem_is_the_papers_formula(seed: int, p: float) -> None:
    maps = np.random.default_rng(seed).random((2, 3, 4, 5))
    expected = [
        [(sum(max(x, 1e-6) ** p for x in channel.flat) / 20) ** (1 / p) for channel in sample] for sample in maps
    ]
    pooled = GeM(p).double()(torch.from_numpy(maps))
    np.testing.assert_allclose(pooled.detach().numpy(), expected, rtol=1e-6)


def test_gem_goes_from_the_average_to_the_maximum() -> None:
    maps = torch.rand(2, 3, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(GeM(1.0).double()(maps), Average()(maps))
    torch.testing.assert_close(GeM(200.0).double()(maps), maps.amax(dim=(2, 3)), rtol=0.02, atol=0)


def test_p_is_learned_and_gradients_are_finite_on_dead_and_negative_maps() -> None:
    gem = GeM()
    maps = torch.stack([torch.zeros(2, 3, 3), -torch.ones(2, 3, 3), 1e3 * torch.rand(2, 3, 3)]).requires_grad_()
    gem(maps).sum().backward()
    assert torch.isfinite(maps.grad).all()
    assert torch.isfinite(gem.p.grad).all()
    assert float(gem.p.grad) != 0
    double = GeM().double()
    rows = torch.rand(2, 2, 3, 3, dtype=torch.float64, requires_grad=True) + 0.1
    assert torch.autograd.gradcheck(double, (rows,))


def test_bfloat16_maps_are_pooled_in_float32() -> None:
    maps = (torch.rand(2, 3, 7, 7) * 100).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        pooled = GeM()(maps)
    assert pooled.dtype == torch.bfloat16
    torch.testing.assert_close(pooled.float(), GeM()(maps.float()), rtol=2**-8, atol=0)


@pytest.mark.parametrize(("name", "kind"), [("avg", Average), ("gem", GeM)])
def test_by_name(name: str, kind: type) -> None:
    assert isinstance(make_pooling(name), kind)  # type: ignore[arg-type]
