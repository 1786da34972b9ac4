"""Heads and margins: dtype by device against float64 loops with gradients by hand, block by block, at the edges."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from block_heads import Blocks, RoundsDown
from numpy.typing import NDArray
from third_party_margins import Everything
from torch import Tensor

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import CheckContext
from maskrec.losses.criteria import Focal
from maskrec.losses.heads.dense_head import Dense, reduce_logits
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.arcface import Arc, ArcFace
from maskrec.losses.margins.cosface import Cos, CosFace
from maskrec.losses.softmax import Softmax
from maskrec.losses.weighted_sum import WeightedSum

Floats = NDArray[np.float64]
CLASSES, SIZE, ROWS = 7, 5, 9
COUNTS = [3] * CLASSES
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
# loss and gradients: what a scale of 16 makes of the type's precision
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}


def batch(dtype: torch.dtype = torch.float64, device: str = "cpu", seed: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(ROWS, SIZE, generator=generator, dtype=torch.float64) * 2
    labels = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    return embeddings.to(device, dtype).requires_grad_(), labels.to(device)


def margin_softmax(margin: Any, seed: int = 0, **options: Any) -> MarginSoftmax:
    torch.manual_seed(seed)
    options = {"scale": 16.0, **options}
    if isinstance(head := options.get("head"), type):
        options["head"] = head(SIZE, CLASSES)
    return MarginSoftmax(SIZE, CLASSES, COUNTS, margin, **options).double()


def by_hand(
    rows: Floats, centres: Floats, labels: list[int], scale: float, arc: float, cos: float, gamma: float
) -> tuple[float, Floats, Floats]:
    """Loss and gradients of rows and centres, from the papers' formulas and the chain rule, one cosine at a time."""
    total, d_rows, d_centres = 0.0, np.zeros_like(rows), np.zeros_like(centres)
    for i, label in enumerate(labels):
        lengths = np.array([math.sqrt(w @ w) for w in centres])
        length = math.sqrt(rows[i] @ rows[i])
        cosines = np.array([rows[i] @ w / (length * n) for w, n in zip(centres, lengths, strict=True)])
        theta = math.acos(cosines[label])
        turned = theta < math.pi - arc
        own = (math.cos(theta + arc) if turned else cosines[label] - arc * math.sin(arc)) - cos
        slope = math.sin(theta + arc) / math.sin(theta) if turned else 1.0
        logits = scale * cosines
        logits[label] = scale * own
        top = max(logits)
        shares = np.array([math.exp(z - top) for z in logits]) / sum(math.exp(z - top) for z in logits)
        entropy = -math.log(shares[label])
        p, doubt = shares[label], 1 - shares[label]
        total += doubt**gamma * entropy
        # d loss / d entropy: doubt' = p, so gamma doubt^(gamma - 1) p entropy + doubt^gamma
        outer = (gamma * doubt ** (gamma - 1) * p * entropy if gamma else 0.0) + doubt**gamma
        for j, share in enumerate(shares):
            by_cosine = outer * scale * ((share - 1) * slope if j == label else share)
            d_rows[i] += by_cosine * (centres[j] / (length * lengths[j]) - cosines[j] * rows[i] / length**2)
            d_centres[j] += by_cosine * (rows[i] / (length * lengths[j]) - cosines[j] * centres[j] / lengths[j] ** 2)
    return total / len(labels), d_rows / len(labels), d_centres / len(labels)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("margin", [Arc(0.4), Arc(1.5), Cos(0.35), Arc(0.0)], ids=["arc", "wide", "cos", "none"])
