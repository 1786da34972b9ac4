"""The head with a share of the classes: which are drawn, by what, and the loss over them by loops."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from face_batches import random_batch
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.contracts.margin import MarginContext
from maskrec.losses.heads.sampled_head import SHARE, Sampled
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.arcface import ArcFace
from maskrec.losses.margins.cosface import Cos
from maskrec.losses.softmax import Softmax

CLASSES, SIZE = 200, 6


def context(labels: Tensor, first: int = 0, epoch: int = 0) -> MarginContext:
    positions = torch.arange(first, first + len(labels))
    return MarginContext(torch.ones(len(labels)), labels, SeededDraws(3, epoch, "loss", positions))


def made(**options: Any) -> MarginSoftmax:
    torch.manual_seed(0)
    return MarginSoftmax(SIZE, CLASSES, [3] * CLASSES, Cos(0.2), 8.0, head=Sampled(SIZE, CLASSES, **options)).double()


def test_all_of_the_batch_are_kept_and_others_drawn() -> None:
    head = Sampled(SIZE, CLASSES, share=0.1)
    labels = torch.tensor([7, 199, 0, 7])
    seen = torch.zeros(CLASSES, dtype=torch.int64)
    for step in range(400):
        chosen = head.chosen(context(labels, 4 * step))
        assert len(chosen) == 20
        assert torch.equal(chosen, chosen.unique()), "sorted, each once"
        assert set(labels.tolist()) <= set(chosen.tolist())
        seen[chosen] += 1
    others = seen[[label for label in range(CLASSES) if label not in (0, 7, 199)]].double()
    expected = 400 * 17 / 197
    assert int(seen[7]) == 400
    # each count is binomial: 5.7 standard deviations, of 197 counts
    assert float((others - expected).abs().max()) < 5.7 * math.sqrt(expected)
    assert float(others.var()) == pytest.approx(expected, rel=0.4), "not always the same ones"


def test_the_draw_belongs_to_the_batch_and_not_to_its_order() -> None:
    head = Sampled(SIZE, CLASSES, share=0.2)
    labels = torch.tensor([4, 3, 2, 1])
    whole = context(labels, 40)
    turned = torch.tensor([2, 0, 3, 1])
    draws = SeededDraws(3, 0, "loss", torch.arange(40, 44)[turned])
    assert torch.equal(head.chosen(whole), head.chosen(replace(whole, labels=labels[turned], draws=draws)))
    for other in (context(labels, 44), context(labels, 40, epoch=1)):
        assert not torch.equal(head.chosen(whole), head.chosen(other))


@pytest.mark.parametrize(("share", "count"), [(0.001, 8), (0.05, 10), (0.033, 8), (1.0, 200)])
def test_at_least_as_many_classes_as_the_batch_has_samples(share: float, count: int) -> None:
    chosen = Sampled(SIZE, CLASSES, share=share).chosen(context(torch.arange(8)))
    assert len(chosen) == count
    assert set(range(8)) <= set(chosen.tolist())
    assert len(Sampled(SIZE, 5, share=share).chosen(context(torch.arange(8) % 5))) == 5


@pytest.mark.parametrize("each", [1, 2])
def test_the_loss_is_that_of_the_chosen_classes_by_loops(each: int) -> None:
    loss = made(share=0.1, block=7, centres_per_class=each)
    where = replace(random_batch(5), positions=torch.arange(10, 15), epoch=2)
    rows = torch.randn(5, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    labels = torch.tensor([3, 9, 3, 150, 199])
    value = loss(rows, labels, where)
    value.backward()
    margin = loss.margin_for(rows, labels, where)
    chosen = loss.head.chosen(margin.context).tolist()  # type: ignore[operator]
    centres = loss.head.weight.detach().numpy().reshape(CLASSES, each, SIZE)
    total = 0.0
    for row, label in zip(rows.detach().numpy(), labels.tolist(), strict=True):
        logits = {}
        for c in chosen:
            cosine = max(row @ w / math.sqrt(row @ row) / math.sqrt(w @ w) for w in centres[c])
            logits[c] = 8 * (cosine - 0.2 * (c == label))
        total += math.log(sum(math.exp(z) for z in logits.values())) - logits[label]
    assert float(value.detach()) == pytest.approx(total / 5, rel=1e-12)
    moved = loss.head.weight.grad.view(CLASSES, -1).abs().sum(1).numpy()
    assert set(np.flatnonzero(moved).tolist()) == set(chosen)
    assert torch.equal(loss(rows, labels, where), value), "the same batch draws alike"


def test_a_named_loss_takes_it_and_a_plain_one_does_not() -> None:
    loss = ArcFace(SIZE, CLASSES, [3] * CLASSES, head="sampled")
    assert isinstance(loss.head, Sampled)
    assert loss.head.share == SHARE
    plain = Softmax(SIZE, CLASSES, [3] * CLASSES)
    plain.head = Sampled(SIZE, CLASSES)
    with pytest.raises(ValueError, match="sampled head draws by a margin's context"):
        plain(torch.randn(2, SIZE), torch.tensor([0, 1]))
