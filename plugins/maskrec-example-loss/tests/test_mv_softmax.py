"""The loss against a plain float64 implementation, its gradients, its state, its declaration."""

from __future__ import annotations

import math
import pickle

import maskrec_example_loss
import numpy as np
import pytest
import torch
import torch.distributed as dist
from maskrec_example_loss.mv_softmax import Misclassified, MVSoftmax
from torch import multiprocessing

from maskrec.contracts.call_loss import call_loss
from maskrec.contracts.context import CheckContext
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.plugin.signature import read_parameters


def plain_loss(embeddings, weights, labels, scale, margin, weight):
    """The paper's equation by loops over samples and classes."""
    total = 0.0
    for row, label in zip(embeddings, labels, strict=True):
        cosines = [float(row @ w / (np.linalg.norm(row) * np.linalg.norm(w))) for w in weights]
        theta = math.acos(cosines[label])
        true = math.cos(theta + margin) if theta < math.pi - margin else cosines[label] - margin * math.sin(margin)
        others = 0.0
        for cosine in (cosine for k, cosine in enumerate(cosines) if k != label):
            mistaken = 1.0 if true - cosine < 0 else 0.0
            others += math.exp(scale * (weight - 1) * (cosine + 1) * mistaken) * math.exp(scale * cosine)
        total -= math.log(math.exp(scale * true) / (math.exp(scale * true) + others))
    return total / len(labels)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "margin", "weight"), [(64.0, 0.5, 1.2), (8.0, 0.0, 3.0), (16.0, 1.5, 1.0)])
def test_it_is_the_papers_formula(seed, scale, margin, weight):
    generator = torch.Generator().manual_seed(seed)
    loss = MVSoftmax(6, 9, [2] * 9, scale=scale, margin=margin, weight=weight).double()
    embeddings = torch.randn(12, 6, generator=generator, dtype=torch.float64) * 5
    labels = torch.randint(0, 9, (12,), generator=generator)
    weights = loss.head.weight.detach().numpy()
    expected = plain_loss(embeddings.numpy(), weights, labels.tolist(), scale, margin, weight)
    assert loss(embeddings, labels).item() == pytest.approx(expected, rel=1e-9)


def test_a_mistaken_class_counts_more_and_others_as_before():
    cosines = torch.tensor([[-0.9, 0.1, 0.3, 0.8]], dtype=torch.float64)
    moved = Misclassified(weight=1.5).hard(cosines, torch.tensor([0.3], dtype=torch.float64))
    torch.testing.assert_close(moved, torch.tensor([[-0.9, 0.1, 0.3, 1.7]], dtype=torch.float64))
    assert torch.equal(Misclassified(weight=1.0).hard(cosines, torch.zeros(1, dtype=torch.float64)), cosines)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_are_finite_where_an_embedding_lies_on_its_centre_or_opposite(dtype, sign):
    loss = MVSoftmax(4, 3, [2] * 3)
    embeddings = (sign * loss.head.weight.detach()).to(dtype).requires_grad_()
    value = loss(embeddings, torch.arange(3))
    value.backward()
    assert value.isfinite()
    assert value.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
    assert embeddings.grad.isfinite().all()
    assert loss.head.weight.grad.isfinite().all()


def test_autocast_changes_nothing():
    loss = MVSoftmax(16, 5, [2] * 5).eval()
    embeddings, labels = torch.randn(8, 16), torch.arange(8) % 5
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(embeddings, labels)
    assert inside.dtype is torch.float32
    assert inside == loss(embeddings, labels)


def test_it_pickles_for_worker_processes():
    loss = MVSoftmax(4, 3, [2] * 3)
    assert torch.equal(pickle.loads(pickle.dumps(loss)).head.weight, loss.head.weight)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("scale", 0.0), ("scale", math.inf), ("margin", -0.1), ("margin", 1.6), ("weight", 0.9), ("margin", math.nan)],
)
def test_a_parameter_out_of_range_is_refused_in_the_same_words_by_check_and_constructor(parameter, value):
    values = {"scale": 64.0, "margin": 0.5, "weight": 1.2, parameter: value}
    (problem,) = MVSoftmax.check(values, CheckContext())
    assert problem.path == parameter
    with pytest.raises(ValueError, match=r"must be|is an angle") as raised:
        MVSoftmax(4, 3, [2] * 3, **{parameter: value})
    assert str(raised.value) == problem.message


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_is_margin_softmax_with_the_margin(dtype):
    torch.manual_seed(0)
    embeddings, labels = torch.randn(7, 6, dtype=dtype), torch.arange(7) % 4
    torch.manual_seed(1)
    whole = MVSoftmax(6, 4, [3] * 4, scale=16.0, margin=0.3, weight=1.4).to(dtype)
    torch.manual_seed(1)
    parts = MarginSoftmax(6, 4, [3] * 4, Misclassified(0.3, 1.4), scale=16.0).to(dtype)
    assert torch.equal(whole(embeddings, labels), parts(embeddings, labels))
    assert set(whole.state_dict()) == {"weight"}


def worker(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.manual_seed(0)
    loss = MVSoftmax(6, 4, [3] * 4).double()
    embeddings, labels = torch.randn(9, 6, dtype=torch.float64), torch.arange(9) % 4
    part = slice(0, 7) if rank == 0 else slice(7, None)
    call_loss(loss, embeddings[part], labels[part]).backward()
    torch.save(loss.head.weight.grad, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_compute_the_same(tmp_path):
    multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    torch.manual_seed(0)
    loss = MVSoftmax(6, 4, [3] * 4).double()
    loss(torch.randn(9, 6, dtype=torch.float64), torch.arange(9) % 4).backward()
    torch.testing.assert_close((first + second) / 2, loss.head.weight.grad, rtol=0, atol=1e-12)


def test_the_declarations_name_these_and_all_parameters_are_annotated():
    (component,), (part,) = maskrec_example_loss.maskrec_losses(), maskrec_example_loss.maskrec_parts()
    assert component.target == f"{MVSoftmax.__module__}:{MVSoftmax.__qualname__}"
    assert part.target == f"{Misclassified.__module__}:{Misclassified.__qualname__}"
    assert part.part == "margin"
    parameters = read_parameters(MVSoftmax, "loss")
    assert {p.name: p.annotation for p in parameters if not p.given} == dict.fromkeys(
        ("scale", "margin", "weight"), float
    )
    assert [p.name for p in parameters if p.given] == ["embedding_size", "num_classes", "class_counts"]
