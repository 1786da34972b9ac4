"""The losses against independent forms and the library itself; their parameters, their state, their miners."""

from __future__ import annotations

import math
import pickle

import pytest

pytest.importorskip(
    "pytorch_metric_learning", reason="pytorch-metric-learning is not installed; run `make test-plugins`"
)

import torch
from maskrec_metric_learning import (
    cross_batch_memory,
    distances,
    losses,
    miners,
    offered,
    reducers,
    regularizers,
)
from pytorch_metric_learning import losses as library_losses
from torch.nn import functional as F

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.losses.margins.arcface import ArcFace
from maskrec.losses.triplets.mining import BatchHard
from maskrec.losses.triplets.triplet import Triplet
from maskrec.plugin.signature import EMPTY, read_parameters

GIVENS = {"num_classes": 5, "embedding_size": 8, "seed": 3, "context": Context(path="loss")}
REQUIRED = {"RankedListLoss": {"margin": 0.4, "Tn": 1.0}}
LABELS = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1])


def made(target, **options):
    """The component as a run builds it: givens and defaults filled in."""
    values = {}
    for info in read_parameters(target, "loss"):
        if info.given:
            values[info.name] = GIVENS[info.name]
        elif info.default is not EMPTY:
            values[info.name] = info.default
    return target(**{**values, **options})


def loss_of(name, **options):
    torch.manual_seed(1)
    row = next(row for row in offered.LOSSES if row.name == name)
    return made(getattr(losses, row.library), **{**REQUIRED.get(row.library, {}), **options}).double()


def batch(seed=0, size=12):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 8, generator=generator, dtype=torch.float64) * 3, LABELS[:size]


ALL = [row.name for row in offered.LOSSES]
PLAIN_MINERS = [row for row in offered.MINERS if offered.part_of_miner(row) == "miner"]


@pytest.mark.parametrize("name", ALL)
def test_a_loss_is_the_librarys_with_the_librarys_defaults(name):
    row = next(row for row in offered.LOSSES if row.name == name)
    embeddings, labels = batch()
    ours = loss_of(name)
    torch.manual_seed(1)
    takes = {"num_classes": 5, "embedding_size": 8} if row.sees == "classes" else {}
    if row.library == "P2SGradLoss":
        takes = {"descriptors_dim": 8, "num_classes": 5}
    theirs = getattr(library_losses, row.library)(**takes, **REQUIRED.get(row.library, {})).double()
    expected = theirs(embeddings, labels).reshape(())
    assert torch.equal(ours(embeddings, labels), expected)
    assert expected.isfinite()
    assert expected != 0


def plain_arcface(embeddings, centres, labels, degrees, scale):
    total = 0.0
    for row, label in zip(embeddings, labels.tolist(), strict=True):
        cosines = [float(row @ centre / (row.norm() * centre.norm())) for centre in centres]
        cosines[label] = math.cos(math.acos(cosines[label]) + math.radians(degrees))
        logits = [scale * cosine for cosine in cosines]
        total += math.log(sum(math.exp(logit - logits[label]) for logit in logits))
    return total / len(labels)


def test_arcface_takes_degrees():
    embeddings, labels = batch()
    loss = loss_of("pml_arcface", margin=20.0, scale=10.0)
    centres = loss.library.W.detach().T
    expected = plain_arcface(embeddings, centres, labels, 20.0, 10.0)
    assert loss(embeddings, labels).item() == pytest.approx(expected, rel=1e-12)
    ours = ArcFace(8, 5, [1] * 5, scale=10.0, margin=math.radians(20.0)).double()
    ours.head.weight.data = centres
    assert ours(embeddings, labels).item() == pytest.approx(expected, rel=1e-12)


def test_contrastive_by_pairs():
    embeddings, labels = batch()
    unit = F.normalize(embeddings)
    same, different = [], []
    for i in range(12):
        for j in range(12):
            apart = float((unit[i] - unit[j]).norm())
            if i != j and labels[i] == labels[j]:
                same.append(max(0.0, apart - 0.2))
            elif labels[i] != labels[j]:
                different.append(max(0.0, 1.3 - apart))
    expected = sum(sum(x) / len([v for v in x if v > 0]) for x in (same, different))
    loss = loss_of("pml_contrastive", pos_margin=0.2, neg_margin=1.3)
    assert loss(embeddings, labels).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("miner", ["BatchHardMiner", "TripletMarginMiner"])
