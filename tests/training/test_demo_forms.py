"""Some demos train a small form of a recipe's network: they say so, and the whole network takes a step too."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Spec
from maskrec.recipe.shipped import shipped_recipe, shipped_recipes, summary
from maskrec.training.dry_run import dry_run

NETWORKS = {
    "arcface_efficientnet_b3": "{use: timm, model: efficientnet_b3, pooling: gem, neck: linear_bn}",
    "arcface_inception": "{use: inception_resnet_v1, dropout: 0.4}",
    "arcface_seresnext101": "{use: se_resnext101, pooling: gem, embedding_size: 512, dropout: 0.4}",
}


def test_a_demo_with_another_network_is_announced_in_the_first_line() -> None:
    catalog = discover(plugins=False)
    announced = set()
    for name, path in shipped_recipes().items():
        backbone = resolve(path, catalog=catalog, demo=True).backbone
        assert isinstance(backbone, Spec)
        if "(its demo: " in summary(path):
            announced.add(name)
            assert str(backbone.parameters["model"]) in ("test_efficientnet", "seresnext26d_32x4d")
        elif name != "quickstart":
            assert backbone.name == "maskrec/inception_resnet_v1"
    assert announced == {"arcface_efficientnet_b3", "arcface_seresnext101"}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_network_that_a_recipe_names_takes_a_step(name: str, tmp_path: Path) -> None:
    catalog = discover(plugins=False)
    small = ["data.identities=4", "data.images_per_identity=4", "sampler.batch_size=4", "train.epochs=20"]
    overrides = [f"backbone={NETWORKS[name]}", *small]
    plan = resolve(shipped_recipe(name), catalog=catalog, demo=True, overrides=overrides)
    dry_run(plan, catalog, tmp_path)
