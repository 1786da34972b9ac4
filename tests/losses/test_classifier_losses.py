"""arcface, cosface and softmax against plain loops in float64, and what must not change them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext
from maskrec.losses.criteria import Focal
from maskrec.losses.margins.arcface import ArcFace
from maskrec.losses.margins.cosface import CosFace
from maskrec.losses.softmax import Softmax

COUNTS = [1, 5, 40, 300]
LOSSES = [ArcFace, CosFace, Softmax]
FEW = settings(max_examples=25, deadline=None)


@torch.no_grad()
def number(loss: Any, embeddings: Tensor, labels: Tensor) -> float:
    return float(loss(embeddings, labels))


@torch.no_grad()
def by_loops(loss: Any, embeddings: Tensor, labels: Tensor) -> float:
    """The formulas of the papers, one sample and one class at a time."""
    weight = loss.head.weight.detach().double().numpy()
    counts = np.array(COUNTS, dtype=np.float64)
    total, weights = 0.0, []
    for row, label in zip(embeddings.detach().double().numpy(), labels.tolist(), strict=True):
        logits = []
        for c in range(len(weight)):
            if isinstance(loss, Softmax):
                logits.append(
                    float(row @ weight[c]) + (float(loss.head.bias[c]) if loss.head.bias is not None else 0.0)
                )
                continue
            cosine = float(row @ weight[c]) / math.sqrt(float(row @ row)) / math.sqrt(float(weight[c] @ weight[c]))
            cosine = max(-1.0, min(1.0, cosine))
            if c == label:
                cosine = margined(loss, cosine)
            logits.append(float(loss.learned_scale if loss.learned_scale is not None else loss.scale) * cosine)
        top = max(logits)
        entropy = math.log(sum(math.exp(z - top) for z in logits)) + top - logits[label]
        if isinstance(loss.criterion, Focal):
            entropy *= (1 - math.exp(-entropy)) ** loss.criterion.gamma
        weights.append(weight_of(loss, counts, label))
        total += entropy * weights[-1]
    return total / (sum(weights) if loss.norm == "batch" else len(labels))


def margined(loss: Any, cosine: float) -> float:
    margin = loss.margin.margin
    if isinstance(loss, CosFace):
        return cosine - margin
    theta = math.acos(cosine)
    if loss.margin.easy_margin:
        return math.cos(theta + margin) if theta < math.pi / 2 else cosine
    if theta < math.pi - margin:
        return math.cos(theta + margin)
    return cosine - margin * math.sin(margin)


def weight_of(loss: Any, counts: np.ndarray, label: int) -> float:
    if loss.wanted == "none":
        return 1.0
    raw = 1 / np.log(1 + counts) if loss.wanted == "log" else (1 - 0.99) / (1 - 0.99**counts)
    return float(raw[label] / (raw.sum() / len(counts)))


def made(kind: Any, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    if options.get("class_weights") == "effective_number":
        options["beta"] = 0.99
    loss = kind(embedding_size=6, num_classes=4, class_counts=COUNTS, **options).double()
    loss.wanted = options.get("class_weights", "none")
    if isinstance(loss, Softmax) and loss.head.bias is not None:
        torch.nn.init.normal_(loss.head.bias)
    return loss


def batch(seed: int, size: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(size, 6, generator=generator, dtype=torch.float64) * 3
    return embeddings, torch.randint(0, 4, (size,), generator=generator)


OPTIONS = [
    {},
    {"criterion": "focal"},
    {"criterion": "focal", "gamma": 0.5, "class_weights": "log"},
    {"class_weights": "effective_number"},
    {"criterion": "focal", "class_weights": "log", "class_weights_norm": "batch"},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", LOSSES)
def test_equals_the_papers_formulas(kind: Any, options: dict[str, Any]) -> None:
    for seed in range(5):
        loss = made(kind, seed, **options)
        embeddings, labels = batch(seed)
        assert number(loss, embeddings, labels) == pytest.approx(by_loops(loss, embeddings, labels), rel=1e-10)


@pytest.mark.parametrize("options", [{"scale": 45.0, "margin": 0.4}, {"margin": 1.5}, {"easy_margin": True}])
def test_arcface_margins_over_all_angles(options: dict[str, Any]) -> None:
    loss = made(ArcFace, **options)
    with torch.no_grad():
        loss.head.weight.zero_()
        loss.head.weight[:, :4] = torch.eye(4, dtype=torch.float64)
    angles = torch.linspace(0, math.pi, 40, dtype=torch.float64)
    embeddings = torch.zeros(40, 6, dtype=torch.float64)
    embeddings[:, 0], embeddings[:, 5] = angles.cos(), angles.sin()
    labels = torch.zeros(40, dtype=torch.int64)
    each = [number(loss, embeddings[i : i + 1], labels[:1]) for i in range(40)]
    # the sine is taken as constant within 1.5e-8 of 0 degrees: that much times the scale may differ
    for i, value in enumerate(each):
        assert value == pytest.approx(by_loops(loss, embeddings[i : i + 1], labels[:1]), rel=1e-9, abs=2e-6)
    if not options.get("easy_margin"):
        assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(each) if earlier > 0)


@pytest.mark.parametrize("kind", LOSSES)
@FEW
@given(seed=st.integers(0, 10**6), focal=st.booleans())
def test_order_of_the_batch_does_not_matter(kind: Any, seed: int, focal: bool) -> None:
    loss = made(kind, class_weights="log", criterion="focal" if focal else "cross_entropy")
    embeddings, labels = batch(seed)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    assert number(loss, embeddings[order], labels[order]) == pytest.approx(number(loss, embeddings, labels), rel=1e-12)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
@FEW
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3))
def test_length_of_embeddings_and_centres_does_not_matter(kind: Any, seed: int, factor: float) -> None:
    loss = made(kind)
    embeddings, labels = batch(seed)
    before = number(loss, embeddings, labels)
    assert number(loss, embeddings * factor, labels) == pytest.approx(before, rel=1e-10)
    with torch.no_grad():
        loss.head.weight.mul_(factor)
    assert number(loss, embeddings, labels) == pytest.approx(before, rel=1e-10)


@FEW
@given(seed=st.integers(0, 10**6), scale=st.floats(1, 64))
def test_margin_zero_is_a_softmax_over_scaled_cosines(seed: int, scale: float) -> None:
    embeddings, labels = batch(seed)
    arc, cos = (made(kind, 3, margin=0.0, scale=scale, init="unit") for kind in (ArcFace, CosFace))
    plain = made(Softmax, 3, bias=False)
    with torch.no_grad():
        plain.head.weight.copy_(torch.nn.functional.normalize(plain.head.weight))
        value = plain(torch.nn.functional.normalize(embeddings) * scale, labels)
    assert number(arc, embeddings, labels) == pytest.approx(float(value), rel=1e-9)
    assert number(cos, embeddings, labels) == pytest.approx(float(value), rel=1e-9)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
@FEW
@given(seed=st.integers(0, 10**6), margin=st.floats(0.01, 1.0))
def test_a_margin_never_makes_it_easier(kind: Any, seed: int, margin: float) -> None:
    embeddings, labels = batch(seed)
    assert number(made(kind, margin=margin), embeddings, labels) >= number(made(kind, margin=0.0), embeddings, labels)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", LOSSES)
def test_gradients(kind: Any, options: dict[str, Any]) -> None:
    loss = made(kind, **options, **({} if kind is Softmax else {"scale": 4.0}))
    embeddings, labels = batch(11, size=4)

    def value(rows: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(loss, {"head.weight": weight}, (rows, labels))

    assert torch.autograd.gradcheck(value, (embeddings.requires_grad_(), loss.head.weight.detach().requires_grad_()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("easy", [False, True])
@pytest.mark.parametrize("autocast", [False, True])
def test_known_fault_square_root_without_a_clamp_gives_nan_gradients(
    dtype: torch.dtype, easy: bool, autocast: bool
) -> None:
    """cos = 1 and cos = -1 exactly: sqrt(1 - cos^2) has no finite slope there."""
    loss = ArcFace(4, 2, [3, 3], margin=0.5, easy_margin=easy).to(dtype)
    with torch.no_grad():
        loss.head.weight.copy_(torch.eye(2, 4))
    embeddings = torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, -7.0, 0, 0]], dtype=dtype)
    embeddings.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = loss(embeddings, torch.tensor([0, 0, 1, 1]))
    value.backward()
    assert value.dtype == dtype
    assert torch.isfinite(value)
    assert torch.isfinite(embeddings.grad).all()
    assert torch.isfinite(loss.head.weight.grad).all()


@pytest.mark.parametrize("kind", LOSSES)
def test_known_fault_class_weights_cancelled_by_the_focal_criterion(kind: Any) -> None:
    """The rare class's gradient grows by exactly its weight, under either criterion, and nothing divides it out."""
    for criterion in ("cross_entropy", "focal"):
        gradients = {}
        for weighting in ("none", "log"):
            loss = made(kind, criterion=criterion, class_weights=weighting)
            embeddings, _ = batch(5, size=1)
            embeddings.requires_grad_()
            loss(embeddings, torch.tensor([0])).backward()
            gradients[weighting] = embeddings.grad
        raw = [1 / math.log(1 + n) for n in COUNTS]
        ratio = raw[0] / (sum(raw) / 4)
        assert ratio > 2
        torch.testing.assert_close(gradients["log"], gradients["none"] * ratio)


