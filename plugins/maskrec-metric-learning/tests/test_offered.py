"""The static table against the library that is installed, and what listing imports."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

reason = "pytorch-metric-learning is not installed; run `make test-plugins`"
pml = pytest.importorskip("pytorch_metric_learning", reason=reason)

import torch  # noqa: E402
from maskrec_metric_learning import (  # noqa: E402
    distances,
    loss_parameters,
    losses,
    maskrec_losses,
    maskrec_parts,
    miners,
    offered,
    part_parameters,
    reducers,
    regularizers,
)
from maskrec_metric_learning.library_signature import constructor_parameters  # noqa: E402
from maskrec_metric_learning.losses import stated_parameters  # noqa: E402
from pytorch_metric_learning import distances as library_distances  # noqa: E402
from pytorch_metric_learning import losses as library_losses  # noqa: E402
from pytorch_metric_learning import miners as library_miners  # noqa: E402
from pytorch_metric_learning import reducers as library_reducers  # noqa: E402
from pytorch_metric_learning import regularizers as library_regularizers  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from maskrec.plugin.signature import parameter_help, read_parameters  # noqa: E402

GROUPS = [
    (library_losses, (*offered.LOSSES, offered.MEMORY)),
    (library_miners, offered.MINERS),
    (library_distances, offered.DISTANCES),
    (library_reducers, offered.REDUCERS),
    (library_regularizers, offered.REGULARIZERS),
]
PARTS = [
    (miners, offered.MINERS, part_parameters.MINER),
    (distances, offered.DISTANCES, part_parameters.DISTANCE),
    (reducers, offered.REDUCERS, part_parameters.REDUCER),
    (regularizers, offered.REGULARIZERS, part_parameters.REGULARIZER),
]


def classes_of(module):
    return {name for name, value in vars(module).items() if inspect.isclass(value)}


def test_every_class_of_the_library_is_offered_or_left_out_with_a_reason():
    for module, rows in GROUPS:
        known = {row.library for row in rows}
        rest = classes_of(module) - known
        assert known <= classes_of(module)
        assert rest <= {*offered.LEFT_OUT, *offered.ABSTRACT}
    everything = set.union(*(classes_of(module) for module, _ in GROUPS))
    assert {*offered.LEFT_OUT, *offered.ABSTRACT} <= everything


def test_the_memory_is_around_the_losses_that_the_library_says():
    assert set(offered.REMEMBERED) == set(library_losses.CrossBatchMemory.supported_losses())


@pytest.mark.parametrize("row", offered.LOSSES, ids=lambda row: row.name)
def test_every_parameter_of_a_loss_is_stated_or_left_out_with_a_reason(row):
    theirs = constructor_parameters(getattr(library_losses, row.library))
    stated = stated_parameters(row)
    left_out = {*loss_parameters.LEFT_OUT, *(["distance"] if row.library in loss_parameters.FIXED_DISTANCE else [])}
    assert set(theirs) - set(stated) <= left_out
    assert set(loss_parameters.LOSS[row.library]) <= set(theirs)


@pytest.mark.parametrize(("module", "rows", "stated"), PARTS, ids=[module.__name__ for module, _, _ in PARTS])
def test_every_parameter_of_a_part_is_stated_or_left_out_with_a_reason(module, rows, stated):
    library = dict(zip([miners, distances, reducers, regularizers], [each[0] for each in GROUPS[1:]], strict=True))
    for row in rows:
        theirs = constructor_parameters(getattr(library[module], row.library))
        assert set(stated[row.library]) <= set(theirs), row
        unstated = set(theirs) - set(stated[row.library])
        assert unstated <= {*part_parameters.LEFT_OUT, "embedding_regularizer", "embedding_reg_weight"}, row


def targets():
    for component in [*maskrec_losses(), *maskrec_parts()]:
        module, _, name = component.target.partition(":")
        yield component, getattr(sys.modules[module], name)


def test_every_target_exists_and_all_its_parameters_have_types_and_descriptions():
    for component, target in targets():
        described = parameter_help(target)
        for info in read_parameters(target, "loss"):
            assert info.annotation is not inspect.Parameter.empty, (component.name, info.name)
            assert described[info.name], (component.name, info.name)


def test_defaults_are_the_librarys():
    for row in offered.LOSSES:
        theirs = constructor_parameters(getattr(library_losses, row.library))
        for info in read_parameters(getattr(losses, row.library), "loss"):
            if info.name in theirs and not info.given:
                assert info.default == theirs[info.name].default


def test_a_parameter_that_a_newer_library_adds_can_be_set_without_a_type(monkeypatch):
    class Newer(library_losses.ContrastiveLoss):
        def __init__(self, temper=1.0, **kwargs):
            super().__init__(**kwargs)

    monkeypatch.setattr(library_losses, "ContrastiveLoss", Newer)
    row = next(row for row in offered.LOSSES if row.library == "ContrastiveLoss")
    found = losses.signature_for(row).parameters
    assert found["temper"].annotation is inspect.Parameter.empty
    assert found["temper"].default == 1.0
    assert found["pos_margin"].annotation is float


def test_listing_imports_neither_torch_nor_the_library():
    code = (
        "import sys, maskrec_metric_learning as plugin; plugin.maskrec_losses(); plugin.maskrec_parts(); "
        "print([name for name in ('torch', 'numpy', 'pytorch_metric_learning') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_summaries_are_one_line_and_names_begin_with_pml():
    for component in [*maskrec_losses(), *maskrec_parts()]:
        assert component.name.startswith("pml_")
        assert 0 < len(component.summary) <= 100
        assert "\n" not in component.summary


def plain_smooth_precision(unit, labels):
    """Brown et al., 2020, equation 6, anchor by anchor; an anchor is among its own positives."""
    similar, found = unit @ unit.T, []
    for anchor in range(len(unit)):
        own = [i for i in range(len(unit)) if labels[i] == labels[anchor]]

        def rank(i, others, row=similar[anchor]):
            return 1 + sum(float(torch.sigmoid((row[j] - row[i]) / 0.01)) for j in others if j != i)

        found.append(sum(rank(i, own) / rank(i, range(len(unit))) for i in own) / len(own))
    return sum(found) / len(found)


def test_the_reasons_for_leaving_out_hold():
    torch.manual_seed(0)
    embeddings = torch.randn(6, 4)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    order = torch.tensor([5, 3, 1, 0, 2, 4])
    instance = library_losses.InstanceLoss()
    assert instance(embeddings, labels) != pytest.approx(instance(embeddings[order], labels[order]).item(), rel=1e-3)
    square = library_losses.SmoothAPLoss()(embeddings[:4], labels[:4]).item()  # two images of each of two: right
    assert square == pytest.approx(1 - plain_smooth_precision(F.normalize(embeddings[:4]), labels[:4]), rel=1e-5)
    expected = 1 - plain_smooth_precision(F.normalize(embeddings), labels)
    assert library_losses.SmoothAPLoss()(embeddings, labels).item() != pytest.approx(expected, rel=1e-3)
    unreduced = library_losses.ContrastiveLoss(reducer=library_reducers.DoNothingReducer())
    assert isinstance(unreduced(embeddings, labels), dict)
