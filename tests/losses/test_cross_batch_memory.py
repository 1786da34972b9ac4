"""A memory of past steps: as if their embeddings were in the batch without gradient; its state; its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from probe_runs import PROBES, probe, state
from run_comparison import differences, rows_without_times
from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.losses.triplets.cross_batch_memory import CrossBatchMemory
from maskrec.losses.triplets.triplet import Triplet
from maskrec.plugin.host import discover
from maskrec.training.runner import resume

MINERS = ["batch_hard", "semi_hard", "easy_positive", "batch_all", "batch_all_hard"]
STEPS, BATCH, SIZE = 5, 8, 6


def step(number: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number)
    labels = torch.randint(0, 3, (BATCH,), generator=generator)
    return torch.randn(BATCH, SIZE, generator=generator, dtype=torch.float64), labels


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("miner", MINERS)
def test_equals_a_larger_batch_whose_other_rows_are_constant_and_no_anchors(miner: Any, soft: bool) -> None:
    """By autograd through explicit triplets of one large batch, of which only the new rows are anchors."""
    places = 19  # the last two batches and three rows of the one before
    loss = Triplet(miner=miner, soft_margin=soft, memory=CrossBatchMemory(SIZE, places, 2)).double()
    for number in range(STEPS):
        rows, labels = step(number)
        rows.requires_grad_()
        value = loss(rows, labels)
        (gradient,) = torch.autograd.grad(value, rows)
        past = [step(earlier) for earlier in range(number)] if number >= 2 else []
        other_rows = torch.cat([each for each, _ in past])[-places:] if past else rows.new_zeros(0, SIZE)
        other_labels = torch.cat([each for _, each in past])[-places:] if past else labels[:0]
        expected = by_loops(rows, labels, other_rows, other_labels, miner, soft)
        (expected_gradient,) = torch.autograd.grad(expected, rows)
        assert float(value.detach()) == pytest.approx(float(expected.detach()), rel=1e-9)
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-7, atol=1e-9)


def by_loops(rows: Tensor, labels: Tensor, others: Tensor, their: Tensor, miner: str, soft: bool) -> Tensor:
    unit = torch.nn.functional.normalize(torch.cat([rows, others]))
    everyone = torch.cat([labels, their]).tolist()
    losses = []
    for a in range(len(rows)):
        d = [(unit[a] - other).norm() for other in unit]
        same = [i for i, label in enumerate(everyone) if label == everyone[a] and i != a]
        different = [i for i, label in enumerate(everyone) if label != everyone[a]]
        if not same or not different:
            continue
        for p, n in chosen(d, same, different, miner):
            gap = d[p] - d[n]
            losses.append(torch.log1p(gap.exp()) if soft else (gap + 0.5).clamp(min=0))
    if miner.startswith("batch_all"):
        losses = [each for each in losses if float(each.detach()) > 0]
    return torch.stack(losses).mean()


def chosen(d: list[Tensor], same: list[int], different: list[int], miner: str) -> list[tuple[int, int]]:
    if miner == "batch_hard":
        return [(max(same, key=lambda i: d[i]), min(different, key=lambda i: d[i]))]
    if miner.startswith("batch_all"):
        return [(p, n) for p in same for n in different if miner == "batch_all" or d[n] <= d[p]]
    pairs = []
    for p in same if miner == "semi_hard" else [min(same, key=lambda i: d[i])]:
        farther = [n for n in different if d[n] > d[p]]
        n = min(farther, key=lambda i: d[i]) if farther else max(different, key=lambda i: d[i])
        pairs.append((p, n))
    return pairs


def test_keeps_the_latest_and_is_used_after_the_start() -> None:
    memory = CrossBatchMemory(2, size=5, start=2)
    for number in range(4):
        assert int(memory.recall().usable.sum()) == (0 if number < 2 else 5)
        memory.store(torch.full((3, 2), float(number)), torch.full((3,), number))
        assert sorted(memory.labels.tolist())[-3:] == [number] * 3
    assert sorted(memory.labels.tolist()) == [2, 2, 3, 3, 3]
    assert torch.equal(memory.embeddings[:, 0].long(), memory.labels)
    memory.store(torch.arange(14.0).view(7, 2), torch.arange(7))
    assert sorted(memory.labels.tolist()) == [2, 3, 4, 5, 6], "the last rows of a batch larger than the memory"


def test_is_usable_place_by_place_while_it_fills() -> None:
    memory = CrossBatchMemory(2, size=5, start=0)
    assert not memory.recall().usable.any()
    memory.store(torch.ones(3, 2), torch.ones(3, dtype=torch.int64))
    assert memory.recall().usable.tolist() == [True, True, True, False, False]


def test_a_batch_is_not_compared_with_itself() -> None:
    rows, labels = step(0)
    alone, remembering = Triplet(miner="batch_all"), Triplet(miner="batch_all", memory=CrossBatchMemory(SIZE, 50, 0))
    assert float(remembering.double()(rows, labels)) == pytest.approx(float(alone(rows, labels)), rel=1e-12)
    assert int(remembering.diagnostics()["triplets"]) == int(alone.diagnostics()["triplets"])


def test_its_state_goes_on_with_the_same_bits() -> None:
    def losses() -> Triplet:
        return Triplet(miner="semi_hard", memory=CrossBatchMemory(SIZE, 19, 1)).double()

    whole, first, second = losses(), losses(), losses()
    expected = [float(whole(*step(number))) for number in range(STEPS)]
    found = [float(first(*step(number))) for number in range(2)]
    state = {name: value.clone() for name, value in first.state_dict().items()}
    assert set(state) == {f"memory.{name}" for name in ("embeddings", "labels", "stored", "batches")}
    second.load_state_dict(state)
    assert found + [float(second(*step(number))) for number in range(2, STEPS)] == expected


def test_a_run_that_was_stopped_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    memory = {"use": "cross_batch_memory", "size": 20, "start": 2}
    changes = {
        "loss": {"use": "triplet", "miner": "batch_all", "memory": memory},
        "sampler": {"use": "identity_balanced", "identities_per_batch": 3, "images_per_identity": 3},
        "evaluate": None,
    }
    whole = probe(tmp_path, changes, "train.epochs=2", name="whole")
    stopped = probe(tmp_path, changes, name="stopped")
    before = state(stopped)["loss"]
    resume(stopped, discover([PROBES]), {"epochs": 2})
    after, expected = state(stopped), state(whole)
    assert differences(after["loss"], expected["loss"]) == differences(after["backbone"], expected["backbone"]) == []
    assert rows_without_times(stopped) == rows_without_times(whole)
    assert int(before["memory.stored"]) == int(after["loss"]["memory.stored"]) // 2 > 0


def test_a_batch_without_triplets_may_find_some_in_the_memory() -> None:
    loss = Triplet(memory=CrossBatchMemory(3, 10, 0))
    generator = torch.Generator().manual_seed(0)
    assert float(loss(torch.randn(2, 3, generator=generator), torch.tensor([0, 1]))) == 0.0
    assert int(loss.diagnostics()["triplets"]) == 0
    assert float(loss(torch.randn(1, 3, generator=generator), torch.tensor([1]))) > 0.0
    assert int(loss.diagnostics()["triplets"]) == 1


@pytest.mark.parametrize(("values", "named"), [({"size": 0}, "size"), ({"start": -1}, "start")])
def test_parameters_out_of_range_are_refused(values: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be at least"):
        CrossBatchMemory(4, **values)
    assert [each.path for each in CrossBatchMemory.check({"size": 1, "start": 0} | values, CheckContext())] == [named]