@pytest.mark.parametrize("kind", LOSSES)
def test_is_a_plain_mean_so_that_parts_add_up(kind: Any) -> None:
    loss = made(kind, class_weights="log", criterion="focal")
    embeddings, labels = batch(2, size=10)
    parts = 0.3 * loss(embeddings[:3], labels[:3]) + 0.7 * loss(embeddings[3:], labels[3:])
    assert float(parts.detach()) == pytest.approx(number(loss, embeddings, labels), rel=1e-12)
    assert loss.scope == "sample"
    assert number(loss, embeddings[:0], labels[:0]) == 0.0


@pytest.mark.parametrize("kind", LOSSES)
def test_autocast_computes_in_float32(kind: Any) -> None:
    loss = kind(embedding_size=6, num_classes=4, class_counts=COUNTS)
    embeddings, labels = batch(4)
    half = embeddings.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(half, labels)
    assert value.dtype == torch.float32
    assert float(value.detach()) == pytest.approx(number(loss.double(), half.double(), labels), rel=1e-5)


@pytest.mark.parametrize("kind", LOSSES)
def test_diagnostics_of_the_last_forward(kind: Any) -> None:
    loss = made(kind)
    assert loss.diagnostics() == {}
    embeddings = loss.head.weight.detach() * 5
    labels = torch.tensor([0, 1, 2, 0])
    loss(embeddings, labels)
    told = loss.diagnostics()
    scores = (loss.head.products if kind is Softmax else loss.head.cosines)(embeddings).detach()
    assert told["accuracy"] == pytest.approx(float((scores.argmax(1) == labels).double().mean()))
    assert told["true_class_score"] == pytest.approx(float(scores[range(4), labels].mean()))


