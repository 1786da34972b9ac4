"""The three reference recipes: they have what the original has, and each header names what differs from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from maskrec.backbones.timm_backbone import TimmBackbone
from maskrec.losses.margins.arcface import ArcFace
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Plan, Spec
from maskrec.recipe.shipped import shipped_recipe
from maskrec.training.steps.optimizing import parameter_groups

MODELS = ("arcface_inception", "triplet_inception", "arcface_seresnext101")


def plan_of(name: str, folder: Path) -> Plan:
    """The recipe as written, with empty files where its data should be."""
    for file in ("train", "eval_same", "eval_diff", "test"):
        path = folder / "data" / f"{file}.csv"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    plan = resolve(shipped_recipe(name), catalog=discover([]), data_root=folder)
    assert not plan.demo
    return plan


def header(name: str) -> str:
    """The comment before the first key, as one line of words."""
    lines = shipped_recipe(name).read_text(encoding="utf-8").splitlines()
    comment = lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(word for line in comment for word in line.lstrip("# -").split())


def settings(plan: Plan, name: str) -> dict[str, Any]:
    spec = getattr(plan, name)
    assert isinstance(spec, Spec)
    return dict(spec.parameters)


@pytest.mark.parametrize("name", MODELS)
def test_settings_are_the_originals(name: str, tmp_path: Path) -> None:
    plan = plan_of(name, tmp_path)
    optimizer, train = plan.optimizer, plan.train
    assert (optimizer.parameters["weight_decay"], optimizer.decay_norm_and_bias) == (5e-4, True)
    if name == "triplet_inception":
        assert (optimizer.use, optimizer.parameters["lr"], train.epochs) == ("adadelta", 0.05, 100)
        assert settings(plan, "sampler") == {"identities_per_batch": 20, "images_per_identity": 30}
        assert (settings(plan, "loss")["miner"], settings(plan, "backbone")["dropout"]) == ("batch_hard", 0.3)
    else:
        assert (optimizer.use, optimizer.parameters["lr"], optimizer.parameters["momentum"]) == ("sgd", 0.1, 0.9)
        assert optimizer.parameters["nesterov"]
        loss = settings(plan, "loss")
        wanted = {"scale": 45, "margin": 0.4, "criterion": "focal", "gamma": 2, "class_weights": "log"}
        assert wanted.items() <= loss.items()
        assert (loss["init"], loss["class_weights_norm"], loss["learn_scale"]) == ("xavier", "global", False)
        assert settings(plan, "sampler")["batch_size"] == 128
        assert (settings(plan, "backbone")["dropout"], plan.transforms.keys()) == (0.4, {"flip"})
    steps = [20, 35, 45, 55] if name == "arcface_seresnext101" else [5, 10, 15, 20]
    assert plan.scheduler.parameters["milestones"] == steps


# What differs, in words of the header, and what of the plan makes it so; None for what is in the code.
DIFFERENCES: dict[str, tuple[Sequence[str], Callable[[Plan], bool] | None]] = {
    "bfloat16 on a GPU; the original computed in float32": (MODELS, lambda plan: plan.train.precision == "auto"),
    "the lowest IOU on the evaluation pairs is tested": (
        MODELS,
        lambda plan: plan.train.best is not None and plan.train.best.metric == "masked_lfw.iou",
    ),
    "pairs of one photo under two masks": (
        MODELS,
        lambda plan: not plan.evaluate["masked_lfw"].parameters["evaluation"].parameters["allow_same_photo"],
    ),
    "a crossing of the histograms in bin 0": (MODELS, None),
    "the original used ImageNet's statistics and 128 pixels": (MODELS[:1], lambda plan: plan.image_size == 160),
    "size and alignment as in arcface_inception.yaml": (MODELS[1:2], lambda plan: plan.image_size == 160),
    "with its 128 pixels": (MODELS[2:], lambda plan: plan.image_size == 128),
    "distances between raw embeddings": (
        MODELS[2:],
        lambda plan: not plan.evaluate["masked_lfw"].parameters["normalize"],
    ),
    "60 and 20/35/45/55 are ours": (MODELS[2:], lambda plan: plan.train.epochs == 60),
    "start of the class centres (Xavier)": (MODELS[::2], lambda plan: plan.loss.parameters["init"] == "xavier"),
    "weight decay on every weight": (MODELS, lambda plan: plan.optimizer.decay_norm_and_bias),
    "class weights act on the focal criterion (there they cancelled)": (MODELS[::2], None),
    "the angle's sine is clamped": (MODELS[::2], None),
    "margin 2.0 in place of 3": (MODELS[1:2], lambda plan: plan.loss.parameters["margin"] == 2.0),
    "2.3 times fewer updates under the same epochs and milestones": (MODELS[1:2], None),
    "every identity is reached (there the last one never was)": (MODELS[1:2], None),
}


@pytest.mark.parametrize("words", DIFFERENCES)
def test_a_header_names_each_difference_and_the_recipe_has_it(words: str, tmp_path: Path) -> None:
    names, holds = DIFFERENCES[words]
    for name in names:
        assert words in header(name)
        assert holds is None or holds(plan_of(name, tmp_path))
    for name in set(MODELS) - set(names):
        assert words not in header(name)


@pytest.mark.parametrize("name", MODELS)
def test_weight_decay_acts_on_everything(name: str, tmp_path: Path) -> None:
    """On norms, biases, GeM's p and a learned scale too."""
    plan = plan_of(name, tmp_path)
    backbone = TimmBackbone("test_resnet", pooling="gem", embedding_size=8)
    loss = ArcFace(8, 3, [1, 1, 1], learn_scale=True)
    groups = parameter_groups(plan.optimizer, backbone, loss)
    assert [group["name"] for group in groups] == ["backbone", "loss"]
    decayed = {id(weight) for group in groups for weight in group["params"]}
    assert decayed == {id(weight) for module in (backbone, loss) for weight in module.parameters()}
    assert id(backbone.pooling.p) in decayed
