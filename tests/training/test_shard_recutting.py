"""A sharded head's shards of several processes, cut anew for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from run_comparison import differences
from small_recipe import PIECES, write_recipe

from maskrec.base.errors import UsageError
from maskrec.contracts.collectives import shard_bounds
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.assemble import assemble
from maskrec.training.checkpoints.checkpoint import networks_state, restore_networks, shard_state
from maskrec.training.checkpoints.shard_recutting import overlapping_shards
from maskrec.training.steps.train_step import TrainStep

HEAD = {"use": "sharded", "centres_per_class": 2}
LOSS = {"use": "margin_softmax", "margin": {"use": "cos"}, "learn_scale": True, "head": HEAD}


def stepper(folder: Path, optimizer: dict[str, Any], loss: dict[str, Any], seed: int = 0) -> TrainStep:
    """After three steps of a gradient of noise."""
    catalog = discover([PIECES])
    recipe = write_recipe(folder, {"loss": loss, "optimizer": optimizer, "evaluate": None})
    made = TrainStep(assemble(resolve(recipe, catalog=catalog, data_root=folder), catalog, folder))
    torch.manual_seed(seed)
    for _ in range(3):
        for weight in (*made.backbone.parameters(), *made.loss.parameters()):
            weight.grad = torch.randn_like(weight)
        made.optimizer.step()
    return made


def split(shard: dict[str, Any], processes: int) -> list[dict[str, Any]]:
    """The shard of a single process as several would have saved it: rows by class, all else alike."""

    def part(value: Any, rank: int) -> Any:
        if isinstance(value, dict):
            return {key: part(item, rank) for key, item in value.items()}
        if isinstance(value, torch.Tensor) and value.ndim:
            first, end = shard_bounds(6, rank, processes)
            return value[2 * first : 2 * end].clone()
        return value

    return [{"rank": rank, "processes": processes, **part(shard, rank)} for rank in range(processes)]


@pytest.mark.parametrize("processes", [2, 4, 6])
@pytest.mark.parametrize("optimizer", [{"use": "sgd", "lr": 0.1, "momentum": 0.9}, {"use": "adam", "lr": 0.1}])
def test_weights_and_optimizer_state_are_put_together(
    processes: int, optimizer: dict[str, Any], tmp_path: Path
) -> None:
    saved = stepper(tmp_path, optimizer, LOSS)
    shard, state = shard_state(saved), networks_state(saved)
    assert shard is not None
    assert set(shard["loss"]) == {"weight"}
    assert set(state["loss"]) == {"learned_scale"}
    assert len(shard["optimizer"]) == 1
    other = stepper(tmp_path, optimizer, LOSS, seed=1)
    assert differences(shard_state(other), shard) != []
    restore_networks(other, state, split(shard, processes), 0, 3)
    assert differences(shard_state(other), shard) == []
    assert differences({**networks_state(other), "random": 0}, {**state, "random": 0}) == []


def test_what_cannot_be_cut_is_a_sentence(tmp_path: Path) -> None:
    momentum = {"use": "sgd", "lr": 0.1, "momentum": 0.9}
    plain = stepper(tmp_path, momentum, {"use": "sharded_softmax"})
    shards = split(shard_state(plain) or {}, 2)
    with pytest.raises(UsageError, match=r"as before: 2, not 1 \(ShardedSoftmax does not say how its classes are"):
        restore_networks(plain, networks_state(plain), shards, 0, 3)
    adam = stepper(tmp_path, {"use": "adam", "lr": 0.1}, LOSS)
    shards = split(shard_state(adam) or {}, 2)
    (place,) = shards[0]["optimizer"]
    shards[1]["optimizer"][place]["step"] = torch.tensor(4.0)
    with pytest.raises(UsageError, match=r"its optimizer's step is not one number a weight"):
        restore_networks(adam, networks_state(adam), shards, 0, 3)
    factored = stepper(tmp_path, {"use": "adafactor", "lr": 0.1}, LOSS)
    with pytest.raises(UsageError, match=r"its optimizer's \w+ is not one number a weight"):
        restore_networks(factored, networks_state(factored), split(shard_state(factored) or {}, 2), 0, 3)
    other = stepper(tmp_path, momentum, LOSS)
    shards = split(shard_state(other) or {}, 2)
    shards[1]["loss"]["weight"] = shards[1]["loss"]["weight"][:5]
    with pytest.raises(UsageError, match="shards are of another number of classes than 6"):
        restore_networks(other, networks_state(other), shards, 0, 3)
    with pytest.raises(UsageError, match="has another form"):
        restore_networks(other, networks_state(other), [{**shards[0], "loss": {}}, shards[1]], 0, 3)


def test_one_process_reads_all_shards() -> None:
    assert overlapping_shards(0) == []
    assert overlapping_shards(1) == [0]
    assert overlapping_shards(5) == [0, 1, 2, 3, 4]
