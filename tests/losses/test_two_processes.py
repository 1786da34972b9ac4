"""Two gloo processes with uneven parts compute what one computes: gradients of embeddings and centres."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from face_batches import random_batch
from third_party_margins import Everything, Jittered
from torch import Tensor, multiprocessing, nn

from maskrec.contracts.call_loss import call_loss
from maskrec.losses.center import Center
from maskrec.losses.circle import Circle
from maskrec.losses.heads.chunked_head import Chunked
from maskrec.losses.heads.dense_head import Dense
from maskrec.losses.heads.sampled_head import Sampled
from maskrec.losses.heads.sharded_head import Sharded
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.adaface import AdaFace
from maskrec.losses.margins.arcface import Arc, ArcFace, SubcenterArcFace
from maskrec.losses.margins.combined_margin import CombinedMargin
from maskrec.losses.margins.cosface import CosFace
from maskrec.losses.margins.curricularface import CurricularFace
from maskrec.losses.margins.elasticface import ElasticFace
from maskrec.losses.margins.magface import MagFace
from maskrec.losses.margins.uniface import UniFace
from maskrec.losses.softmax import Softmax
from maskrec.losses.triplets.cross_batch_memory import CrossBatchMemory
from maskrec.losses.triplets.triplet import Triplet
from maskrec.losses.weighted_sum import WeightedSum

CUT = 7
HEADS: dict[str, Callable[[], Any]] = {
    "dense": lambda: Dense(6, 40, 2),
    "chunked": lambda: Chunked(6, 40, 2, block=7),
    "sharded": lambda: Sharded(6, 40, 2, block=6),
    "sampled": lambda: Sampled(6, 40, 2, block=5, share=0.5),
}
MINERS = ("batch_hard", "semi_hard", "easy_positive", "batch_all", "batch_all_hard")


def remembered() -> CrossBatchMemory:
    """A memory that is in use, and full after the batch."""
    memory = CrossBatchMemory(6, size=9, start=1)
    memory.store(torch.randn(5, 6), torch.arange(5) % 4)
    return memory


def losses() -> dict[str, Any]:
    torch.manual_seed(0)
    heads: dict[str, Any] = {kind.__name__: kind(6, 4, [1, 9, 30, 4]) for kind in (CosFace, Softmax)}
    heads["arc"] = ArcFace(6, 4, [1, 9, 30, 4], criterion="focal", class_weights="log")
    weighted = {"class_weights": "log", "class_weights_norm": "batch", "learn_scale": True}
    heads["batch_norm"] = ArcFace(6, 4, [1, 9, 30, 4], scale=8.0, **weighted)  # type: ignore[arg-type]
    heads |= {miner: Triplet(miner=miner) for miner in MINERS}  # type: ignore[arg-type]
    heads |= {f"{miner}, memory": Triplet(miner=miner, memory=remembered()) for miner in MINERS}  # type: ignore[arg-type]
    sum_of_both = {"arc": ArcFace(6, 4, [1, 9, 30, 4], class_weights="log"), "tri": Triplet(miner="semi_hard")}
    heads["sum"] = WeightedSum(sum_of_both, {"arc": 0.3, "tri": 2.0})
    counts, torn = [3] * 40, {"criterion": "focal", "learn_scale": True, "seed": 3}
    for margin, (name, head) in itertools.product((Everything, Jittered, Arc), HEADS.items()):
        torch.manual_seed(1)
        heads[f"{margin.__name__}, {name}"] = MarginSoftmax(6, 40, counts, margin(), 8.0, head=head(), **torn)  # type: ignore[arg-type]
    heads["plain, sharded"] = Softmax(6, 40, counts, head="sharded")
    named: tuple[Any, ...] = (AdaFace, CurricularFace, ElasticFace, UniFace, MagFace, CombinedMargin, SubcenterArcFace)
    for kind, name in itertools.product(named, ("dense", "sharded")):
        torch.manual_seed(2)
        ranked = {"ranked": True} if kind is ElasticFace else {}
        heads[f"{kind.__name__}, {name}"] = kind(6, 40, counts, scale=8.0, head=name, seed=3, **ranked)
    heads |= {"circle": Circle(scale=16.0), "center": Center(6, 4)}
    return {name: head.double() for name, head in heads.items()}


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(12, 6, generator=generator, dtype=torch.float64), torch.arange(12) % 4


def gradients(loss: nn.Module, part: slice) -> tuple[Tensor, dict[str, Tensor]]:
    """Of the embeddings and of the weights, and the buffers beside these."""
    embeddings, labels = batch()
    rows = embeddings[part].clone().requires_grad_()
    where = replace(random_batch(len(rows)), positions=torch.arange(100, 112)[part])
    call_loss(loss, rows, labels[part], where).backward()
    assert rows.grad is not None
    found = {name: weight.grad for name, weight in loss.named_parameters() if weight.grad is not None}
    return rows.grad, {**found, **{name: buffer.double() for name, buffer in loss.named_buffers()}}


def worker(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    part = slice(0, CUT) if rank == 0 else slice(CUT, None)
    found = {name: gradients(loss, part) for name, loss in losses().items()}
    with pytest.raises(ValueError, match="1 classes cannot be split over 2 processes; use head: chunked"):
        Sharded(6, 1)
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for name, loss in losses().items():
        rows, weights = gradients(loss, slice(None))
        # averaging over processes halves what each embedding's own process computed
        shared = torch.cat([first[name][0], second[name][0]]) / 2
        torch.testing.assert_close(shared, rows, rtol=0, atol=1e-12, msg=name)
        assert weights.keys() == first[name][1].keys() == second[name][1].keys()
        for weight, one in weights.items():
            a, b = first[name][1][weight], second[name][1][weight]
            sharded = name.endswith("sharded") and weight.startswith("head.")
            both = torch.cat([a, b]) if sharded else a + b
            torch.testing.assert_close(both / 2, one, rtol=0, atol=1e-12, msg=f"{name}: {weight}")
            assert not sharded or len(a) == len(b) == len(one) // 2
    for name, buffer in (("AdaFace", "mean"), ("AdaFace", "spread"), ("CurricularFace", "t")):
        one, other = (each[f"{name}, sharded"][1][f"margin.{buffer}"] for each in (first, second))
        assert torch.equal(one, other), "the same on all processes"
    means = [each["Everything, dense"][1]["margin.mean"] for each in (first, second)]
    assert means[0] == means[1] != 1.0, "one running mean on all processes"
    for margin in ("Jittered", "Everything", "Arc"):
        rows, _ = gradients(losses()[f"{margin}, dense"], slice(None))
        for head, equal in (("chunked", True), ("sharded", True), ("sampled", False)):
            other, _ = gradients(losses()[f"{margin}, {head}"], slice(None))
            assert torch.allclose(other, rows, rtol=0, atol=1e-12) == equal, f"{margin}, {head}"
