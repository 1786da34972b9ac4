"""Gradients and values of two gloo processes: averaged, clipped and broadcast, whatever their sizes and types."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, multiprocessing, nn

from maskrec.base.errors import MaskrecError
from maskrec.contracts.collectives import all_reduce_max, all_reduce_sum
from maskrec.training.processes.distributed import (
    CHUNK_BYTES,
    broadcast_values,
    in_chunks,
    on_every_process,
    on_rank_zero,
)
from maskrec.training.steps.gradients import average_gradients, clip_gradients, scale_shard_gradients

LARGE = CHUNK_BYTES // 4 + 1000


def gradients(rank: int) -> dict[str, Tensor | None]:
    """Each process's gradients before: one is large, one has another order in memory, some are missing."""
    generator = torch.Generator().manual_seed(rank)
    return {
        "large": torch.randn(LARGE, generator=generator),
        "small": torch.randn(3, 4, generator=generator),
        "image": torch.randn(2, 3, 4, 5, generator=generator).to(memory_format=torch.channels_last),
        "double": torch.randn(7, generator=generator, dtype=torch.float64),
        "one": torch.randn(5, generator=generator) if rank == 0 else None,
        "none": None,
        "shard": torch.randn(6, generator=generator),
    }


def weights(rank: int) -> dict[str, nn.Parameter]:
    like = gradients(0) | {"none": torch.zeros(2)}
    named = {name: nn.Parameter(torch.zeros_like(value)) for name, value in like.items() if value is not None}
    for name, gradient in gradients(rank).items():
        named[name].grad = gradient
    return named


def values(rank: int) -> list[Tensor]:
    """Of many types, in an order in which their bytes do not line up by themselves."""
    kinds = [torch.bool, torch.int64, torch.uint8, torch.float64, torch.bfloat16, torch.float32, torch.int64]
    found = [(torch.arange(3) + rank).to(kind) for kind in kinds]
    return [*found, torch.tensor(rank), torch.zeros(0), torch.full((2, 3), float(rank)).T]


def fail_on(rank: int) -> str:
    if dist.get_rank() == rank:
        raise MaskrecError(f"rank {rank} failed")
    return "well"


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    named = weights(rank)
    average_gradients([weight for name, weight in named.items() if name != "shard"])
    scale_shard_gradients([named["shard"]])
    averaged = {name: None if weight.grad is None else weight.grad.clone() for name, weight in named.items()}
    del named["large"]  # torch's own norm of so many numbers is off by 6e-4 in float32
    norm = clip_gradients(list(named.values()), {id(named["shard"])}, 1.5)
    received = values(rank)
    broadcast_values(received)
    leaf = torch.tensor([1.0, 2.0]).requires_grad_()
    (all_reduce_sum(leaf) * torch.tensor([10.0, 1.0 + rank])).sum().backward()
    messages = []
    for number in (0, 1):
        with pytest.raises(MaskrecError) as caught:
            on_every_process(lambda number=number: fail_on(number))  # type: ignore[misc]
        messages.append(str(caught.value))
    with pytest.raises(MaskrecError):
        on_rank_zero(lambda: fail_on(0))
    on_rank_zero(lambda: fail_on(1))
    found: dict[str, Any] = {
        "averaged": averaged,
        "clipped": {name: weight.grad for name, weight in named.items()},
        "norm": norm,
        "values": received,
        "adjoint": leaf.grad,
        "largest": all_reduce_max(torch.tensor([rank, -rank])),
        "messages": messages,
        "answers": on_every_process(lambda: rank * 7),
    }
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(worker, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.slow
def test_every_process_has_the_average_of_both(found: list[dict[str, Any]]) -> None:
    first, second = gradients(0), gradients(1)
    for name in ("large", "small", "image", "double"):
        a, b = first[name], second[name]
        assert a is not None
        assert b is not None
        assert all(torch.equal(process["averaged"][name], (a + b) / 2) for process in found), name
    assert first["one"] is not None
    assert all(torch.equal(process["averaged"]["one"], first["one"] / 2) for process in found)
    assert all(process["averaged"]["none"] is None for process in found)
    for process, own in zip(found, (first, second), strict=True):
        assert own["shard"] is not None
        assert torch.equal(process["averaged"]["shard"], own["shard"] / 2)


def test_the_norm_is_that_of_all_weights_of_both(found: list[dict[str, Any]]) -> None:
    common = [found[0]["averaged"][name] for name in ("small", "image", "double", "one")]
    parts = [*common, *(process["averaged"]["shard"] for process in found)]
    whole = torch.cat([part.double().reshape(-1) for part in parts]).norm().item()
    assert found[0]["norm"] == found[1]["norm"] == pytest.approx(whole, rel=1e-5)
    clipped = [value for name, value in found[0]["clipped"].items() if value is not None and name != "shard"]
    clipped += [process["clipped"]["shard"] for process in found]
    assert torch.cat([part.double().reshape(-1) for part in clipped]).norm().item() == pytest.approx(1.5, rel=1e-5)


def test_every_process_receives_rank_zeros_values(found: list[dict[str, Any]]) -> None:
    for process in found:
        for received, sent in zip(process["values"], values(0), strict=True):
            assert received.dtype == sent.dtype
            assert torch.equal(received, sent)


def test_a_sum_passes_the_sum_of_gradients_back_and_a_maximum_none(found: list[dict[str, Any]]) -> None:
    for process in found:
        assert process["adjoint"].tolist() == [20.0, 3.0]
        assert process["largest"].tolist() == [1, 0]
        assert not process["largest"].requires_grad


def test_one_process_that_fails_fails_all_with_its_sentence(found: list[dict[str, Any]]) -> None:
    for process in found:
        assert process["messages"] == ["rank 0 failed", "rank 1 failed"]
        assert process["answers"] == [0, 7]


@given(sizes=st.lists(st.sampled_from([0, 1, CHUNK_BYTES // 2, CHUNK_BYTES // 2 + 1, CHUNK_BYTES, 3 * CHUNK_BYTES])))
def test_chunks_keep_the_order_and_stay_within_their_size(sizes: list[int]) -> None:
    tensors = [torch.empty(size, dtype=torch.uint8, device="meta") for size in sizes]
    chunks = list(in_chunks(tensors))
    assert [id(tensor) for chunk in chunks for tensor in chunk] == [id(tensor) for tensor in tensors]
    for chunk in chunks:
        assert len(chunk) == 1 or sum(tensor.nbytes for tensor in chunk) <= CHUNK_BYTES
    for one, after in pairwise(chunks):
        assert sum(tensor.nbytes for tensor in one) + after[0].nbytes > CHUNK_BYTES
