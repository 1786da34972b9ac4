"""adaface, magface, curricularface, subcenter_arcface, elasticface, sphereface, combined_margin and uniface."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from face_batches import random_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_margin_losses import PAPERS, mean_of_papers_formula
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError
from maskrec.base.random import SeededDraws
from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.adaface import AdaFace, Adaptive
from maskrec.losses.margins.arcface import Arc, ArcFace, SubcenterArcFace
from maskrec.losses.margins.combined_margin import Combined, CombinedMargin, SphereFace
from maskrec.losses.margins.cosface import Cos, CosFace
from maskrec.losses.margins.curricularface import Curricular, CurricularFace
from maskrec.losses.margins.elasticface import Elastic, ElasticFace, larger_where_farther
from maskrec.losses.margins.magface import MagFace, Magnitude
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions
from maskrec.losses.margins.uniface import UniFace, Unified
from maskrec.plugin.signature import parameter_help, read_parameters

CLASSES, SIZE, ROWS = 5, 6, 9
COUNTS = [1, 5, 40, 300, 2]
LOSSES: dict[str, Any] = {
    "adaface": AdaFace,
    "magface": MagFace,
    "curricularface": CurricularFace,
    "subcenter_arcface": SubcenterArcFace,
    "elasticface": ElasticFace,
    "sphereface": SphereFace,
    "combined_margin": CombinedMargin,
    "uniface": UniFace,
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("adaface", {}),
    ("adaface", {"scale": 8.0, "margin": 0.9, "concentration": 4.0, "momentum": 0.3}),
    ("magface", {}),
    ("magface", {"scale": 8.0, "shortest": 5.0, "longest": 20.0, "least_margin": 0.0, "most_margin": 1.5, "pull": 3.0}),
    ("curricularface", {}),
    ("curricularface", {"scale": 8.0, "margin": 1.5, "momentum": 0.2}),
    ("subcenter_arcface", {}),
    ("subcenter_arcface", {"scale": 8.0, "margin": 1.2, "centres_per_class": 2}),
    ("elasticface", {}),
    ("elasticface", {"scale": 8.0, "margin": 0.35, "spread": 0.02, "on": "cosine"}),
    ("sphereface", {}),
    ("sphereface", {"scale": 8.0, "margin": 4.0}),
    ("combined_margin", {}),
    ("combined_margin", {"scale": 8.0, "m1": 2.5, "m2": 1.2, "m3": 0.4}),
    ("combined_margin", {"m1": 0.9, "m2": 0.4, "m3": 0.15}),
    ("uniface", {}),
    ("uniface", {"scale": 8.0, "margin": 0.1, "balance": 0.4}),
]
IDS = [f"{name}-{len(options)}" for name, options in CASES]
FEW = settings(max_examples=8, deadline=None)


def made(name: str, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    return LOSSES[name](SIZE, CLASSES, COUNTS, **options).double()


def batch(seed: int = 0, rows: int = ROWS) -> tuple[Tensor, Tensor]:
    """Lengths from about 3 to 40."""
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(rows, SIZE, generator=generator, dtype=torch.float64)
    embeddings *= torch.linspace(1, 15, rows, dtype=torch.float64)[:, None]
    return embeddings, torch.randint(0, CLASSES, (rows,), generator=generator)


def defaults(name: str) -> dict[str, Any]:
    known = inspect.signature(LOSSES[name]).parameters
    return {key: each.default for key, each in known.items() if each.default is not each.empty}


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_equals_the_papers_formula(name: str, options: dict[str, Any]) -> None:
    for seed in range(4):
        loss = made(name, seed, **options)
        rows, labels = batch(seed)
        drawn = SeededDraws(0, 0, "", torch.arange(ROWS)).normal("margin").double().tolist()
        centres = loss.head.weight.detach().numpy()
        if name == "uniface":
            loss.margin.bias.data.fill_(math.log(10 * CLASSES))  # which was rounded to float32
        expected = mean_of_papers_formula(name, rows.numpy(), centres, labels.tolist(), defaults(name) | options, drawn)
        assert loss(rows, labels).item() == pytest.approx(expected, rel=1e-9)


ALONE: list[tuple[str, dict[str, Any]]] = [
    ("adaface", {"concentration": 1e9}),  # every length counts as far from the mean: the others have no gradient
    ("magface", {"shortest": 0.5, "longest": 500.0, "pull": 3.0}),
    ("curricularface", {}),
    ("subcenter_arcface", {}),
    ("elasticface", {}),
    ("elasticface", {"on": "cosine", "margin": 0.35}),
    ("elasticface", {"ranked": True}),
    ("sphereface", {"margin": 3.0}),
    ("combined_margin", {"m1": 1.7}),
    ("uniface", {"balance": 0.7}),
]


@pytest.mark.parametrize(("name", "options"), ALONE, ids=[f"{name}-{list(options)}" for name, options in ALONE])
@pytest.mark.parametrize("head", ["dense", "chunked"])
def test_gradcheck(head: Any, name: str, options: dict[str, Any]) -> None:
    loss = made(name, **options, scale=4.0, head=head, learn_scale=True).eval()
    if head == "chunked":
        loss.head.block = 2
    named = {key: weight for key, weight in loss.named_parameters() if head == "dense" or not key.startswith("margin")}
    rows, labels = batch(2, 4)

    def value(rows: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(loss, dict(zip(named, weights, strict=True)), (rows, labels))

    weights = [weight.detach().clone().requires_grad_() for weight in named.values()]
    assert torch.autograd.gradcheck(value, (rows.requires_grad_(), *weights), fast_mode=True)


def everything_of(loss: nn.Module, rows: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Loss, gradients, buffers and diagnostics."""
    rows = rows.detach().clone().requires_grad_()
    value = loss(rows, labels)
    value.backward()
    assert rows.grad is not None
    found = {"loss": value.detach(), "rows": rows.grad}
    found |= {name: weight.grad for name, weight in loss.named_parameters() if weight.grad is not None}
    found |= {name: buffer.clone() for name, buffer in loss.named_buffers()}
    said: Any = loss.diagnostics()  # type: ignore[operator]
    return found | {name: torch.as_tensor(number, dtype=value.dtype) for name, number in said.items()}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("head", ["chunked", "sharded", "sampled"])