def test_a_miner_chooses_the_same_in_the_librarys_triplet_loss_and_in_maskrecs(miner):
    embeddings, labels = batch()
    options = {"margin": 0.7} if miner == "TripletMarginMiner" else {}
    theirs = loss_of("pml_triplet_margin", margin=0.7, miner=made(getattr(miners, miner), **options))
    ours = Triplet(margin=0.7, miner=made(getattr(miners, miner), **options), average="active")
    assert theirs(embeddings, labels).item() == pytest.approx(ours(embeddings, labels).item(), rel=1e-12)
    assert theirs.diagnostics()["triplets"] == float(ours.diagnostics()["triplets"])


def test_maskrecs_miner_within_the_librarys_loss():
    embeddings, labels = batch()
    theirs = loss_of("pml_triplet_margin", margin=0.7, miner=BatchHard())
    assert theirs(embeddings, labels).item() == pytest.approx(
        Triplet(margin=0.7, average="active")(embeddings, labels).item(), rel=1e-12
    )
    by_cosine = loss_of("pml_triplet_margin", distance=made(distances.CosineSimilarity), miner=BatchHard())
    assert by_cosine(embeddings, labels).isfinite()
    assert by_cosine.diagnostics() == {"triplets": 12.0}


@pytest.mark.parametrize("row", offered.MINERS, ids=lambda row: row.name)
def test_every_miner_works_within_a_loss(row):
    embeddings, labels = batch()
    loss = loss_of("pml_triplet_margin", miner=made(getattr(miners, row.library)))
    assert loss(embeddings, labels).isfinite()
    assert sum(loss.diagnostics().values()) > 0


@pytest.mark.parametrize("row", PLAIN_MINERS, ids=lambda row: row.name)
def test_every_plain_miner_works_within_maskrecs_triplet(row):
    embeddings, labels = batch()
    loss = Triplet(margin=0.5, miner=made(getattr(miners, row.library)))
    assert loss(embeddings, labels).isfinite()
    with pytest.raises(ValueError, match="cannot be used with a memory"):
        Triplet(miner=made(getattr(miners, row.library)), memory=object())


def test_a_miner_with_a_distance_is_refused_where_it_would_not_be_used():
    miner = made(miners.BatchHardMiner, distance=made(distances.CosineSimilarity))
    with pytest.raises(MaskrecError, match="measures distances itself"):
        Triplet(miner=miner)(*batch())


def test_a_miner_that_sums_is_refused():
    with pytest.raises(ValueError, match="sums over its triplets"):
        loss_of("pml_triplet_margin", miner=Triplet(miner="batch_all").miner)


@pytest.mark.parametrize("row", offered.DISTANCES, ids=lambda row: row.name)
def test_distances_within_a_loss(row):
    embeddings, labels = batch()
    built = made(getattr(distances, row.library))
    value = loss_of("pml_multi_similarity", distance=built)(embeddings, labels)
    expected = library_losses.MultiSimilarityLoss(distance=built)(embeddings, labels)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(
    ("reducer", "options", "of"),
    [
        ("MeanReducer", {}, lambda losses: losses.mean()),
        ("SumReducer", {}, lambda losses: losses.sum()),
        ("AvgNonZeroReducer", {}, lambda losses: losses[losses > 0].mean()),
        ("ThresholdReducer", {"low": 0.5, "high": 2.0}, lambda losses: losses[(losses > 0.5) & (losses < 2.0)].mean()),
        ("ClassWeightedReducer", {"weights": [1.0, 2.0, 0.0, 3.0, 0.5]},
         lambda losses: (losses * torch.tensor([1.0, 2.0, 0.0, 3.0, 0.5], dtype=torch.float64)[LABELS]).mean()),
    ],
)  # fmt: skip
def test_reducers(reducer, options, of):
    embeddings, labels = batch()
    loss = loss_of("pml_normalized_softmax", temperature=2.0, reducer=made(getattr(reducers, reducer), **options))
    logits = F.normalize(embeddings) @ F.normalize(loss.library.W, dim=0) / 2.0
    expected = of(F.cross_entropy(logits, labels, reduction="none"))
    assert loss(embeddings, labels).item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_reducer_for_each_term():
    embeddings, labels = batch()
    by_term = made(reducers.MultipleReducers, reducers={"pos_loss": made(reducers.SumReducer)})
    terms = loss_of("pml_contrastive", reducer=by_term)(embeddings, labels)
    summed = loss_of("pml_contrastive", reducer=made(reducers.SumReducer), neg_margin=0.0)(embeddings, labels)
    mean = loss_of("pml_contrastive", reducer=made(reducers.MeanReducer), pos_margin=2.0)(embeddings, labels)
    assert terms.item() == pytest.approx((summed + mean).item(), rel=1e-12)


