"""The loss against a plain float64 implementation, its gradients, its state, its declaration."""

from __future__ import annotations

import math
import pickle

import maskrec_example_loss
import numpy as np
import pytest
import torch
from maskrec_example_loss.curricularface import CurricularFace

from maskrec.contracts.context import CheckContext
from maskrec.plugin.signature import read_parameters


def plain_loss(embeddings, weights, labels, t, scale, margin):
    """Equations 5 to 8 by loops over samples and classes; ``t`` is the one after its update."""
    total = 0.0
    for row, label in zip(embeddings, labels, strict=True):
        cosines = [float(row @ w / (np.linalg.norm(row) * np.linalg.norm(w))) for w in weights]
        theta = math.acos(cosines[label])
        true = math.cos(theta + margin) if theta < math.pi - margin else cosines[label] - margin * math.sin(margin)
        logits = [
            scale * (true if k == label else cosine if cosine <= true else cosine * (t + cosine))
            for k, cosine in enumerate(cosines)
        ]
        top = max(logits)
        total += top + math.log(sum(math.exp(logit - top) for logit in logits)) - logits[label]
    return total / len(labels)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "margin"), [(64.0, 0.5), (8.0, 0.0), (16.0, 1.5)])
def test_it_is_the_papers_formula(seed, scale, margin):
    generator = torch.Generator().manual_seed(seed)
    loss = CurricularFace(6, 9, scale=scale, margin=margin, momentum=0.9).double()
    t = 0.0
    for _ in range(3):
        embeddings = torch.randn(12, 6, generator=generator, dtype=torch.float64) * 5
        labels = torch.randint(0, 9, (12,), generator=generator)
        weights = loss.weight.detach().numpy()
        rows = embeddings.numpy()
        cosines = [
            rows[i] @ weights[k] / (np.linalg.norm(rows[i]) * np.linalg.norm(weights[k])) for i, k in enumerate(labels)
        ]
        t = 0.9 * t + 0.1 * float(np.mean(cosines))
        value = loss(embeddings, labels).item()
        assert value == pytest.approx(plain_loss(rows, weights, labels.tolist(), t, scale, margin), rel=1e-9)
        assert loss.diagnostics() == {"t": pytest.approx(t, abs=1e-12)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_are_finite_where_an_embedding_lies_on_its_centre_or_opposite(dtype, sign):
    loss = CurricularFace(4, 3)
    embeddings = (sign * loss.weight.detach()).to(dtype).requires_grad_()
    value = loss(embeddings, torch.arange(3))
    value.backward()
    assert value.isfinite()
    assert value.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
    assert embeddings.grad.isfinite().all()
    assert loss.weight.grad.isfinite().all()


def test_autocast_changes_nothing():
    loss = CurricularFace(16, 5).eval()
    embeddings, labels = torch.randn(8, 16), torch.arange(8) % 5
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(embeddings, labels)
    assert inside.dtype is torch.float32
    assert inside == loss(embeddings, labels)


def test_evaluation_leaves_the_curriculum_alone_and_a_checkpoint_keeps_it():
    loss = CurricularFace(4, 3, momentum=0.5)
    embeddings, labels = torch.randn(6, 4), torch.arange(6) % 3
    loss(embeddings, labels)
    reached = loss.diagnostics()["t"]
    assert reached != 0
    loss.eval()(embeddings, labels)
    assert loss.diagnostics()["t"] == reached
    again = CurricularFace(4, 3, momentum=0.5)
    again.load_state_dict(loss.state_dict())
    assert again.train()(embeddings, labels) == loss.train()(embeddings, labels)


def test_it_pickles_for_worker_processes():
    loss = CurricularFace(4, 3)
    assert torch.equal(pickle.loads(pickle.dumps(loss)).weight, loss.weight)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("scale", 0.0), ("scale", math.inf), ("margin", -0.1), ("margin", 1.6), ("momentum", 1.0), ("margin", math.nan)],
)
def test_a_parameter_out_of_range_is_refused_in_the_same_words_by_check_and_constructor(parameter, value):
    values = {"scale": 64.0, "margin": 0.5, "momentum": 0.99, parameter: value}
    (problem,) = CurricularFace.check(values, CheckContext())
    assert problem.path == parameter
    with pytest.raises(ValueError, match=r"must be|is an angle") as raised:
        CurricularFace(4, 3, **{parameter: value})
    assert str(raised.value) == problem.message


def test_the_declaration_names_this_loss_and_its_parameters_are_all_annotated():
    (component,) = maskrec_example_loss.maskrec_losses()
    assert component.target == f"{CurricularFace.__module__}:{CurricularFace.__qualname__}"
    parameters = read_parameters(CurricularFace, "loss")
    assert {p.name: p.annotation for p in parameters if not p.given} == dict.fromkeys(
        ("scale", "margin", "momentum"), float
    )
    assert [p.name for p in parameters if p.given] == ["embedding_size", "num_classes"]