def test_every_head_gives_the_numbers_of_the_dense_one(head: Any, name: str) -> None:
    rows, labels = batch(3)
    shared: dict[str, Any] = {"scale": 8.0, "criterion": "focal", "class_weights": "log", "learn_scale": True}
    dense, other = made(name, **shared), made(name, head=head, **shared)
    other.head.block = 2
    if head == "sampled":
        other.head.share = 1.0
    known, found = everything_of(dense, rows, labels), everything_of(other, rows, labels)
    assert known.keys() == found.keys()
    for key in known:
        torch.testing.assert_close(found[key], known[key], rtol=1e-11, atol=1e-11, msg=key)


PARTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "adaface": (lambda: Adaptive(0.3, 0.5, 0.9), {"margin": 0.3, "concentration": 0.5, "momentum": 0.9}),
    "magface": (lambda: Magnitude(pull=2.0), {"pull": 2.0}),
    "curricularface": (lambda: Curricular(0.2, 0.5), {"margin": 0.2, "momentum": 0.5}),
    "elasticface": (lambda: Elastic(0.2, 0.1, "cosine"), {"margin": 0.2, "spread": 0.1, "on": "cosine"}),
    "sphereface": (lambda: Combined(2.0, 0.0, 0.0), {"margin": 2.0}),
    "combined_margin": (lambda: Combined(1.2, 0.1, 0.0), {"m1": 1.2, "m2": 0.1, "m3": 0.0}),
    "uniface": (lambda: Unified(CLASSES, 0.2, 16.0), {"margin": 0.2}),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_loss_is_margin_softmax_with_its_margin(name: str) -> None:
    part, options = PARTS[name]
    rows, labels = batch(1)
    torch.manual_seed(0)
    parts = MarginSoftmax(SIZE, CLASSES, COUNTS, part(), 16.0, criterion="focal", class_weights="log").double()
    whole = made(name, scale=16.0, criterion="focal", class_weights="log", **options)
    one, other = everything_of(whole, rows, labels), everything_of(parts, rows, labels)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert whole.state_dict().keys() == parts.state_dict().keys()


