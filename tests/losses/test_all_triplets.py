"""The sums over all triplets against a list of them: values, gradients, ties, blocks, the size of every tensor."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from listed_triplets import listed
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from maskrec.contracts.triplet_parts import TripletSums
from maskrec.losses.triplets.all_triplets import all_triplets
from maskrec.losses.triplets.reference_distances import pairwise_distances
from maskrec.losses.triplets.triplet import Triplet

MINERS = ["batch_all", "batch_all_hard"]


def references(
    seed: int, size: int = 14, others: int = 9, identities: int = 4
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distances with gradient, labels of anchors and references, what may be used: not all of it."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, identities, (size,), generator=generator)
    more = torch.randint(0, identities, (others,), generator=generator)
    rows = torch.randn(size, 6, generator=generator, dtype=torch.float64)
    memory = torch.randn(others, 6, generator=generator, dtype=torch.float64)
    valid = torch.cat([~torch.eye(size, dtype=torch.bool), torch.rand(size, others, generator=generator) < 0.8], dim=1)
    distances = pairwise_distances(rows, "l2", memory).requires_grad_()
    return distances, labels, torch.cat([labels, more]), valid


def assert_equal_sums(
    given: tuple[Tensor, Tensor, Tensor, Tensor], margin: float | None, hard: bool, **how: Any
) -> None:
    """Also of the gradients; ``how`` goes to the form without a list."""
    distances = given[0]
    expected = listed(*given, margin, hard)
    found = all_triplets(*given, margin, hard, **how)
    assert (int(found.mined), int(found.active)) == (expected.mined, expected.active)
    close = {"rel": 1e-12, "abs": 1e-12}
    assert float(found.total.detach()) == pytest.approx(float(expected.total.detach()), **close)
    assert float(found.to_positive) == pytest.approx(expected.to_positive, **close)
    assert float(found.to_negative) == pytest.approx(expected.to_negative, **close)
    (one,) = torch.autograd.grad(found.total * 0.7, distances)
    (other,) = torch.autograd.grad(expected.total * 0.7, distances)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("block", [1, 60, 1 << 19])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("margin", [0.3, 2.0, 50.0, None])
def test_sums_equal_those_over_a_list(margin: float | None, hard: bool, block: int) -> None:
    for seed in range(6):
        assert_equal_sums(references(seed), margin, hard, block=block)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_ties_count_as_the_hinge_says(data: st.DataObject) -> None:
    """Distances and margin are few eighths, so that many triplets are exactly at the margin and sums are exact."""
    size, more = data.draw(st.integers(1, 7)), data.draw(st.integers(0, 4))
    eighths = st.integers(0, 12).map(lambda each: each / 8)
    drawn = data.draw(st.lists(eighths, min_size=size * (size + more), max_size=size * (size + more)))
    labels = torch.tensor(data.draw(st.lists(st.integers(0, 2), min_size=size + more, max_size=size + more)))
    valid = torch.cat([~torch.eye(size, dtype=torch.bool), torch.ones(size, more, dtype=torch.bool)], dim=1)
    distances = torch.tensor(drawn, dtype=torch.float64).view(size, size + more).requires_grad_()
    given = distances, labels[:size], labels, valid
    assert_equal_sums(given, data.draw(st.integers(1, 8)) / 8, data.draw(st.booleans()))
    assert_equal_sums(given, None, data.draw(st.booleans()))


def test_a_triplet_exactly_at_the_margin_is_not_active() -> None:
    distances = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    valid = torch.tensor([[False, True, True]])
    found = all_triplets(distances, labels[:1], labels, valid, 0.5)
    assert (int(found.mined), int(found.active), float(found.total)) == (1, 0, 0.0)
    above = all_triplets(distances, labels[:1], labels, valid, 0.5 + 2**-50)
    assert int(above.active) == 1
    as_far = all_triplets(torch.tensor([[0.0, 0.5, 0.5]]), labels[:1], labels, valid, 0.5, hard=True)
    assert int(as_far.mined) == 1


@pytest.mark.parametrize("average", ["mined", "active"])
@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_and_its_diagnostics_are_means_over_the_list(miner: str, average: Any, soft: bool) -> None:
    generator = torch.Generator().manual_seed(4)
    labels = torch.arange(24) % 5
    rows = torch.randn(24, 8, generator=generator, dtype=torch.float64) + torch.eye(8, dtype=torch.float64)[labels]
    loss = Triplet(miner=miner, average=average, soft_margin=soft)  # type: ignore[arg-type]
    value = float(loss(rows, labels))
    distances = pairwise_distances(torch.nn.functional.normalize(rows), "l2")
    valid = ~torch.eye(24, dtype=torch.bool)
    sums = listed(distances, labels, labels, valid, None if soft else 0.5, miner == "batch_all_hard")
    many = sums.active if average == "active" and not soft else sums.mined
    assert value == pytest.approx(float(sums.total) / many, rel=1e-12)
    assert {name: float(found) for name, found in loss.diagnostics().items()} == pytest.approx(
        {
            "triplets": sums.mined,
            "active_share": sums.active / sums.mined,
            "positive_distance": sums.to_positive / sums.mined,
            "negative_distance": sums.to_negative / sums.mined,
        },
        rel=1e-6,
    )


def test_float32_sums_lose_nothing_to_the_number_of_triplets() -> None:
    """Close to a solved batch a sum of differences would cancel in float32; counts are exact, sums in float64."""
    labels = torch.arange(120) % 4
    rows = torch.nn.functional.one_hot(labels, 6).float() + 1e-3 * torch.randn(
        120, 6, generator=torch.Generator().manual_seed(1)
    )
    distances = pairwise_distances(rows, "l2")
    valid = ~torch.eye(120, dtype=torch.bool)
    margin = 1.4144  # a little beyond what separates them
    found = all_triplets(distances, labels, labels, valid, margin)
    expected = listed(distances.double(), labels, labels, valid, margin)
    assert float(found.total) == pytest.approx(float(expected.total), rel=1e-5)


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("soft", [False, True])
def test_embeddings_that_are_not_finite_give_no_finite_gradient(miner: str, soft: bool) -> None:
    rows = torch.randn(9, 4, generator=torch.Generator().manual_seed(2))
    rows[4] = math.nan
    rows.requires_grad_()
    value = Triplet(miner=miner, soft_margin=soft)(rows, torch.arange(9) % 3)  # type: ignore[arg-type]
    value.backward()
    assert rows.grad is not None
    assert not (math.isfinite(value.detach()) and rows.grad.isfinite().all())


class Largest(TorchDispatchMode):
    """The most elements that any tensor had."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for each in found if isinstance(found, tuple | list) else (found,):
            if isinstance(each, Tensor):
                self.elements = max(self.elements, each.untyped_storage().nbytes() // each.element_size())
        return found


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("miner", MINERS)
def test_no_tensor_has_more_than_one_element_a_pair(miner: str, soft: bool) -> None:
    size = 64
    labels = torch.arange(size) % 6
    rows = torch.randn(size, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with Largest() as seen:
        Triplet(miner=miner, soft_margin=soft)(rows, labels).backward()  # type: ignore[arg-type]
    assert seen.elements == size * size


def test_gradients_are_the_same_bits_every_time_and_for_every_block() -> None:
    given = references(3, size=60, others=40)
    distances = given[0]
    gradients, totals = set(), set()
    for block in (1, 500, 1 << 19, 1 << 19):
        found: TripletSums = all_triplets(*given, 0.4, block=block)
        (gradient,) = torch.autograd.grad(found.total, distances)
        gradients.add(gradient.numpy().tobytes())
        totals.add(round(float(found.total.detach()), 9))
    assert len(gradients) == 1
    assert len(totals) == 1