def test_loss_and_gradients_by_hand(margin: Any, gamma: float, dtype: torch.dtype, device: str) -> None:
    loss = margin_softmax(margin, criterion=Focal(gamma)).to(device, dtype)
    embeddings, labels = batch(dtype, device)
    value = loss(embeddings, labels)
    value.backward()
    arc, cos = (margin.margin, 0.0) if isinstance(margin, Arc) else (0.0, margin.margin)
    rows, centres = (each.detach().double().cpu().numpy() for each in (embeddings, loss.head.weight))
    expected, d_rows, d_centres = by_hand(rows, centres, labels.tolist(), 16.0, arc, cos, gamma)
    assert value.dtype is dtype
    assert value.item() == pytest.approx(expected, rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])
    for got, known in ((embeddings.grad, d_rows), (loss.head.weight.grad, d_centres)):
        np.testing.assert_allclose(got.double().cpu().numpy(), known, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("reduction", ["logsumexp", "softplus_sum"])
def test_reductions_are_their_formulas_and_have_their_gradients(reduction: Any) -> None:
    torch.manual_seed(1)
    logits = (torch.randn(6, 5, dtype=torch.float64) * 30).requires_grad_()
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    target, reduced = reduce_logits(logits.detach(), labels, reduction)
    for i, row in enumerate(logits.tolist()):
        own, others = row[labels[i]], [z for j, z in enumerate(row) if j != labels[i]]
        if reduction == "softplus_sum":
            known = sum(max(z, 0) + math.log1p(math.exp(-abs(z))) for z in (-own, *others))
        else:
            known = max(row) + math.log(sum(math.exp(z - max(row)) for z in row)) - own
        assert float((reduced - target)[i]) == pytest.approx(known, rel=1e-12, abs=1e-12)

    def entropies(rows: Tensor) -> Tensor:
        target, reduced = reduce_logits(rows, labels, reduction)
        return reduced - target

    assert torch.autograd.gradcheck(entropies, (logits.detach() / 30).requires_grad_())


def test_a_small_entropy_keeps_its_digits_at_a_large_scale() -> None:
    """In float32 a logsumexp of 64 less a target of 64 would be wrong by up to 4e-6."""
    others = torch.linspace(40, 52, 60)
    logits = torch.stack([torch.full_like(others, 63.9), others, others - 1], dim=1)
    target, logsumexp = reduce_logits(logits, torch.zeros(60, dtype=torch.int64), "logsumexp")
    exact = logits.double().logsumexp(1) - logits[:, 0].double()
    assert float((logsumexp - target - exact).abs().max()) < 2e-7
    assert float(((logits.logsumexp(1) - logits[:, 0]) - exact).abs().max()) > 1e-6, "so the test can fail"


@pytest.mark.parametrize("margin", [Arc(0.4), Cos(0.3), Everything()], ids=["arc", "cos", "everything"])
@pytest.mark.parametrize("criterion", ["cross_entropy", "focal"])
def test_a_head_that_goes_block_by_block_is_equal(margin: Any, criterion: Any) -> None:
    found = []
    for head in (Dense, Blocks):
        loss = margin_softmax(copy.deepcopy(margin), head=head, criterion=criterion)
        embeddings, labels = batch()
        value = loss(embeddings, labels)
        value.backward()
        found.append((value, embeddings.grad, loss.head.weight.grad, loss.state_dict()))
    for one, other in itertools.islice(zip(*found, strict=True), 3):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert found[0][3].keys() == found[1][3].keys()


def test_everything_a_margin_may_do_is_in_the_loss() -> None:
    """Hard negatives, softplus, the penalty beside class weights, the running mean: by loops."""
    torch.manual_seed(0)
    loss = MarginSoftmax(SIZE, 3, [1, 9, 30], Everything(0.2), scale=4.0, class_weights="log").double()
    embeddings = torch.randn(6, SIZE, dtype=torch.float64) * 2
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    raw = [1 / math.log1p(n) for n in (1, 9, 30)]
    rows, centres = embeddings.numpy(), loss.head.weight.detach().numpy()
    norms = [math.sqrt(row @ row) for row in rows]
    mean = 0.5 + 0.5 * sum(norms) / 6
    total = 0.0
    for row, norm, label in zip(rows, norms, labels.tolist(), strict=True):
        cosines = [row @ w / norm / math.sqrt(w @ w) for w in centres]
        own = cosines[label] - 0.2 * norm / mean
        logits = [4 * (c * 1.5 + 0.1 if c > own else c) for j, c in enumerate(cosines) if j != label]
        entropy = math.log1p(math.exp(-4 * own)) + sum(math.log1p(math.exp(z)) for z in logits)
        total += entropy * raw[label] * 3 / sum(raw) + 0.1 / norm
    assert loss(embeddings, labels).item() == pytest.approx(total / 6, rel=1e-12)
    assert loss.diagnostics()["margin/norm"] == pytest.approx(mean)
    assert set(loss.diagnostics()) == {"accuracy", "true_class_score", "margin/norm"}
    assert set(loss.state_dict()) == {"weight", "margin.mean"}


def test_several_centres_a_class_count_by_the_nearest() -> None:
    torch.manual_seed(2)
    head = Dense(SIZE, CLASSES, centres_per_class=3).double()
    loss = MarginSoftmax(SIZE, CLASSES, COUNTS, Arc(0.3), 8.0, head=head).double()
    embeddings, labels = batch()
    rows, centres = embeddings.detach().numpy(), head.weight.detach().numpy()
    total = 0.0
    for row, label in zip(rows, labels.tolist(), strict=True):
        cosines = [
            max(row @ w / math.sqrt(row @ row) / math.sqrt(w @ w) for w in centres[3 * c : 3 * c + 3])
            for c in range(CLASSES)
        ]
        logits = [8 * (math.cos(math.acos(c) + 0.3) if j == label else c) for j, c in enumerate(cosines)]
        total += math.log(sum(math.exp(z) for z in logits)) - logits[label]
    assert loss(embeddings, labels).item() == pytest.approx(total / ROWS, rel=1e-12)

    def value(rows: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(loss, {"head.weight": weight}, (rows, labels))

    assert torch.autograd.gradcheck(value, (embeddings, head.weight.detach().requires_grad_()))
    (problem,) = Dense.check({"centres_per_class": 0}, CheckContext())
    with pytest.raises(ValueError, match="centres_per_class must be at least 1, not 0") as error:
        Dense(SIZE, CLASSES, 0)
    assert str(error.value) == problem.message


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_a_head_that_rounds_below_the_target_gives_no_loss_below_0_and_keeps_its_gradient(
    gamma: float, dtype: torch.dtype
) -> None:
    values, gradients = [], []
    for head in (Dense, RoundsDown):
        loss = margin_softmax(Arc(0.0), head=head, criterion=Focal(gamma), scale=24.0).to(dtype)
        with torch.no_grad():
            loss.head.weight.copy_(torch.cat([torch.eye(SIZE), -torch.ones(2, SIZE)]))
        embeddings = (torch.eye(SIZE, dtype=dtype) + 0.01).requires_grad_()
        value = loss(embeddings, torch.arange(SIZE))
        value.backward()
        values.append(float(value.detach()))
        gradients.append(embeddings.grad)
    assert 0 <= values[0] < 1e-6
    assert values[1] == 0.0
    assert torch.isfinite(gradients[1]).all()
    if gamma == 0.0:
        assert torch.equal(gradients[1], gradients[0])
        assert gradients[0].any(), "tiny, and not 0"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("margin", [Arc(0.5), Arc(0.5, easy_margin=True), Cos(), Everything()])
@pytest.mark.parametrize("criterion", ["cross_entropy", "focal"])
def test_all_is_finite_on_a_centre_and_opposite_to_it(
    criterion: Any, margin: Any, sign: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    loss = MarginSoftmax(4, 3, [3] * 3, copy.deepcopy(margin), criterion=criterion)
    embeddings = (sign * loss.head.weight.detach()).to(dtype).requires_grad_()
    value = loss(embeddings, torch.arange(3))
    value.backward()
    assert value.isfinite()
    assert value >= 0
    assert embeddings.grad.isfinite().all()  # type: ignore[union-attr]
    assert loss.head.weight.grad.isfinite().all()


class Column:
    """Wrong: (B, 1) would broadcast against (B,)."""

    def __call__(self, values: Tensor, context: Any = None) -> Tensor:
        return values[:, None]


class Average(Column):
    def __call__(self, values: Tensor, context: Any = None) -> Tensor:
        return values.mean()


class BadPenalty(Cos):
    def penalty(self, context: Any) -> Tensor:
        return context.norms.mean()


class ColumnHead(Dense):
    def forward(self, embeddings: Tensor, labels: Tensor, margin: Any) -> tuple[Tensor, Tensor]:
        target, logsumexp = super().forward(embeddings, labels, margin)
        return target, logsumexp[:, None]


@pytest.mark.parametrize(
    ("name", "margin", "options"),
    [
        ("Column", Column(), {}),
        ("Average", Average(), {}),
        ("BadPenalty", BadPenalty(), {}),
        ("Average", Cos(), {"criterion": Average()}),
        ("Column", Cos(), {"criterion": Column()}),
        ("ColumnHead", Cos(), {"head": ColumnHead}),
    ],
)
def test_a_part_that_returns_another_shape_is_named(name: str, margin: Any, options: dict[str, Any]) -> None:
    loss = margin_softmax(margin, **options)
    with pytest.raises(MaskrecError, match=rf"^{name} returned a tensor of shape .*one number a sample, \(9,\)"):
        loss(*batch())


@pytest.mark.parametrize("make", [lambda: ArcFace(SIZE, 7, COUNTS), lambda: Softmax(SIZE, 7, COUNTS)])
def test_weights_are_saved_under_the_losses_own_names(make: Any) -> None:
    """A checkpoint from before there were heads has ``weight`` and ``bias``; alone and inside a sum."""
    loss, other = make(), make()
    state = loss.state_dict()
    assert set(state) == {name.removeprefix("head.") for name, _ in loss.named_parameters()}
    assert {"weight"} <= set(state) <= {"weight", "bias"}
    assert not torch.equal(loss.head.weight, other.head.weight)
    other.load_state_dict(dict(state))
    assert torch.equal(loss.head.weight, other.head.weight)
    assert set(state) <= {"weight", "bias"}, "the caller's dictionary is not touched"
    around = WeightedSum({"a": make()}, {"a": 1.0})
    assert set(around.state_dict()) == {f"parts.a.{name}" for name in state}
    around.load_state_dict({f"parts.a.{name}": value for name, value in state.items()})
    assert torch.equal(around.parts["a"].head.weight, loss.head.weight)  # type: ignore[union-attr]
    with pytest.raises(RuntimeError, match="weight"):
        other.load_state_dict({name: value for name, value in state.items() if name != "weight"})
    for copied in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(copied.state_dict()["weight"], state["weight"])


def test_several_centres_do_not_open_as_one() -> None:
    loss = margin_softmax(Arc(), head=Dense(SIZE, CLASSES, 2))
    with pytest.raises(RuntimeError, match="size mismatch"):
        margin_softmax(Arc()).load_state_dict(loss.state_dict())


def test_margins_out_of_range_are_one_sentence() -> None:
    for kind, margin in ((Arc, -0.1), (Arc, math.pi / 2), (Arc, math.nan), (Cos, 2.0), (Cos, -1.0), (Cos, math.nan)):
        (problem,) = kind.check({"margin": margin}, CheckContext())
        with pytest.raises(ValueError, match="margin is a") as error:
            kind(margin)
        assert str(error.value) == problem.message


def test_easy_margin_is_the_plain_cosine_beyond_90_degrees() -> None:
    cosines = torch.tensor([-0.9, -0.1, 0.1, 0.9], dtype=torch.float64)
    moved = Arc(0.3, easy_margin=True)(cosines, SimpleNamespace())  # type: ignore[arg-type]
    known = [-0.9, -0.1, math.cos(math.acos(0.1) + 0.3), math.cos(math.acos(0.9) + 0.3)]
    assert moved.tolist() == pytest.approx(known, rel=1e-14)


@pytest.mark.parametrize("kind", [ArcFace, CosFace, MarginSoftmax, Softmax])
def test_many_classes_are_noted_with_the_memory_that_another_head_saves(kind: Any) -> None:
    values: dict[str, Any] = {"scale": 64.0, "margin": 0.3, "criterion": "cross_entropy", "gamma": 2.0}
    values |= {"class_weights": "none", "beta": 0.999, "head": "dense"}
    few, many = (CheckContext({"num_classes": c, "embedding_size": 512}) for c in (99_999, 100_000))
    (note,) = kind.check(values, many)
    assert note.note
    assert note.path == "head"
    # 4 x 256 x 100,000 logits and 2 x 100,000 x 512 numbers of centres, 4 bytes each
    assert note.message.startswith("with 100,000 classes, head: chunked would save 0.8 GB of memory at a batch of 256")
    for given, context in (({}, few), ({}, CheckContext()), ({"head": "chunked"}, many), ({"head": "sharded"}, many)):
        assert list(kind.check({**values, **given}, context)) == []


def test_many_classes_are_noted_for_the_part_too() -> None:
    context = CheckContext({"num_classes": 200_000, "embedding_size": 512})
    (note,) = Dense.check({"centres_per_class": 3}, context)
    assert note.note
    assert "would save 3.3 GB" in note.message
    Dense(1, 100_000)  # a note is no error
