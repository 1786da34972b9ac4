"""Heads that go block by block: the numbers of the dense one with all gradients, and no tensor of batch x classes."""

from __future__ import annotations

import copy
import gc
import math
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from third_party_margins import Everything
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from maskrec.contracts.context import CheckContext
from maskrec.losses.heads.chunked_head import Chunked
from maskrec.losses.heads.class_centres import ClassCentres
from maskrec.losses.heads.dense_head import Dense
from maskrec.losses.heads.sampled_head import Sampled
from maskrec.losses.heads.sharded_head import Sharded
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.arcface import Arc
from maskrec.losses.margins.cosface import Cos
from maskrec.losses.softmax import Softmax

CLASSES, SIZE, ROWS = 7, 5, 9
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}
EXACT: list[tuple[Any, dict[str, Any]]] = [
    (Chunked, {"block": 3}),
    (Chunked, {"block": 1}),
    (Chunked, {}),
    (Sharded, {"block": 2}),
    (Sampled, {"share": 1.0, "block": 4}),
]


class Trained(nn.Module):
    """Hard negatives whose weights are trained, over logsumexp."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.unused = nn.Parameter(torch.tensor(0.3)), nn.Parameter(torch.tensor(1.0))

    def forward(self, target: Tensor, context: Any) -> Tensor:
        """Lowered by a trained margin."""
        return target - 0.5 * self.lift

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        """Those above the target grow, as in CurricularFace; all others depend on the target."""
        return torch.where(cosines > target[:, None], cosines * (self.lift + cosines), cosines + 0.1 * target[:, None])


class Constant(Cos):
    """A margin that gives the other classes a cosine which depends on nothing."""

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        return torch.full_like(cosines, 0.25)


MARGINS: dict[str, Any] = {
    "arc": Arc(0.4),
    "cos": Cos(0.3),
    "everything": Everything(),
    "trained": Trained(),
    "constant": Constant(0.1),
}


def batch(dtype: torch.dtype = torch.float64, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """One row shorter than SHORTEST, and a label twice at least."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(ROWS, SIZE, generator=generator, dtype=torch.float64) * 2
    rows[2] *= 1e-6
    labels = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    return rows.to(device, dtype).requires_grad_(), labels.to(device)


def made(kind: Any, margin: Any, each: int = 1, options: dict[str, Any] | None = None, **rest: Any) -> MarginSoftmax:
    torch.manual_seed(0)
    head = kind(SIZE, CLASSES, each, **(options or {}))
    with torch.no_grad():
        head.weight[1] *= 1e-6  # shorter than SHORTEST
    rest = {"scale": 8.0, **rest}
    return MarginSoftmax(SIZE, CLASSES, [1, 9, 30, 4, 2, 2, 2], copy.deepcopy(margin), head=head, **rest).double()