def target_of(margin: Any, angles: Tensor, length: float = 30.0) -> Tensor:
    """The cosine that counts for the true class, at these angles."""
    lengths, labels = torch.full_like(angles, length), torch.zeros(len(angles), dtype=torch.int64)
    draws = SeededDraws(1, 0, "", torch.arange(len(angles)))
    return margin(angles.cos(), MarginContext(lengths, labels, draws))


@pytest.mark.parametrize(
    "margin",
    [
        Arc(0.5),
        Arc(1.5),
        Magnitude(),
        Elastic(spread=0.0),
        Combined(),
        Combined(3.7, 1.0, 0.1),
        Combined(0.9, 0.4, 0.15),
        Combined(4.0, 0.0, 0.0),
        Unified(5),
        Cos(),
    ],
)
def test_a_larger_angle_never_counts_as_a_larger_cosine(margin: Any) -> None:
    angles = torch.linspace(0, math.pi, 400, dtype=torch.float64)
    values = target_of(margin, angles)
    assert all(later <= earlier + 1e-7 for earlier, later in itertools.pairwise(values.tolist()))
    assert (values <= angles.cos() + 1e-7).all() or isinstance(margin, Combined), "a margin makes it no easier"


def test_the_combined_margin_is_its_three_special_cases() -> None:
    angles = torch.linspace(0.001, math.pi - 0.5, 200, dtype=torch.float64)
    for one, other in (((1.0, 0.4, 0.0), Arc(0.4)), ((1.0, 0.0, 0.3), Cos(0.3))):
        torch.testing.assert_close(target_of(Combined(*one), angles), target_of(other, angles), rtol=0, atol=1e-12)
    whole = torch.linspace(0, math.pi, 50, dtype=torch.float64)
    # the sine is taken as constant within 1.5e-8 of 0 and 180 degrees
    torch.testing.assert_close(target_of(Combined(1.0, 0.0, 0.0), whole), whole.cos(), rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", LOSSES)
def test_all_is_finite_on_a_centre_and_opposite_to_it(name: str, sign: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    loss = LOSSES[name](SIZE, CLASSES, COUNTS, criterion="focal", gamma=1.0)
    each = len(loss.head.weight) // CLASSES
    embeddings = (sign * loss.head.weight.detach()[::each]).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        value = loss(embeddings, torch.arange(CLASSES))
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert value.isfinite()
    assert embeddings.grad is not None
    assert embeddings.grad.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in loss.parameters())


@pytest.mark.parametrize("name", LOSSES)
def test_embeddings_of_length_0_and_a_batch_of_one_identity(name: str) -> None:
    loss = made(name)
    embeddings, _ = batch(1)
    embeddings[0] = 0.0
    embeddings.requires_grad_()
    value = loss(embeddings, torch.ones(ROWS, dtype=torch.int64))
    value.backward()
    assert value.isfinite()
    assert embeddings.grad is not None
    assert embeddings.grad.isfinite().all()
    assert embeddings.grad.norm(dim=1).max() < 1e3


@pytest.mark.parametrize("name", LOSSES)
@FEW
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 12))
def test_order_of_the_batch_does_not_matter(name: str, seed: int, rows: int) -> None:
    loss = made(name).eval()
    embeddings, labels = batch(seed, rows)
    place = replace(random_batch(rows, size=8), positions=torch.arange(rows))
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    turned = replace(place, positions=order)
    value = loss(embeddings, labels, place).item()
    assert loss(embeddings[order], labels[order], turned).item() == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize("name", LOSSES)
def test_thirty_steps_on_blobs_lower_it(name: str) -> None:
    torch.manual_seed(0)
    loss = LOSSES[name](SIZE, CLASSES, COUNTS)
    labels = torch.arange(20) % CLASSES
    rows = (8 * torch.randn(CLASSES, SIZE)[labels] + torch.randn(20, SIZE)).requires_grad_()
    optimizer = torch.optim.SGD([rows, *loss.parameters()], lr=0.05, momentum=0.9)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = loss(rows, labels)
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.7 * values[0]


STATEFUL = {"adaface": {"margin.mean", "margin.spread"}, "curricularface": {"margin.t"}, "uniface": {"margin.bias"}}