BAD = [
    (ArcFace, {"margin": -0.1}, "margin"),
    (ArcFace, {"margin": math.pi / 2}, "margin"),
    (ArcFace, {"margin": math.nan}, "margin"),
    (ArcFace, {"scale": 0.0}, "scale"),
    (CosFace, {"scale": math.inf}, "scale"),
    (CosFace, {"margin": 2.0}, "margin"),
    (Softmax, {"criterion": "focal", "gamma": -1.0}, "gamma"),
    (ArcFace, {"gamma": 3.0}, "gamma"),
    (ArcFace, {"beta": 1.0, "class_weights": "effective_number"}, "beta"),
    (ArcFace, {"beta": 0.5}, "beta"),
    (ArcFace, {"class_weights": "log", "class_counts": [3, 0, 2, 0]}, "class_weights"),
    (CosFace, {"class_weights_norm": "batch"}, "class_weights_norm"),
]


@pytest.mark.parametrize(("kind", "options", "parameter"), BAD)
def test_a_wrong_parameter_is_one_sentence_in_check_and_constructor(
    kind: Any, options: dict[str, Any], parameter: str
) -> None:
    import inspect

    known = inspect.signature(kind).parameters
    values = {name: p.default for name, p in known.items() if p.default is not p.empty} | options
    counts = values.pop("class_counts", COUNTS)
    problems = list(kind.check(values, CheckContext({"class_counts": counts})))
    assert [problem.path for problem in problems] == [parameter]
    with pytest.raises(ValueError, match=parameter) as error:
        kind(embedding_size=6, num_classes=4, class_counts=counts, **{k: values[k] for k in options if k in values})
    assert str(error.value).startswith(problems[0].message)
    assert "\n" not in str(error.value)


def test_defaults_pass_check() -> None:
    for kind in LOSSES:
        loss = made(kind)
        values = {"scale": 64.0, "margin": 0.3, "criterion": "cross_entropy", "gamma": 2.0, "class_weights": "log"}
        assert not list(type(loss).check(values | {"beta": 0.999}, CheckContext({"class_counts": COUNTS})))
        assert not list(type(loss).check(values | {"beta": 0.999}, CheckContext()))


