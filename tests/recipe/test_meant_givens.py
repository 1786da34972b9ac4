"""Which parameters seem to mean a given, and which do not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from maskrec.contracts.givens import GIVENS
from maskrec.plugin.signature import EMPTY, ParameterInfo
from maskrec.recipe.meant_givens import given_meant, given_meant_by

MEANT = {
    "emb_dim": "embedding_size",
    "embed_size": "embedding_size",
    "embedding_dim": "embedding_size",
    "embeding_size": "embedding_size",
    "feature_dim": "embedding_size",
    "feat_dim": "embedding_size",
    "n_classes": "num_classes",
    "nclasses": "num_classes",
    "num_class": "num_classes",
    "number_of_classes": "num_classes",
    "class_count": "class_counts",
    "img_size": "image_size",
    "image_dim": "image_size",
    "rundir": "run_dir",
    "seeds": "seed",
    "lables": "labels",
}


@pytest.mark.parametrize(("name", "given"), MEANT.items())
def test_a_required_parameter_is_said_to_mean_the_nearest_given(name: str, given: str) -> None:
    assert given_meant(name, "observer") == f"did it mean the given `{given}`?"


@pytest.mark.parametrize(
    "name", ["scale", "margin", "path", "num_pairs", "num_samples", "class_weights", "batch_size", "size", "num_groups"]
)
def test_other_names_mean_none(name: str) -> None:
    assert given_meant(name, "observer") == ""


@pytest.mark.parametrize("kind", GIVENS)
def test_no_kind_is_told_to_ask_for_what_it_cannot_have(kind: str) -> None:
    for name, given in MEANT.items():
        said = given_meant(name, kind)
        assert (given in GIVENS[kind]) == (f"`{given}`" in said), (name, said)
        assert said == "" or any(f"`{known}`" in said for known in GIVENS[kind])


def test_the_givens_of_other_kinds_are_named_as_such() -> None:
    assert given_meant("embedding_size", "sampler").startswith("`embedding_size` is given to loss, pairs, ")


@pytest.mark.parametrize(
    ("name", "annotation", "meant"),
    [
        ("emb_dim", int, True),
        ("emb_dim", int | None, True),
        ("emb_dim", EMPTY, True),
        ("n_classes", int, True),
        ("n_classes", str, False),  # nothing that the run gives
        ("image_sizes", list[int], False),
        ("label", str, False),
        ("seeds", int, False),
        ("embedding_size", int, False),  # a backbone's own
    ],
)
def test_a_default_must_be_nearer_and_of_the_givens_type(name: str, annotation: Any, meant: bool) -> None:
    default = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=3).default
    assert bool(given_meant_by(ParameterInfo(name, annotation, default, given=False), "loss")) == meant