@pytest.mark.parametrize("name", LOSSES)
def test_state_is_saved_and_training_goes_on_with_the_same_bits(name: str) -> None:
    loss = made(name)
    for seed in range(3):
        loss(*batch(seed)).backward()
        with torch.no_grad():
            for weight in loss.parameters():
                weight -= 0.1 * weight.grad
                weight.grad = None
    state = {key: value.clone() for key, value in loss.state_dict().items()}
    assert state.keys() == {"weight"} | STATEFUL.get(name, set())
    again = made(name, seed=9)
    fresh = again.state_dict()
    assert all(not torch.equal(state[key], fresh[key]) for key in state), "each of them moves"
    again.load_state_dict(state)
    one, other = everything_of(loss, *batch(7)), everything_of(again, *batch(7))
    assert all(torch.equal(one[key], other[key]) for key in one)
    kept = {key: value.clone() for key, value in loss.state_dict().items()}
    loss.eval()(*batch(8))
    assert all(torch.equal(loss.state_dict()[key], kept[key]) for key in kept), "evaluation moves nothing"


def test_adaface_moves_mean_and_spread_as_the_paper_says() -> None:
    loss = made("adaface", momentum=0.8)
    mean, spread = 20.0, 100.0
    for seed in range(3):
        rows, labels = batch(seed)
        loss(rows, labels)
        lengths = rows.norm(dim=1)
        mean, spread = 0.8 * mean + 0.2 * float(lengths.mean()), 0.8 * spread + 0.2 * float(lengths.std())
    told = loss.diagnostics()
    assert float(told["margin/mean"]) == pytest.approx(mean, rel=1e-12)
    assert float(told["margin/spread"]) == pytest.approx(spread, rel=1e-12)


def test_adaface_of_one_sample_moves_the_mean_only() -> None:
    loss = made("adaface", momentum=0.5)
    rows, labels = batch(0, 1)
    value = loss(rows.requires_grad_(), labels)
    value.backward()
    assert value.isfinite()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
    assert float(loss.margin.spread) == 100.0
    assert float(loss.margin.mean) == pytest.approx(0.5 * 20 + 0.5 * float(rows.detach().norm()))


def test_adaface_of_equal_lengths_stays_finite() -> None:
    loss = made("adaface", momentum=0.0)
    rows = (4 * torch.eye(CLASSES, SIZE, dtype=torch.float64)).requires_grad_()
    value = loss(rows, torch.arange(CLASSES))
    value.backward()
    assert (float(loss.margin.mean), float(loss.margin.spread)) == (4.0, 0.0)
    assert value.isfinite()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


@pytest.mark.parametrize(("mean", "z"), [(-1e9, 1.0), (1e9, -1.0)])
def test_adafaces_angle_is_held_between_0_and_180_degrees(mean: float, z: float) -> None:
    margin = Adaptive(0.7).double().eval()
    margin.mean.fill_(mean)
    angles = torch.linspace(0, math.pi, 60, dtype=torch.float64)
    known = [math.cos(max(0.0, min(math.pi, theta - 0.7 * z))) - 0.7 - 0.7 * z for theta in angles.tolist()]
    # the sine is taken as constant within 1.5e-8 of 0 and 180 degrees
    assert target_of(margin, angles).tolist() == pytest.approx(known, rel=0, abs=1e-7)


def test_adafaces_margin_has_no_gradient_by_the_length() -> None:
    rows, labels = batch(4)
    loss = made("adaface", concentration=0.5, momentum=0.1)
    loss(rows.requires_grad_(), labels).backward()
    assert rows.grad is not None
    along = (rows.grad * rows).detach().sum(dim=1).abs().max()
    assert float(along) < 1e-12 * float(rows.grad.norm() * rows.detach().norm())