def everything_of(loss: nn.Module, rows: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Loss, gradients, buffers and diagnostics."""
    rows = rows.detach().clone().requires_grad_()
    value = loss(rows, labels)
    value.backward()
    assert rows.grad is not None
    found = {"loss": value.detach(), "rows": rows.grad}
    found |= {name: weight.grad for name, weight in loss.named_parameters() if weight.grad is not None}
    found |= dict(loss.named_buffers())
    said: Any = loss.diagnostics()  # type: ignore[operator]
    return found | {name: torch.as_tensor(number, dtype=value.dtype) for name, number in said.items()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 1e-12) -> None:
    assert one.keys() == other.keys()
    for name, known in one.items():
        torch.testing.assert_close(other[name], known, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize(("kind", "options"), EXACT, ids=lambda value: str(getattr(value, "__name__", value)))
@pytest.mark.parametrize("margin", MARGINS)
def test_equal_to_dense_with_every_gradient(margin: str, kind: Any, options: dict[str, Any]) -> None:
    rows, labels = batch()
    for each, learn, criterion in ((1, False, "cross_entropy"), (3, True, "focal")):
        rest: dict[str, Any] = {"learn_scale": learn, "criterion": criterion, "class_weights": "log"}
        dense = everything_of(made(Dense, MARGINS[margin], each, **rest), rows, labels)
        blocks = everything_of(made(kind, MARGINS[margin], each, options, **rest), rows, labels)
        assert_equal(dense, blocks)
        assert dense["head.weight"].abs().max() > 0
        assert ("learned_scale" in dense) == learn


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("head", ["chunked", "sharded"])
def test_plain_products_are_equal_to_dense(head: Any, bias: bool, dtype: torch.dtype, device: str) -> None:
    found = []
    for name in ("dense", head):
        torch.manual_seed(0)
        loss = Softmax(SIZE, CLASSES, [3] * CLASSES, bias, head=name)
        if name != "dense":
            loss.head.block = 2
        if bias:
            nn.init.normal_(loss.head.bias, generator=torch.Generator().manual_seed(1))
        found.append(everything_of(loss.to(device, dtype), *batch(dtype, device)))
    assert_equal(*found, TOLERANCE[dtype])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Chunked, Sharded])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_loss_of_other_weights_than_the_embeddings_type_is_equal_too(dtype: torch.dtype, kind: Any) -> None:
    rows, labels = batch()
    found = [everything_of(made(each, Arc(0.4)).to(dtype), rows, labels) for each in (Dense, kind)]
    assert found[1]["loss"].dtype == torch.float64
    assert found[1]["head.weight"].dtype == dtype
    assert_equal(found[0], found[1], 1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("margin", ["arc", "everything", "trained"])
@pytest.mark.parametrize("each", [1, 2])
def test_gradcheck(margin: str, each: int) -> None:
    """Of all but a margin's weights: ``functional_call`` has put these back before the backward pass."""
    loss = made(Chunked, MARGINS[margin], each, {"block": 3}, scale=4.0, learn_scale=True).eval()
    rows, labels = torch.randn(4, SIZE, dtype=torch.float64, requires_grad=True), torch.tensor([0, 3, 6, 3])
    named = {name: weight for name, weight in loss.named_parameters() if not name.startswith("margin")}
    names, weights = list(named), [weight.detach().clone().requires_grad_() for weight in named.values()]
    with torch.no_grad():
        weights[names.index("head.weight")][1] *= 1e6  # numeric differences need a centre of usual length

    def value(rows: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(loss, dict(zip(names, weights, strict=True)), (rows, labels))

    assert torch.autograd.gradcheck(value, (rows, *weights), fast_mode=True)


class Sizes(TorchDispatchMode):
    """Elements of every tensor that an operation makes, but for views of ``left_out`` and what has its very shape."""

    def __init__(self, left_out: Tensor) -> None:
        super().__init__()
        self.left_out, self.of_its_shape, self.largest = left_out, set[int](), 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in self._tensors(made):
            whole = tensor.untyped_storage().nbytes() // tensor.element_size()
            if tensor.shape == self.left_out.shape:
                self.of_its_shape.add(tensor.untyped_storage().data_ptr())
            elif whole != self.left_out.numel():  # neither a part of the centres nor of their gradient
                self.largest = max(self.largest, tensor.numel())
        return made

    def _tensors(self, made: Any) -> Iterator[Tensor]:
        if isinstance(made, Tensor):
            yield made
        elif isinstance(made, (list, tuple)):
            for each in made:
                yield from self._tensors(each)


def sizes_of_a_step(head: ClassCentres, margin: Any, rows: int = 16) -> Sizes:
    """Of forward, backward and a step of SGD with momentum."""
    counts = [3] * head.num_classes
    loss = MarginSoftmax(head.embedding_size, head.num_classes, counts, copy.deepcopy(margin), 8.0, head=head)
    optimizer = torch.optim.SGD(loss.parameters(), 0.1, momentum=0.9, foreach=False)
    embeddings = torch.randn(rows, head.embedding_size).requires_grad_()
    labels = torch.arange(rows) % head.num_classes
    with Sizes(head.weight) as sizes:
        loss(embeddings, labels).backward()
        optimizer.step()
        loss.diagnostics()
    assert embeddings.grad is not None
    return sizes


@pytest.mark.parametrize(("kind", "options"), [(Chunked, {}), (Sharded, {}), (Sampled, {"share": 0.5})])
@pytest.mark.parametrize("margin", ["arc", "everything", "trained"])
def test_no_tensor_is_larger_than_batch_times_block(margin: str, kind: Any, options: dict[str, Any]) -> None:
    classes, rows = 1000, 16
    for each, block in ((1, 64), (2, 128)):
        head = kind(8, classes, each, block=block, **options)
        assert 0 < sizes_of_a_step(head, MARGINS[margin], rows).largest <= rows * block < rows * classes
    assert sizes_of_a_step(Dense(8, classes), MARGINS[margin], rows).largest == rows * classes, "so the test can fail"


def test_the_centres_have_one_gradient_and_no_copy() -> None:
    """Beside the centres: their gradient and the momentum."""
    assert len(sizes_of_a_step(Chunked(8, 1000, block=64), Arc()).of_its_shape - {0}) <= 2 + 1
    assert len(sizes_of_a_step(Dense(8, 1000), Arc()).of_its_shape - {0}) > 3, "normalised centres, and more"


class Products(TorchDispatchMode):
    """Multiplications of all products of two matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.multiplications = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        if name in ("mm", "addmm", "addmm_"):
            left, right = args[-2:]
            self.multiplications += left.numel() * right.shape[1]
        return function(*args, **(kwargs or {}))


def test_four_products_of_matrices() -> None:
    """Of ``B * C * d`` multiplications each: one forward, three backward."""
    for kind, count in ((Chunked, 4), (Dense, 3)):
        loss = MarginSoftmax(64, 500, [3] * 500, Arc(), head=kind(64, 500))
        if kind is Chunked:
            loss.head.block = 99
        rows = torch.randn(4, 64).requires_grad_()
        with Products() as products:
            loss(rows, torch.arange(4)).backward()
        assert products.multiplications == count * 4 * 500 * 64


def test_backward_may_be_asked_for_again_and_for_a_part() -> None:
    rows, labels = batch()
    loss = made(Chunked, Trained(), options={"block": 3})
    value = loss(rows, labels)
    weights = [rows, loss.head.weight, loss.margin.lift]  # type: ignore[union-attr,list-item]
    first = torch.autograd.grad(value, weights, retain_graph=True)
    (only,) = torch.autograd.grad(value, [rows], retain_graph=True)
    again = torch.autograd.grad(value, weights)
    assert torch.equal(only, first[0])
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)


def test_true_scores_alone_have_their_gradient() -> None:
    head = Chunked(SIZE, CLASSES).double()
    rows, labels = torch.randn(3, SIZE, dtype=torch.float64), torch.tensor([0, 3, 3])
    torch.use_deterministic_algorithms(True)  # which fills memory that nobody has written with NaN
    try:
        head.reduction(rows, labels, cosines=False).true.sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    known = torch.zeros_like(head.weight).index_add_(0, labels, rows)
    torch.testing.assert_close(head.weight.grad, known)


def test_nothing_of_a_step_is_kept_when_its_loss_is_gone() -> None:
    """Without the garbage collector: a circle of references would keep a step's memory for a while."""
    head = Chunked(SIZE, CLASSES).double()
    rows, labels = batch()
    gc.disable()
    try:
        way = head.reduction(rows, labels, cosines=False)
        kept = weakref.ref(way._shared.blocks)
        others, _ = way.others(None, way.true)
        (others - way.true).sum().backward()
        del way, others
        assert kept() is None
    finally:
        gc.enable()


def test_weights_that_change_before_the_backward_pass_are_an_error() -> None:
    loss = made(Chunked, Arc())
    value = loss(*batch())
    with torch.no_grad():
        loss.head.weight.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_centres_that_are_not_trained_and_embeddings_that_are_not() -> None:
    rows, labels = batch()
    whole = everything_of(made(Chunked, Arc()), rows, labels)
    frozen = made(Chunked, Arc())
    frozen.head.weight.requires_grad_(False)
    without = everything_of(frozen, rows, labels)
    assert "head.weight" not in without
    assert torch.equal(without["rows"], whole["rows"])
    loss = made(Chunked, Arc())
    loss(rows.detach(), labels).backward()
    assert torch.equal(loss.head.weight.grad, whole["head.weight"])
    with torch.no_grad():
        assert torch.equal(loss(rows, labels), whole["loss"])


def test_autocast_around_the_backward_pass_changes_nothing() -> None:
    rows, labels = batch(torch.float32)
    found = []
    for enabled in (False, True):
        loss = made(Chunked, Trained(), options={"block": 3}).float()
        copied = rows.detach().clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss(copied, labels).backward()
        found.append((copied.grad, loss.head.weight.grad, loss.margin.lift.grad))  # type: ignore[union-attr]
    for plain, cast in zip(*found, strict=True):
        assert torch.equal(plain, cast)


@pytest.mark.parametrize("kind", [Chunked, Sharded, Sampled])
def test_a_batch_of_nothing_and_a_single_class(kind: Any) -> None:
    loss = made(kind, Arc())
    rows = torch.zeros(0, SIZE, dtype=torch.float64, requires_grad=True)
    value = loss(rows, torch.zeros(0, dtype=torch.int64))
    value.backward()
    assert float(value.detach()) == 0.0
    assert float(loss.head.weight.grad.abs().max()) == 0.0
    for margin in (Arc(), Trained()):
        one = MarginSoftmax(SIZE, 1, [3], margin, head=kind(SIZE, 1))
        rows = torch.randn(4, SIZE).requires_grad_()
        value = one(rows, torch.zeros(4, dtype=torch.int64))
        value.backward()
        assert float(value.detach()) == 0.0
        assert float(rows.grad.abs().max()) == 0.0  # type: ignore[union-attr]
        assert float(one.diagnostics()["accuracy"]) == 1.0


def test_a_small_entropy_keeps_its_digits_at_a_large_scale() -> None:
    """In float32, where a logsumexp of 64 less a target of 64 would be wrong by up to 4e-6."""
    torch.manual_seed(1)
    head = Chunked(64, 200, block=30)
    with torch.no_grad():
        head.weight.copy_(nn.functional.normalize(head.weight))
    rows = nn.functional.normalize(head.weight.detach()[:50] + 0.02 * torch.randn(50, 64))
    loss = MarginSoftmax(64, 200, [3] * 200, Cos(0.0), 24.0, criterion=lambda entropy: entropy, head=head)
    exact = copy.deepcopy(loss).double()(rows.double(), torch.arange(50))
    assert 0 < float(exact.detach()) < 1e-3
    assert float(loss(rows, torch.arange(50)).detach()) == pytest.approx(float(exact.detach()), rel=1e-5)


def test_classes_that_tie_with_the_true_one_are_not_right() -> None:
    for kind, options in [(Dense, {}), *EXACT]:
        loss = made(kind, Cos(), options=options)
        with torch.no_grad():
            loss.head.weight.copy_(torch.ones(CLASSES, SIZE))
        loss(torch.ones(3, SIZE, dtype=torch.float64), torch.tensor([0, 1, 2]))
        assert float(loss.diagnostics()["accuracy"]) == 0.0
        assert float(loss.diagnostics()["true_class_score"]) == pytest.approx(1.0)


LENGTHS = st.sampled_from([0.0, 1e-30, 1e-6, 1e-4, 0.5, 1.0, 3.0, 1e6])


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(LENGTHS, min_size=1, max_size=5),
    centres=st.lists(LENGTHS, min_size=1, max_size=6),
    seed=st.integers(0, 10**6),
    block=st.integers(1, 7),
    same=st.booleans(),
    margin=st.sampled_from(sorted(MARGINS)),
)
def test_any_rows_and_centres_are_as_dense(
    lengths: list[float], centres: list[float], seed: int, block: int, same: bool, margin: str
) -> None:
    """Of zeros, too short, long or equal rows; one row, one class."""
    if min(lengths) < 1e-6 and margin == "everything":
        margin = "trained"  # the other one's penalty is 0.1 / length
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(len(lengths), 4, generator=generator, dtype=torch.float64)
    rows = (rows[:1].expand_as(rows) if same else rows) * torch.tensor(lengths, dtype=torch.float64)[:, None]
    weight = torch.randn(len(centres), 4, generator=generator, dtype=torch.float64)
    weight = (weight[:1].expand_as(weight) if same else weight) * torch.tensor(centres, dtype=torch.float64)[:, None]
    labels = torch.randint(0, len(centres), (len(lengths),), generator=generator)
    found = []
    for head in (Dense(4, len(centres)), Chunked(4, len(centres), block=block)):
        with torch.no_grad():
            head.weight.copy_(weight)
        loss = MarginSoftmax(4, len(centres), [3] * len(centres), copy.deepcopy(MARGINS[margin]), 8.0, head=head)
        loss.double().head.weight.data.copy_(weight)
        made = everything_of(loss, rows, labels)
        made.pop("accuracy")  # of cosines that are equal but for rounding
        found.append(made)
    for name, known in found[0].items():
        torch.testing.assert_close(found[1][name], known, rtol=1e-9, atol=1e-9 * max(1.0, float(known.abs().max())))


def test_another_head_opens_the_same_weights() -> None:
    state = made(Dense, Arc(), 2).state_dict()
    for kind, options in EXACT:
        loss = made(kind, Arc(), 2, options)
        loss.load_state_dict(state)
        assert torch.equal(loss.head.weight, state["weight"])


def held(first: int, end: int) -> type[ClassCentres]:
    """Centres of a process that holds these classes."""
    return type("Held", (ClassCentres,), {"held_classes": lambda self: (first, end)})


@pytest.mark.parametrize("init", ["xavier", "unit"])
def test_a_shard_begins_as_its_rows_of_the_whole(init: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from maskrec.losses.heads import class_centres

    torch.manual_seed(4)
    whole = Sharded(SIZE, 100, 2, init).weight.detach()
    torch.manual_seed(4)
    dense = Dense(SIZE, 100, 2, init).weight.detach()
    assert init == "unit" or torch.equal(dense, whole)
    monkeypatch.setattr(class_centres, "DRAWN_TOGETHER", 33 * SIZE)
    drawn = []
    for first, end in ((0, 31), (31, 100)):
        torch.manual_seed(4)
        drawn.append(held(first, end)(SIZE, 100, 2, init).weight.detach())
        assert drawn[-1].shape == (2 * (end - first), SIZE)
    torch.manual_seed(4)
    assert torch.equal(torch.cat(drawn), held(0, 100)(SIZE, 100, 2, init).weight)
    assert init == "unit" or torch.equal(torch.cat(drawn), dense)
    assert 0.9 < float(torch.cat(drawn).std() / whole.std()) < 1.1


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (Chunked, {"block": 0}, "block must be at least 1, not 0"),
        (Chunked, {"centres_per_class": 0}, "centres_per_class must be at least 1, not 0"),
        (Sharded, {"block": -3}, "block must be at least 1, not -3"),
        (Sampled, {"share": 0.0}, "share must be above 0 and at most 1, not 0.0"),
        (Sampled, {"share": 1.5}, "share must be above 0 and at most 1, not 1.5"),
        (Sampled, {"share": math.nan}, "share must be above 0 and at most 1, not nan"),
        (Sampled, {"block": 0}, "block must be at least 1, not 0"),
    ],
)
def test_out_of_range_is_one_sentence(kind: Any, options: dict[str, Any], says: str) -> None:
    values = {"centres_per_class": 1, "block": 8, "share": 0.1, **options}
    (problem,) = kind.check(values, CheckContext())
    assert problem.message == says
    assert problem.path in options
    with pytest.raises(ValueError, match="must be") as error:
        kind(SIZE, CLASSES, **options)
    assert str(error.value) == says


def test_a_head_of_another_scope_is_refused() -> None:
    head = Dense(SIZE, CLASSES)
    head.scope = "global"  # type: ignore[assignment,misc]
    with pytest.raises(ValueError, match="the scope of Dense is 'global'; a head's must be 'sample' or 'sharded'"):
        MarginSoftmax(SIZE, CLASSES, [3] * CLASSES, Arc(), head=head)
    assert made(Sharded, Arc()).scope == "sample", "a mean over its samples, whoever has the centres"
