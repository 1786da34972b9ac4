"""margin_softmax: equal to arcface and cosface, what margins draw, and somebody else's margin in a recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import third_party_margins
import torch
from face_batches import random_batch
from small_recipe import PIECES, write_recipe
from third_party_margins import Jittered
from torch import Tensor

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.problem import RecipeError
from maskrec.losses.criteria import Focal
from maskrec.losses.margin_softmax import MarginSoftmax
from maskrec.losses.margins.arcface import Arc, ArcFace
from maskrec.losses.margins.cosface import Cos, CosFace
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.runtime.state_tree import load_tree
from maskrec.training.runner import start

COUNTS = [2, 5, 9, 30]
THEIRS = Path(third_party_margins.__file__)


def batch(size: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(size, 6, generator=generator, dtype=torch.float64), torch.arange(size) % 4


def made(kind: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(6, 4, COUNTS, *arguments, **options).double()


@pytest.mark.parametrize(
    ("loss", "parts"),
    [
        (made(ArcFace, margin=0.3, easy_margin=True), made(MarginSoftmax, Arc(0.3, easy_margin=True))),
        (made(CosFace, scale=8.0), made(MarginSoftmax, Cos(), 8.0)),
        (made(ArcFace, criterion="focal"), made(MarginSoftmax, Arc(), criterion="focal")),
        (
            made(CosFace, criterion="focal", gamma=3.0, class_weights="log"),
            made(MarginSoftmax, Cos(), criterion=Focal(3.0), class_weights="log"),
        ),
        (
            made(ArcFace, class_weights="effective_number", beta=0.5),
            made(MarginSoftmax, Arc(), class_weights="effective_number", beta=0.5),
        ),
    ],
)
def test_named_losses_are_margin_softmax_with_their_margins(loss: Any, parts: Any) -> None:
    assert torch.equal(loss(*batch()), parts(*batch()))
    assert loss.diagnostics() == parts.diagnostics()


def jittered(seed: int = 1, path: str = "loss") -> MarginSoftmax:
    loss: MarginSoftmax = made(MarginSoftmax, Jittered(spread=0.3), 8.0, seed=seed, context=Context(path=path))
    return loss


def test_what_a_margin_draws_belongs_to_the_samples_place() -> None:
    embeddings, labels = batch()
    whole = replace(random_batch(8), positions=torch.arange(40, 48))
    loss = jittered()
    value = loss(embeddings, labels, whole)
    order = torch.tensor([5, 0, 7, 2, 6, 1, 3, 4])
    shuffled = replace(whole, positions=whole.positions[order])  # type: ignore[index]
    torch.testing.assert_close(loss(embeddings[order], labels[order], shuffled), value)
    halves = [replace(whole, positions=torch.arange(first, first + 4)) for first in (40, 44)]
    parts = [loss(embeddings[i : i + 4], labels[i : i + 4], half) for i, half in zip((0, 4), halves, strict=True)]
    torch.testing.assert_close(sum(parts) / 2, value)
    assert torch.equal(jittered()(embeddings, labels, whole), value)
    others = [
        loss(embeddings, labels, replace(whole, epoch=1)),
        loss(embeddings, labels, replace(whole, positions=torch.arange(8))),
        jittered(seed=2)(embeddings, labels, whole),
        jittered(path="loss.parts.a")(embeddings, labels, whole),
    ]
    assert all(not torch.isclose(other, value) for other in others)
    by_hand = loss(embeddings, labels, replace(whole, positions=None))
    assert torch.equal(by_hand, loss(embeddings, labels))
    assert torch.equal(by_hand, others[1])


def test_what_check_says_the_constructor_says() -> None:
    values = {"scale": 64.0, "class_weights": "none", "beta": 0.999}
    assert not list(MarginSoftmax.check(values, CheckContext()))
    for name, wrong in (("scale", 0.0), ("scale", float("nan")), ("beta", 0.5), ("class_weights", "log")):
        counts = [3, 0, 1, 2] if name == "class_weights" else COUNTS
        (problem,) = MarginSoftmax.check({**values, name: wrong}, CheckContext({"class_counts": counts}))
        assert problem.path == name
        with pytest.raises(ValueError, match=name) as error:
            MarginSoftmax(6, 4, counts, Cos(), **{name: wrong})  # type: ignore[arg-type]
        assert str(error.value).startswith(problem.message)


FULL = {
    "use": "margin_softmax",
    "margin": {"use": "everything", "margin": 0.1},
    "scale": 12,
    "criterion": {"use": "focal", "gamma": 1},
    "head": {"use": "dense", "centres_per_class": 2},
    "class_weights": "log",
}


def resolved(folder: Path, loss: dict[str, Any]) -> Any:
    recipe = write_recipe(folder, {"loss": loss})
    return resolve(recipe, catalog=discover([PIECES, THEIRS]), data_root=folder)


def test_somebody_elses_margin_trains_with_our_criterion_and_head(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    catalog = discover([PIECES, THEIRS])
    plan = resolve(write_recipe(tmp_path, {"loss": FULL}), catalog=catalog, data_root=tmp_path)
    run = start(plan, catalog, tmp_path, tmp_path / "run")
    state = load_tree(run / "checkpoints" / "last.safetensors")["loss"]
    assert {name: tuple(value.shape) for name, value in state.items()} == {"weight": (12, 16), "margin.mean": ()}
    assert float(state["margin.mean"]) != 1.0
    resolved_text = (run / "recipe.yaml").read_text(encoding="utf-8")
    for name in ("maskrec/margin_softmax", "file:third_party_margins.py/everything", "maskrec/focal", "maskrec/dense"):
        assert name in resolved_text
    assert '"margin/norm"' in (run / "metrics.jsonl").read_text(encoding="utf-8")


def test_a_margin_that_draws_draws_alike_in_a_run_that_is_repeated(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    catalog = discover([PIECES, THEIRS])
    loss = {"use": "margin_softmax", "margin": {"use": "jittered", "spread": 0.2}}
    weights = []
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        recipe = write_recipe(tmp_path, {"loss": {**loss, "seed": seed}}, f"{name}.yaml")
        run = start(resolve(recipe, catalog=catalog, data_root=tmp_path), catalog, tmp_path, tmp_path / name)
        weights.append(load_tree(run / "checkpoints" / "last.safetensors")["loss"]["weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    rows = [json.loads(line) for line in (tmp_path / "one" / "metrics.jsonl").read_text().splitlines()]
    drawn = [row["diagnostics"]["margin/drawn"] for row in rows if row["kind"] == "step"]
    assert len(set(drawn)) == len(drawn) == 6, "every sample of a run draws for itself"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"margin": None}, "margin"),
        ({"margin": {"use": "arc", "margin": 2}}, r"margin is an angle in radians in \[0, pi / 2\), not 2"),
        ({"margin": {"use": "batch_hard"}}, "batch_hard"),
        ({"margin": 0.5}, "margin"),
        ({"criterion": {"use": "focal", "gamma": -1}}, "gamma must be a finite number of at least 0, not -1"),
        ({"criterion": "focall"}, "focal"),
        ({"criterion": {"use": "cross_entropy", "gamma": 1}}, "cross_entropy has no parameter `gamma`"),
        ({"head": {"use": "dense", "centres_per_class": 0}}, "centres_per_class must be at least 1, not 0"),
        ({"head": {"use": "dense", "bias": True}}, "dense has no parameter `bias`"),
        ({"head": "sparse"}, "dense"),
        ({"gamma": 1.0}, "margin_softmax has no parameter `gamma`"),
        ({"scale": -1}, "scale must be a finite number above 0, not -1"),
    ],
)
def test_a_wrong_part_is_one_sentence_at_its_place(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says) as error:
        resolved(tmp_path, {**FULL, **changes})
    (problem,) = error.value.problems
    (name,) = changes
    assert problem.path.startswith(f"loss.{name}")
    assert problem.mark is not None


def test_parts_are_left_out_only_where_there_is_a_default(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="`loss` lacks `margin`, which loss margin_softmax needs: a margin"):
        resolved(tmp_path, {"use": "margin_softmax"})
    plan = resolved(tmp_path, {"use": "margin_softmax", "margin": {"use": "cos"}})
    assert plan.loss.parameters["criterion"] == "cross_entropy"
    assert plan.loss.parameters["head"] == "dense"