def test_magfaces_lengths_out_of_bounds_count_as_the_bounds_and_are_told() -> None:
    loss = made("magface", shortest=10.0, longest=11.0, pull=5.0)
    rows, labels = batch(0)
    short, long = 9.9 / rows.norm(dim=1, keepdim=True), 11.5 / rows.norm(dim=1, keepdim=True)
    for factor, bound in ((short, 10.0), (long, 11.0)):
        moved = (rows * factor).requires_grad_()
        value = loss(moved, labels)
        value.backward()
        assert moved.grad is not None
        assert float((moved.grad * moved).sum(dim=1).abs().max()) < 1e-10, "no gradient by the length"
        held = loss(rows * bound / rows.norm(dim=1, keepdim=True), labels)
        assert float(value.detach()) == pytest.approx(float(held.detach()), rel=1e-9)
        loss(moved, labels)
        told = loss.diagnostics()
        assert told["margin/out_of_bounds"] == 1.0
        assert float(told["margin/length"]) == pytest.approx(float(moved.detach().norm(dim=1).mean()))
    inside = (rows * 10.5 / rows.norm(dim=1, keepdim=True)).requires_grad_()
    loss(inside, labels).backward()
    assert loss.diagnostics()["margin/out_of_bounds"] == 0.0
    assert inside.grad is not None
    assert float((inside.grad * inside).sum(dim=1).abs().min()) > 1e-3, "within them there is one"


def test_elastic_margins_are_those_drawn_and_held_in_range() -> None:
    labels = torch.zeros(2000, dtype=torch.int64)
    context = MarginContext(torch.ones(2000), labels, SeededDraws(3, 1, "loss", torch.arange(2000)))
    target = torch.zeros(2000, dtype=torch.float64)
    drawn = -Elastic(0.35, 0.05, "cosine")(target, context)
    assert float(drawn.mean()) == pytest.approx(0.35, abs=0.005)
    assert float(drawn.std()) == pytest.approx(0.05, abs=0.003)
    wide = -Elastic(0.1, 5.0, "cosine")(target, context)
    assert float(wide.min()) == 0.0
    assert float(wide.max()) == 2.0
    turned = Elastic(0.1, 5.0)(target, context)
    assert float(turned.max()) == pytest.approx(0.0, abs=1e-7)
    assert float(turned.min()) == pytest.approx(-1.0)
    assert torch.equal(Elastic(0.2, 0.0, "cosine")(target, context), target - 0.2)


@FEW
@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from([-1.0, -0.3, 0.2, 0.2, 0.9])), min_size=1, max_size=9))
def test_ranked_margins_are_the_same_ones_and_larger_where_farther(pairs: list[tuple[float, float]]) -> None:
    margins, cosines = (torch.tensor(each, dtype=torch.float64) for each in zip(*pairs, strict=True))
    dealt = larger_where_farther(margins, cosines)
    assert sorted(dealt.tolist()) == sorted(margins.tolist())
    for (one, c), (other, d) in itertools.combinations(zip(dealt.tolist(), cosines.tolist(), strict=True), 2):
        assert one >= other or c >= d
        assert one <= other or c <= d


def test_the_unified_threshold_begins_at_the_papers_and_is_told() -> None:
    loss = made("uniface", scale=32.0)
    assert set(dict(loss.named_parameters())) == {"head.weight", "margin.bias"}
    assert float(loss.diagnostics()["margin/threshold"]) == pytest.approx(math.log(10 * CLASSES) / 32)
    loss(*batch()).backward()
    assert float(loss.margin.bias.grad) != 0.0


class Weighs(Cos):
    """Wrong: there is no sum over other classes to weigh."""

    others_weight = 0.5


def test_other_classes_can_be_weighed_only_where_they_are_summed() -> None:
    loss = MarginSoftmax(SIZE, CLASSES, COUNTS, Weighs()).double()
    with pytest.raises(MaskrecError, match="Weighs has an others_weight, which needs reduction 'softplus_sum'"):
        loss(*batch())


BAD: list[tuple[str, str, Any]] = [
    ("adaface", "margin", -0.1),
    ("adaface", "margin", math.pi / 2),
    ("adaface", "concentration", 0.0),
    ("adaface", "concentration", math.inf),
    ("adaface", "momentum", 1.0),
    ("adaface", "momentum", math.nan),
    ("magface", "shortest", 0.0),
    ("magface", "shortest", math.nan),
    ("magface", "longest", 10.0),
    ("magface", "longest", math.inf),
    ("magface", "least_margin", -0.1),
    ("magface", "most_margin", 0.4),
    ("magface", "most_margin", 1.6),
    ("magface", "pull", -1.0),
    ("curricularface", "margin", 1.6),
    ("curricularface", "momentum", -0.1),
    ("subcenter_arcface", "margin", math.nan),
    ("subcenter_arcface", "centres_per_class", 0),
    ("elasticface", "margin", 1.6),
    ("elasticface", "spread", -0.01),
    ("elasticface", "spread", math.nan),
    ("sphereface", "margin", 0.9),
    ("sphereface", "margin", math.inf),
    ("combined_margin", "m1", 0.0),
    ("combined_margin", "m2", -0.1),
    ("combined_margin", "m3", 2.0),
    ("uniface", "margin", 2.0),
    ("uniface", "balance", 0.0),
    ("uniface", "scale", 0.0),
]