@pytest.mark.parametrize("row", offered.REGULARIZERS, ids=lambda row: row.name)
def test_regularizers_add_to_a_loss(row):
    embeddings, labels = batch()
    extra = {"centers_per_class": 10} if row.library == "SparseCentersRegularizer" else {}
    with_it = loss_of("pml_soft_triple", weight_regularizer=made(getattr(regularizers, row.library), **extra))
    assert with_it(embeddings, labels) != loss_of("pml_soft_triple")(embeddings, labels)


def test_an_identity_of_its_own_boundary_each():
    shared, own = (loss_of("pml_margin", learn_beta=True, class_beta=each) for each in (False, True))
    assert [len(loss.library.beta) for loss in (shared, own)] == [1, 5]
    embeddings, labels = batch()
    assert shared(embeddings, labels).item() == pytest.approx(own(embeddings, labels).item(), rel=1e-12)
    own(embeddings, labels).backward()
    assert own.library.beta.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["pml_triplet_margin", "pml_margin"])
def test_draws_depend_on_the_seed_and_the_step_and_not_on_the_process(name):
    embeddings, labels = batch()
    first, again = (loss_of(name, triplets_per_anchor=1, beta=0.9) if name == "pml_margin"
                    else loss_of(name, triplets_per_anchor=1, margin=0.9) for _ in range(2))  # fmt: skip
    torch.manual_seed(5)
    one = [first(embeddings, labels).item() for _ in range(3)]
    torch.manual_seed(6)
    before = torch.get_rng_state()
    assert [again(embeddings, labels).item() for _ in range(3)] == one
    assert torch.equal(torch.get_rng_state(), before)
    assert len(set(one)) == 3
    resumed = loss_of(name, triplets_per_anchor=1, **({"beta": 0.9} if name == "pml_margin" else {"margin": 0.9}))
    resumed.load_state_dict(first.state_dict())
    assert resumed(embeddings, labels) == first(embeddings, labels)


@pytest.mark.parametrize("miner", ["DistanceWeightedMiner", "UniformHistogramMiner"])
def test_miners_draw_likewise(miner):
    embeddings, labels = batch()
    first, again = (made(getattr(miners, miner)) for _ in range(2))
    torch.manual_seed(5)
    one = first.choose(embeddings, labels)
    torch.manual_seed(6)
    assert all(map(torch.equal, one, again.choose(embeddings, labels)))
    other = first.choose(embeddings, labels)
    assert not all(len(a) == len(b) and torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_state_of_the_dynamic_margin_is_saved():
    loss = loss_of("pml_dynamic_soft_margin")
    loss(*batch())
    again = loss_of("pml_dynamic_soft_margin")
    again.load_state_dict(loss.state_dict())
    assert again(*batch(1)) == loss(*batch(1))
    assert again(*batch(1)) != loss_of("pml_dynamic_soft_margin")(*batch(1))


def test_the_dynamic_margin_takes_several_steps_and_the_hardest_triplets():
    loss = loss_of("pml_dynamic_soft_margin")
    for seed in range(2):
        embeddings, labels = batch(seed)
        loss(embeddings.requires_grad_(), labels).backward()
    hardest = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]], dtype=torch.float64) * torch.eye(8, dtype=torch.float64)[0]
    assert loss(hardest, torch.tensor([0, 0, 1, 1])).isfinite()


def test_the_tuplet_margin_of_equal_embeddings_is_finite():
    embeddings = torch.ones(4, 8).requires_grad_()
    value = loss_of("pml_tuplet_margin").float()(embeddings, torch.tensor([0, 0, 1, 1]))
    value.backward()
    assert value.isfinite()
    assert embeddings.grad.isfinite().all()


def remembering(size=30, **options):
    inner = loss_of("pml_contrastive")
    return made(cross_batch_memory.CrossBatchMemory, loss=inner, memory_size=size, **options).double()


def test_the_memory_is_the_librarys_and_resumes():
    ours, theirs = remembering(), library_losses.CrossBatchMemory(library_losses.ContrastiveLoss(), 8, 30).double()
    values = []
    for seed in range(5):  # beyond its size
        values.append(ours(*batch(seed)))
        assert torch.equal(values[-1], theirs(*batch(seed)))
        if seed == 1:
            kept = {name: value.clone() for name, value in ours.state_dict().items()}
    resumed = remembering()
    resumed.load_state_dict(kept)
    assert [resumed(*batch(seed)) for seed in range(2, 5)] == values[2:]
    assert all(torch.is_tensor(value) for value in kept.values())


