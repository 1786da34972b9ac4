"""What miners list: only valid triplets, each once, at a fixed length, without waiting; the forms that are accepted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from maskrec.base.errors import PluginError
from maskrec.contracts.triplet_parts import Mined, call_miner, takes_square
from maskrec.losses.triplets.cross_batch_memory import CrossBatchMemory
from maskrec.losses.triplets.mining import BatchHard, EasyPositive, SemiHard
from maskrec.losses.triplets.triplet import Triplet

LISTING = {
    "batch_hard": BatchHard(),
    "semi_hard": SemiHard(),
    "easy_positive": EasyPositive(),
    "easy_positive, hard": EasyPositive("hard"),
}
GOOD = torch.zeros(1, 3, dtype=torch.int64)


def batch(seed: int, size: int = 11, others: int = 6, identities: int = 4) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distances of a few values, so that there are ties; labels, labels of references, what may be used."""
    generator = torch.Generator().manual_seed(seed)
    distances = torch.randint(0, 9, (size, size + others), generator=generator) / 4
    labels = torch.randint(0, identities, (size + others,), generator=generator)
    valid = torch.cat([~torch.eye(size, dtype=torch.bool), torch.rand(size, others, generator=generator) < 0.7], dim=1)
    return distances, labels[:size], labels, valid


def by_loops(
    distances: list[list[float]], labels: list[int], others: list[int], valid: list[list[bool]], miner: str
) -> list[tuple[int, int, int]]:
    """The triplets, from the miners' descriptions; the lowest index of equals."""
    found = []
    for a, label in enumerate(labels):
        d = distances[a]
        positives = [i for i, other in enumerate(others) if valid[a][i] and other == label]
        negatives = [i for i, other in enumerate(others) if valid[a][i] and other != label]
        if not positives or not negatives:
            continue
        if miner == "batch_hard":
            found.append((a, max(positives, key=lambda i: d[i]), min(negatives, key=lambda i: d[i])))
            continue
        for p in positives if miner == "semi_hard" else [min(positives, key=lambda i: d[i])]:
            farther = [n for n in negatives if d[n] > d[p]]
            nearest, farthest = min(farther or negatives, key=lambda i: d[i]), max(negatives, key=lambda i: d[i])
            hard = min(negatives, key=lambda i: d[i])
            found.append((a, p, hard if miner.endswith(", hard") else nearest if farther else farthest))
    return found


@pytest.mark.parametrize("name", LISTING)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 11), others=st.integers(0, 6))
def test_lists_what_its_description_says(name: str, seed: int, size: int, others: int) -> None:
    given = batch(seed, size, others)
    triplets, valid = LISTING[name](*given)
    assert triplets.shape == (size * (size + others) if name == "semi_hard" else size, 3)
    assert (triplets >= 0).all()
    assert (triplets < torch.tensor([size, size + others, size + others])).all()
    assert list(map(tuple, triplets[valid].tolist())) == by_loops(*(each.tolist() for each in given), name)


def test_a_negative_exactly_as_far_as_the_positive_is_not_semi_hard() -> None:
    distances = torch.tensor([[0.0, 1, 1, 3], [1, 0, 2, 3], [1, 2, 0, 1], [3, 3, 1, 0]])
    labels = torch.tensor([0, 0, 1, 1])
    triplets, valid = SemiHard()(distances, labels, labels, ~torch.eye(4, dtype=torch.bool))
    assert triplets[valid].tolist() == [[0, 1, 3], [1, 0, 2], [2, 3, 1], [3, 2, 0]]


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("miner", ["batch_hard", "semi_hard", "easy_positive", "batch_all", "batch_all_hard"])
@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_a_step_does_not_wait_for_a_gpu(miner: Any, remembers: bool) -> None:
    """With tensors that have a device and no values, whatever reads a value fails."""
    labels = torch.arange(12) % 4
    loss = Triplet(miner=miner)
    loss(torch.randn(12, 5, generator=torch.Generator().manual_seed(0)), labels)  # the first batch is looked at
    with FakeTensorMode():
        loss.memory = CrossBatchMemory(5, 20, 0).to("cuda") if remembers else None
        rows = torch.empty(12, 5, device="cuda", requires_grad=True)
        assert loss(rows, torch.empty(12, dtype=torch.int64, device="cuda")).requires_grad
        with pytest.raises(DataDependentOutputException):
            float(loss.diagnostics()["triplets"])


def square(distances: Tensor, labels: Tensor, factor: float = 1.0) -> Tensor:
    return GOOD


class Square(torch.nn.Module):
    def forward(self, distances: Tensor, labels: Tensor) -> Tensor:
        return GOOD


class Whole:
    def __call__(self, distances: Tensor, labels: Tensor, others: Tensor, valid: Tensor) -> Tensor:
        return GOOD


def test_which_form_a_miner_has_is_seen_in_its_signature() -> None:
    assert takes_square(square)
    assert takes_square(Square())
    assert takes_square(lambda distances, labels: GOOD)
    assert not takes_square(Whole())
    assert not takes_square(lambda *everything: GOOD)
    assert not takes_square(BatchHard())
    assert not takes_square(max)
    for wrong in (lambda distances: GOOD, lambda a, b, c: GOOD, lambda a, b, c, d, e: GOOD):
        with pytest.raises(ValueError, match="a miner takes four"):
            Triplet(miner=wrong)


@pytest.mark.parametrize("miner", [square, Square(), Whole(), lambda *given: Mined(GOOD, torch.tensor([True]))])
def test_every_form_gives_triplets_that_count(miner: Any) -> None:
    triplets, valid = call_miner(miner, *batch(1))
    assert triplets is GOOD
    assert valid.tolist() == [True]


@pytest.mark.parametrize(
    "answer",
    [
        torch.zeros(3, 2, dtype=torch.int64),
        torch.zeros(1, 3),
        [[0, 1, 2]],
        None,
        (GOOD, torch.ones(2, dtype=torch.bool)),
        (GOOD, torch.ones(1)),
        (GOOD, GOOD, GOOD),
        torch.tensor(3),
    ],
)
def test_another_answer_is_one_sentence(answer: Any) -> None:
    with pytest.raises(PluginError, match=r"the miner .*answer.* returned .*; a miner must return int64") as error:
        call_miner(lambda *given: answer, *batch(1))
    assert "\n" not in str(error.value)


def test_a_miner_of_the_batch_alone_is_refused_beside_a_memory() -> None:
    with pytest.raises(ValueError, match="cannot be used with a memory"):
        Triplet(miner=square, memory=CrossBatchMemory(4))  # type: ignore[arg-type]