@pytest.mark.parametrize(("name", "parameter", "value"), BAD)
def test_a_parameter_out_of_range_is_one_sentence_in_check_and_constructor(
    name: str, parameter: str, value: Any
) -> None:
    values = defaults(name) | {parameter: value}
    (problem,) = LOSSES[name].check(values, CheckContext({"class_counts": COUNTS}))
    assert problem.path == parameter
    with pytest.raises(ValueError, match=parameter) as error:
        LOSSES[name](SIZE, CLASSES, COUNTS, **{parameter: value})
    assert str(error.value) == problem.message


@pytest.mark.parametrize("name", LOSSES)
def test_defaults_and_shared_options_are_checked(name: str) -> None:
    kind = LOSSES[name]
    context = CheckContext({"class_counts": COUNTS})
    assert not list(kind.check(defaults(name), context))
    shared: list[tuple[str, Any]] = [("gamma", 3.0), ("beta", 0.5), ("class_weights_norm", "batch"), ("scale", -1.0)]
    for parameter, value in shared:
        (problem,) = kind.check(defaults(name) | {parameter: value}, context)
        assert problem.path == parameter
    (note,) = kind.check(defaults(name), CheckContext({"num_classes": 10**6, "embedding_size": 512}))
    assert note.note


def test_an_elastic_margin_is_an_angle_or_a_cosine() -> None:
    assert not list(Elastic.check({"margin": 1.7, "spread": 0.1, "on": "cosine"}, CheckContext()))
    (problem,) = Elastic.check({"margin": 1.7, "spread": 0.1, "on": "angle"}, CheckContext())
    assert "an angle in radians" in problem.message


SHARED = {"criterion", "gamma", "class_weights", "beta", "class_weights_norm", "learn_scale", "init", "head"}


@pytest.mark.parametrize("kind", [ArcFace, CosFace, *LOSSES.values()])
def test_a_recipe_sees_own_and_shared_parameters_each_with_its_meaning(kind: Any) -> None:
    parameters = read_parameters(kind, "loss")
    helps = parameter_help(kind)
    names = {each.name for each in parameters if not each.given}
    assert names > SHARED | {"scale"}
    givens = {"embedding_size", "num_classes", "class_counts", "seed", "context"}
    assert {each.name for each in parameters if each.given} == givens
    assert all(helps[each.name] for each in parameters)
    assert all(each.annotation is not inspect.Parameter.empty for each in parameters)
    for parameter in parameters:
        assert parameter.annotation is not str or parameter.name not in SHARED


def test_the_shared_options_are_those_of_the_constructor() -> None:
    own = inspect.signature(NamedMarginLoss.__init__).parameters
    apart = {"self", "embedding_size", "num_classes", "class_counts", "margin", "scale", "centres_per_class"}
    assert set(SharedOptions.__annotations__) == set(own) - apart


def test_a_subclass_with_a_constructor_of_its_own_has_its_own_parameters() -> None:
    class Mine(ArcFace):
        def __init__(self, embedding_size: int, num_classes: int, class_counts: list[int], size: int = 3) -> None:
            super().__init__(embedding_size, num_classes, class_counts)

    class Plain(ArcFace):
        """As it is."""

    assert list(inspect.signature(Mine).parameters) == ["embedding_size", "num_classes", "class_counts", "size"]
    assert inspect.signature(Plain) == inspect.signature(ArcFace)


def test_a_copy_is_of_its_own() -> None:
    loss = made("adaface")
    copied = copy.deepcopy(loss)
    copied(*batch())
    assert float(loss.margin.mean) == 20.0
    assert set(PAPERS) == set(LOSSES), "every one has a form of its own"