@pytest.mark.parametrize(
    ("embeddings", "labels", "says"),
    [
        (torch.zeros(2, 5), torch.tensor([0, 1]), "size 6 and got 5"),
        (torch.zeros(2, 6, 1), torch.tensor([0, 1]), "one vector an image"),
        (torch.zeros(2, 6, dtype=torch.int64), torch.tensor([0, 1]), "floating point"),
        (torch.ones(2, 6), torch.tensor([0, 4]), r"label 4 is outside \[0, 4\)"),
        (torch.ones(2, 6), torch.tensor([-1, 3]), r"label -1 is outside"),
        (torch.ones(2, 6), torch.tensor([0.0, 1.0]), "integer label"),
        (torch.ones(2, 6), torch.tensor([0]), "one integer label an embedding"),
    ],
)
def test_wrong_input_is_one_sentence(embeddings: Tensor, labels: Tensor, says: str) -> None:
    for kind in LOSSES:
        with pytest.raises(UsageError, match=says):
            kind(6, 4, COUNTS)(embeddings, labels)


def test_class_weights_follow_the_data_and_are_not_in_the_checkpoint() -> None:
    loss = ArcFace(6, 4, COUNTS, class_weights="log")
    assert set(loss.state_dict()) == {"weight"}
    assert float(loss.class_weights.mean()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="3 entries for 4 classes"):
        ArcFace(6, 4, [1, 2, 3])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_a_learned_scale_is_a_weight_that_begins_at_scale(kind: Any) -> None:
    loss, fixed = (made(kind, 3, scale=12.0, learn_scale=learned) for learned in (True, False))
    embeddings, labels = batch(3)
    assert number(loss, embeddings, labels) == number(fixed, embeddings, labels)
    assert set(loss.state_dict()) == {"weight", "learned_scale"}
    with torch.no_grad():
        loss.learned_scale.fill_(7.5)
    assert number(loss, embeddings, labels) == pytest.approx(by_loops(loss, embeddings, labels), rel=1e-10)
    assert loss.diagnostics()["scale"] == 7.5
    loss(embeddings, labels).backward()
    step = 1e-6
    with torch.no_grad():
        loss.learned_scale.fill_(7.5 + step)
        above = number(loss, embeddings, labels)
        loss.learned_scale.fill_(7.5 - step)
        slope = (above - number(loss, embeddings, labels)) / (2 * step)
    assert float(loss.learned_scale.grad) == pytest.approx(slope, rel=1e-5)


def test_a_learned_scale_below_its_floor_acts_as_the_floor_and_can_rise_again() -> None:
    embeddings, labels = made(ArcFace).head.weight.detach() * 2, torch.arange(4)
    for scale, floor in ((12.0, 1.0), (0.5, 0.5)):
        loss = made(ArcFace, scale=scale, margin=0.0, learn_scale=True)
        with torch.no_grad():
            loss.learned_scale.fill_(-3.0)
        assert loss.diagnostics()["scale"] == floor
        value = loss(embeddings, labels)
        value.backward()
        assert float(value.detach()) == number(made(ArcFace, scale=floor, margin=0.0), embeddings, labels)
        assert loss.learned_scale.grad < 0, "all faces are on their centres: a larger scale is better"


def test_known_start_of_class_centres() -> None:
    """``unit``: the draw of earlier versions; ``xavier``: torch's own, so of length 0.304 at 10,585 classes."""
    torch.manual_seed(7)
    known = torch.randn(40, 16) / 4
    torch.manual_seed(7)
    assert torch.equal(ArcFace(16, 40, [1] * 40, init="unit").head.weight, known)
    for kind in (ArcFace, CosFace):
        torch.manual_seed(7)
        found = kind(16, 40, [1] * 40).head.weight
        torch.manual_seed(7)
        expected = torch.empty(40, 16).uniform_(-math.sqrt(6 / 56), math.sqrt(6 / 56))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)
    many = ArcFace(512, 10_585, [1] * 10_585).head.weight.detach().norm(dim=1)
    assert float(many.mean()) == pytest.approx(0.304, abs=0.001)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_an_embedding_or_centre_without_a_direction_has_a_bounded_gradient(kind: Any) -> None:
    """Divided by 1e-12 instead of its length, it would be moved by about 1e13 at the next step."""
    loss = kind(embedding_size=8, num_classes=4, class_counts=COUNTS, scale=64.0)
    embeddings = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    embeddings[2] = 0.0
    embeddings.requires_grad_()
    with torch.no_grad():
        loss.head.weight[1] = 0.0
    loss(embeddings, torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    assert embeddings.grad is not None
    assert bool(embeddings.grad.isfinite().all())
    assert 0 < float(embeddings.grad[2].norm()) < 2 * 64  # such an embedding can still be trained
    assert float(loss.head.weight.grad.norm(dim=1).max()) < 2 * 64 / 1e-4