def test_a_step_of_the_memory_can_be_undone_by_its_buffers():
    loss = remembering()
    loss(*batch(0))
    before = {name: value.clone() for name, value in loss.named_buffers()}
    spoiled = loss(*batch(1))
    for name, value in loss.named_buffers():
        value.copy_(before[name])
    assert torch.equal(loss(*batch(1)), spoiled)


def test_miners_of_both_kinds_choose_from_the_memory_without_the_image_itself():
    embeddings, labels = batch()
    for miner in (made(miners.BatchHardMiner), BatchHard()):
        loss = remembering(miner=miner)
        loss(embeddings, labels)
        anchors, positives, _ = loss.ask(
            embeddings, labels, loss.library.embedding_memory[:12], loss.library.label_memory[:12]
        )
        assert loss.diagnostics() == {"triplets": float(len(anchors))}
    assert (anchors != positives).all()  # maskrec's; the library's memory takes its own miner's self comparisons out


def test_what_the_memory_refuses():
    with pytest.raises(MaskrecError, match="larger than the memory of 10"):
        remembering(size=10)(*batch())
    with pytest.raises(ValueError, match="cannot be around pml_arcface"):
        made(cross_batch_memory.CrossBatchMemory, loss=loss_of("pml_arcface"))
    with pytest.raises(ValueError, match="give it to the memory instead"):
        made(cross_batch_memory.CrossBatchMemory, loss=loss_of("pml_contrastive", miner=BatchHard()))


@pytest.mark.parametrize("name", [row.name for row in offered.LOSSES if row.sees == "pairs"])
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]], ids=["one identity", "no pair"])
def test_a_batch_without_anything_to_compare_is_refused(name, labels):
    with pytest.raises(MaskrecError, match="use the sampler identity_balanced"):
        loss_of(name)(torch.randn(4, 8, dtype=torch.float64), torch.tensor(labels))


@pytest.mark.parametrize("name", [row.name for row in offered.LOSSES if row.sees == "classes"])
@pytest.mark.parametrize("label", [-1, 5])
def test_a_label_out_of_range_is_refused(name, label):
    with pytest.raises(UsageError, match=r"outside \[0, 5\)"):
        loss_of(name)(torch.randn(2, 8, dtype=torch.float64), torch.tensor([0, label]))


@pytest.mark.parametrize(
    ("target", "values", "path"),
    [
        (losses.ArcFaceLoss, {"margin": 180.0}, "margin"),
        (losses.ArcFaceLoss, {"margin": -0.1}, "margin"),
        (losses.ArcFaceLoss, {"scale": math.inf}, "scale"),
        (losses.TripletMarginLoss, {"triplets_per_anchor": 0}, "triplets_per_anchor"),
        (losses.MarginLoss, {"nu": 0.1}, "nu"),
        (losses.RankedListLoss, {"imbalance": 1.5, "margin": 0.4, "Tn": 1.0}, "imbalance"),
        (miners.BatchEasyHardMiner, {"pos_strategy": "all"}, "neg_strategy"),
        (miners.BatchEasyHardMiner, {"allowed_pos_range": (1.0, 0.5)}, "allowed_pos_range"),
        (miners.HDCMiner, {"filter_percentage": 0.0}, "filter_percentage"),
        (distances.LpDistance, {"p": 0.5}, "p"),
        (reducers.ThresholdReducer, {}, "low"),
        (reducers.ClassWeightedReducer, {"weights": [1.0]}, "weights"),
        (cross_batch_memory.CrossBatchMemory, {"loss": None, "memory_size": 0}, "memory_size"),
    ],
)
def test_check_and_constructor_refuse_in_the_same_words(target, values, path):
    infos = [info for info in read_parameters(target, "loss") if not info.given and info.default is not EMPTY]
    filled = {info.name: info.default for info in infos}
    problem = next(iter(target.check({**filled, **values}, CheckContext({"num_classes": 5}))))
    assert problem.path == path
    with pytest.raises(ValueError, match=r"must be|has no effect|cannot be|needs") as raised:
        made(target, **values)
    assert str(raised.value).startswith(problem.message)


def test_it_pickles_and_its_parameters_are_the_modules():
    loss = loss_of("pml_arcface")
    assert torch.equal(pickle.loads(pickle.dumps(loss)).library.W, loss.library.W)
    assert [name for name, _ in loss.named_parameters()] == ["library.W"]


@pytest.mark.parametrize("name", ALL)
def test_autocast_changes_nothing(name):
    embeddings, labels = batch()
    embeddings = embeddings.float()
    inside = loss_of(name).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = inside(embeddings, labels)
    assert value.dtype is torch.float32
    assert value == loss_of(name).float()(embeddings, labels)
