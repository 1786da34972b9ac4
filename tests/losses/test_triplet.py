"""Every mining against loops in float64, margins, degenerate batches, precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.triplet_parts import Mined
from maskrec.losses.triplets.all_triplets import BatchAll
from maskrec.losses.triplets.mining import BatchHard
from maskrec.losses.triplets.triplet import Triplet

FEW = settings(max_examples=25, deadline=None)
MINERS = ["batch_hard", "semi_hard", "easy_positive", "batch_all", "batch_all_hard"]


def by_loops(embeddings: np.ndarray, labels: list[int], miner: str, **options: Any) -> float:
    """The mean over triplets, found one by one."""
    rows = embeddings.astype(np.float64)
    if options.get("normalize", True):
        rows = np.array([row / math.sqrt(sum(x * x for x in row)) for row in rows])
    size = len(rows)
    d = [[sum((a - b) ** 2 for a, b in zip(rows[i], rows[j], strict=True)) for j in range(size)] for i in range(size)]
    if options.get("distance", "l2") == "l2":
        d = [[math.sqrt(value) for value in row] for row in d]
    losses = []
    for a in range(size):
        positives = [p for p in range(size) if labels[p] == labels[a] and p != a]
        negatives = [n for n in range(size) if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        for p, n in mined(d[a], positives, negatives, miner):
            gap = d[a][p] - d[a][n]
            losses.append(math.log(1 + math.exp(gap)) if options.get("soft_margin") else max(0.0, gap + 0.5))
    if miner.startswith("batch_all"):
        losses = [loss for loss in losses if loss > 0] or [0.0]
    return sum(losses) / len(losses)


def mined(d: list[float], positives: list[int], negatives: list[int], miner: str) -> list[tuple[int, int]]:
    if miner == "batch_hard":
        return [(max(positives, key=lambda p: d[p]), min(negatives, key=lambda n: d[n]))]
    if miner == "batch_all":
        return [(p, n) for p in positives for n in negatives]
    if miner == "batch_all_hard":
        return [(p, n) for p in positives for n in negatives if d[n] <= d[p]]
    chosen = []
    for p in positives if miner == "semi_hard" else [min(positives, key=lambda p: d[p])]:
        farther = [n for n in negatives if d[n] > d[p]]
        n = min(farther, key=lambda n: d[n]) if farther else max(negatives, key=lambda n: d[n])
        chosen.append((p, n))
    return chosen


def batch(seed: int, size: int = 12, identities: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, identities, (size,), generator=generator)
    labels[:3] = torch.tensor([0, 0, 1])  # at least one triplet
    centres = torch.randn(identities, 5, generator=generator, dtype=torch.float64)
    return centres[labels] + 0.6 * torch.randn(size, 5, generator=generator, dtype=torch.float64), labels


OPTIONS = [{}, {"distance": "squared_l2"}, {"normalize": False}, {"soft_margin": True}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("miner", MINERS)
def test_equals_loops_over_all_triplets(miner: str, options: dict[str, Any]) -> None:
    for seed in range(8):
        embeddings, labels = batch(seed)
        value = Triplet(miner=miner, **options)(embeddings, labels)
        expected = by_loops(embeddings.numpy(), labels.tolist(), miner, **options)
        assert float(value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("miner", MINERS)
@FEW
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-2, 1e2))
def test_order_and_length_do_not_matter(miner: str, seed: int, factor: float) -> None:
    embeddings, labels = batch(seed)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    loss = Triplet(miner=miner)
    before = float(loss(embeddings, labels))
    assert float(loss(embeddings[order], labels[order])) == pytest.approx(before, rel=1e-10)
    assert float(loss(embeddings * factor, labels)) == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("options", OPTIONS)
def test_gradients(miner: str, options: dict[str, Any]) -> None:
    embeddings, labels = batch(3, size=8)
    loss = Triplet(miner=miner, **options)
    assert torch.autograd.gradcheck(lambda rows: loss(rows, labels), (embeddings.requires_grad_(),))


def test_known_fault_margin_3_on_unit_embeddings() -> None:
    """No two unit embeddings are 3 apart: the hinge would never close, whatever is learned."""
    values = {"soft_margin": False, "normalize": True, "distance": "l2"}
    for margin, distance in ((3.0, "l2"), (2.0001, "l2"), (4.1, "squared_l2")):
        problems = list(Triplet.check(values | {"margin": margin, "distance": distance}, CheckContext()))
        assert [problem.path for problem in problems] == ["margin"]
        with pytest.raises(ValueError, match="can never be satisfied"):
            Triplet(margin=margin, distance=distance)
    Triplet(margin=2.0)
    Triplet(margin=4.0, distance="squared_l2")
    Triplet(margin=3.0, normalize=False)
    assert not list(Triplet.check(values | {"margin": 2.0}, CheckContext()))


def test_at_margin_2_every_triplet_is_active() -> None:
    for seed in range(5):
        embeddings, labels = batch(seed)
        loss = Triplet(margin=2.0)
        loss(embeddings, labels)
        assert loss.diagnostics()["active_share"] == 1.0


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_that_is_no_margin_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="finite number above 0"):
        Triplet(margin=margin, normalize=False)


def test_a_margin_beside_the_soft_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no effect with soft_margin"):
        Triplet(margin=1.0, soft_margin=True)


@pytest.mark.parametrize("miner", MINERS)
@pytest.mark.parametrize("labels", [[3, 3, 3, 3], [0, 1, 2, 3], [5], []])
def test_a_batch_without_triplets_is_a_sentence_that_names_the_sampler(miner: str, labels: list[int]) -> None:
    with pytest.raises(MaskrecError, match="use the sampler identity_balanced") as error:
        Triplet(miner=miner)(torch.randn(len(labels), 4), torch.tensor(labels, dtype=torch.int64))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("miner", MINERS)
def test_solved_batches_give_zero_and_a_gradient_of_zero(miner: str) -> None:
    embeddings = torch.tensor([[1.0, 0], [1.0, 0], [-1.0, 0], [-1.0, 0]], requires_grad=True)
    loss = Triplet(miner=miner)
    value = loss(embeddings, torch.tensor([0, 0, 1, 1]))
    value.backward()
    assert float(value.detach()) == 0.0
    assert (embeddings.grad == 0).all()
    told = {name: float(value) for name, value in loss.diagnostics().items()}
    assert told["active_share"] == 0.0
    assert told["positive_distance"] == pytest.approx(0.0, abs=1e-3)
    assert told["negative_distance"] == pytest.approx(0.0 if miner == "batch_all_hard" else 2.0)
    assert (told["triplets"] == 0) == (miner == "batch_all_hard")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("miner", MINERS)
def test_gradients_are_finite_where_embeddings_are_identical(
    miner: str, options: dict[str, Any], dtype: torch.dtype
) -> None:
    embeddings = torch.randn(1, 16, generator=torch.Generator().manual_seed(1)).repeat(6, 1).to(dtype).requires_grad_()
    value = Triplet(miner=miner, **options)(embeddings, torch.tensor([0, 0, 1, 1, 2, 2]))
    value.backward()
    assert value.dtype == dtype
    assert float(value.detach()) == pytest.approx(math.log(2) if options.get("soft_margin") else 0.5, abs=1e-3)
    assert embeddings.grad.abs().max() < 1e-3


@pytest.mark.parametrize("miner", MINERS)
def test_autocast_computes_in_float32(miner: str) -> None:
    embeddings, labels = batch(7)
    half = embeddings.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = Triplet(miner=miner)(half, labels)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(float(Triplet(miner=miner)(half.double(), labels)), rel=1e-4)


def test_gradients_are_the_same_bits_every_time_with_several_threads() -> None:
    """A million triplets over few pairs, in random order: atomic additions would give other bits each time."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(120, 8, generator=generator)
    triplets = torch.randint(0, 120, (1_000_000, 3), generator=generator)
    triplets[:, 1] %= 4
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gradients = []
        for _ in range(6):
            embeddings = rows.clone().requires_grad_()
            Triplet(miner=lambda distances, labels: triplets, soft_margin=True)(
                embeddings, torch.arange(120) % 40
            ).backward()
            gradients.append(embeddings.grad)
        assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)
    finally:
        torch.set_num_threads(threads)


