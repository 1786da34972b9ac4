"""Every sentence about an installed plugin's component names the distribution and its version."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from probe_runs import PROBED, PROBES

from maskrec.base.errors import PluginError
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.dry_run import dry_run

DECLARED = """
from maskrec import Component, hookimpl


@hookimpl
def maskrec_losses():
    yield Component("square", "{module}:Square", "returns a tensor a sample")
    yield Component("bare", "{module}:Bare", "has no forward")


@hookimpl
def maskrec_evaluators():
    yield Component("other", "{module}:Other", "returns a metric that it does not declare")


@hookimpl
def maskrec_parts():
    for part in ("margin", "criterion", "head", "memory", "miner"):
        yield Component(f"bare_{{part}}", "{module}:Bare", "has no method of its own", part=part)
    yield Component("mean_margin", "{module}:Mean", "returns one number for all", part="margin")
    yield Component("mean_criterion", "{module}:Mean", "returns one number for all", part="criterion")
    yield Component("one_head", "{module}:OneHead", "returns one tensor", part="head")
    yield Component("three", "{module}:three", "takes three arguments", part="miner")
    yield Component("whole", "{module}:Whole", "returns no triplets", part="miner")
"""
MODULE = """
import torch
from torch import nn
from maskrec import Evaluation, Pairs


class Bare(nn.Module):
    pass


class Square(nn.Module):
    def forward(self, embeddings, labels):
        return embeddings.square().sum(dim=1)


class Mean(nn.Module):
    def forward(self, values, context=None):
        return values.mean()


class OneHead(nn.Module):
    scope, centres_per_class = "sample", 1

    def __init__(self, embedding_size: int, num_classes: int):
        super().__init__()
        self.embedding_size, self.num_classes = embedding_size, num_classes

    def forward(self, embeddings, labels, margin):
        return embeddings.sum(dim=1)


class _Three:
    def __call__(self, distances, labels, more):
        return None


def three():
    return _Three()


class Whole:
    def __call__(self, distances, labels):
        return distances


class Other:
    def __init__(self, pairs: Pairs):
        self.pairs = pairs

    @staticmethod
    def metrics(values):
        return {"accuracy": "max"}

    def evaluate(self, embed):
        return Evaluation({"acuracy": 1.0})

    def test(self, embed, evaluation):
        return None
"""
WHO = r"maskrec-versioned/{} \(version 3\.2\)"


def softmax(**parts: Any) -> dict[str, Any]:
    return {"loss": {"use": "margin_softmax", "margin": {"use": "cos"}, **parts}}


def mined(**parts: Any) -> dict[str, Any]:
    return {"loss": {"use": "triplet", **parts}}


def used(name: str) -> dict[str, str]:
    return {"use": name}


WRONG = {
    "square": ({"loss": used("square")}, r"returned a tensor of shape \(8,\); a loss must return a scalar tensor"),
    "bare": ({"loss": used("bare")}, "has no method `forward`, which a loss needs"),
    "bare_margin": (softmax(margin=used("bare_margin")), "has no method `forward`, which a margin needs"),
    "bare_criterion": (softmax(criterion=used("bare_criterion")), "has no method `forward`, which a criterion needs"),
    "bare_head": (softmax(head=used("bare_head")), "has no method `forward`, which a head needs"),
    "bare_memory": (mined(memory=used("bare_memory")), "has no method `recall`, which a memory needs"),
    "bare_miner": (mined(miner=used("bare_miner")), "has no method `forward`, which a miner needs"),
    "mean_margin": (softmax(margin=used("mean_margin")), r"returned a tensor of shape \(\) where one number a sample"),
    "mean_criterion": (softmax(criterion=used("mean_criterion")), r"returned a tensor of shape \(\) where one number"),
    "one_head": (softmax(head=used("one_head")), r"returned a Tensor; a head must return \(target, logsumexp\)"),
    "three": (mined(miner=used("three")), "takes 3 arguments; a miner takes four"),
    "whole": (mined(miner=used("whole")), r"returned torch.float32 \(8, 8\); a miner must return int64 \(T, 3\)"),
    "other": (
        {"evaluate": {"held_out": {"use": "other", "pairs": {"use": "noise_pairs"}}}},
        "returned the metric 'acuracy', which it does not declare; did you mean `accuracy`?",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_sentence_names_distribution_and_version(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_distribution: Callable[..., Path]
) -> None:
    changes, said = WRONG[name]
    module = f"versioned_{name}"
    sources = {f"{module}_declared": DECLARED.format(module=module), module: MODULE}
    make_distribution(tmp_path, "maskrec-versioned", {"point": f"{module}_declared"}, sources, "3.2")
    monkeypatch.syspath_prepend(tmp_path)
    catalog = discover([PROBES])
    recipe = {key: value for key, value in (PROBED | changes).items() if key not in ("transforms", "observe")}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises((PluginError, RecipeError)) as raised:
        dry_run(resolve(tmp_path / "r.yaml", catalog=catalog, data_root=tmp_path), catalog, tmp_path)
    assert raised.value.exit_code == 3
    assert re.search(f"{WHO.format(name)}.* {said}", str(raised.value)), raised.value
    assert "site-packages" not in str(raised.value)
