"""Distances to the batch and to further rows: by differences, with gradients, at equal rows."""

from __future__ import annotations

import pytest
import torch

from maskrec.losses.triplets.reference_distances import DistanceName, pairwise_distances, picked


@pytest.mark.parametrize("more", [0, 3])
@pytest.mark.parametrize("distance", ["l2", "squared_l2"])
def test_equals_differences_also_in_its_gradient(distance: DistanceName, more: int) -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(5, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    others = torch.randn(more, 4, generator=generator, dtype=torch.float64)
    weights = torch.randn(5, 5 + more, generator=generator, dtype=torch.float64)
    squared = (rows[:, None] - torch.cat([rows, others])[None]).square().sum(2)
    plain = squared if distance == "squared_l2" else (squared + torch.eye(5, 5 + more)).sqrt() - torch.eye(5, 5 + more)
    found = pairwise_distances(rows, distance, others if more else None)
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad((weights * each).sum(), rows)[0] for each in (found, plain)]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-11)


def test_equal_rows_are_0_apart_and_have_no_gradient() -> None:
    rows = torch.full((3, 7), 0.37, requires_grad=True)
    found = pairwise_distances(rows, "l2", rows.detach()[:2])
    assert (found == 0).all()
    found.sum().backward()
    assert rows.grad is not None
    assert (rows.grad == 0).all()


def test_picks_entries_with_their_gradient() -> None:
    distances = torch.arange(6.0).view(2, 3).requires_grad_()
    found = picked(distances, torch.tensor([1, 0, 1]), torch.tensor([2, 1, 2]))
    found.sum().backward()
    assert found.tolist() == [5.0, 1.0, 5.0]
    assert distances.grad is not None
    assert distances.grad.tolist() == [[0, 1, 0], [0, 0, 2]]