def test_average_can_be_chosen_and_follows_the_miner() -> None:
    embeddings, labels = batch(2)
    values = {}
    for average in ("mined", "active"):
        loss = Triplet(miner="batch_all", average=average)
        values[average] = float(loss(embeddings, labels))
    share = float(loss.diagnostics()["active_share"])
    assert 0 < share < 1
    assert values["mined"] == pytest.approx(values["active"] * share, rel=1e-6)
    assert [Triplet(miner=name).average for name in MINERS] == ["mined", "mined", "mined", "active", "active"]
    assert Triplet(miner=BatchAll()).average == "active"


def test_any_callable_is_a_miner_and_its_mistakes_are_told() -> None:
    embeddings, labels = batch(2)

    def first(distances: Tensor, labels: Tensor) -> Tensor:
        assert not distances.requires_grad
        return torch.tensor([[0, 1, 2]])

    loss = Triplet(miner=first, margin=2.0)
    a, p, n = torch.nn.functional.normalize(embeddings[:3])
    assert float(loss(embeddings.clone().requires_grad_(), labels).detach()) == pytest.approx(
        float((a - p).norm() - (a - n).norm() + 2.0)
    )
    assert loss.diagnostics()["triplets"] == 1
    for wrong in (torch.zeros(3, 2, dtype=torch.int64), torch.zeros(1, 3), [[0, 1, 2]]):
        with pytest.raises(MaskrecError, match="a miner must return int64"):
            Triplet(miner=lambda distances, labels, wrong=wrong: wrong)(embeddings, labels)


def test_a_miner_with_state_is_saved_with_the_loss() -> None:
    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("batches", torch.tensor(0))

        def forward(self, distances: Tensor, labels: Tensor) -> Mined:
            self.batches += 1
            return BatchHard()(distances, labels, labels, ~torch.eye(len(labels), dtype=torch.bool))

    loss = Triplet(miner=Counting())
    loss(*batch(1))
    assert int(loss.state_dict()["miner.batches"]) == 1


def test_wrong_input_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="one integer label an embedding"):
        Triplet()(torch.randn(4, 3), torch.tensor([0, 0, 1]))


def test_sees_the_global_batch_and_keeps_nothing() -> None:
    assert Triplet.scope == "global"
    assert not Triplet().state_dict()
    assert Triplet().diagnostics() == {}
