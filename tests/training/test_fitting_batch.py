"""A step that runs out of memory says which batch would fit, and changes nothing on the way to the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from run_comparison import differences
from small_recipe import PIECES, write_recipe

from maskrec.base.errors import MaskrecError
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.runtime.state_tree import load_tree
from maskrec.training.assemble import assemble
from maskrec.training.checkpoints.checkpoint import networks_state
from maskrec.training.steps.fitting_batch import TRIES, largest_that_fits
from maskrec.training.steps.train_step import TrainStep

SMALL_STEPS: dict[str, Any] = {
    "backbone": {"use": "normed"},
    "evaluate": None,
    "train": {"epochs": 1, "workers": 0, "checkpoint_every": 2},
}
BALANCED = {"use": "identity_balanced", "identities_per_batch": 4, "images_per_identity": 3}


def cramped(limit: int, **others: Any) -> dict[str, Any]:
    return {**SMALL_STEPS, "loss": {"use": "cramped", "limit": limit, **others}}


@pytest.mark.parametrize("host", [False, True])
def test_the_largest_half_that_fits_is_named(host: bool, train: Callable[..., Path]) -> None:
    """In the third of three steps: the checkpoint of the second stays."""
    with pytest.raises(MaskrecError) as caught:
        train("run", cramped(5, at=3, host=host))
    said = str(caught.value)
    assert said.endswith(": sampler.batch_size: 4 fits; 16 does not; train.accumulate: 4 keeps the images a step"), said
    assert said.startswith("loss: file:pieces.py/cramped failed in forward: ")
    assert ("can't allocate memory" in said) == host
    assert "try a smaller" not in said
    assert "\n" not in said


def test_the_last_checkpoint_stays(train: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(MaskrecError, match=r"sampler\.batch_size: 8 fits; 16 does not"):
        train("run", cramped(8, at=3))
    assert load_tree(tmp_path / "run" / "checkpoints" / "last.safetensors")["position"]["step"] == 2


@pytest.mark.parametrize(
    ("limit", "others", "said"),
    [
        (0, {}, "neither a batch of 16 nor a part of it that was tried fits: use a smaller image_size or network"),
        (6, {"sampler": BALANCED}, "a batch of 6 fits; 12 does not: let the sampler make smaller batches"),
    ],
)
def test_no_part_fits_or_the_sampler_has_no_batch_size(
    limit: int, others: dict[str, Any], said: str, train: Callable[..., Path]
) -> None:
    with pytest.raises(MaskrecError, match=f": {said}$"):
        train("run", {**cramped(limit), **others})


def test_the_search_changes_no_weight_statistic_or_random_state(tmp_path: Path) -> None:
    catalog = discover([PIECES])
    plan = resolve(write_recipe(tmp_path, cramped(5, at=2)), catalog=catalog, data_root=tmp_path)
    assembly = assemble(plan, catalog, tmp_path, tmp_path)
    stepper = TrainStep(assembly)
    places = epoch_places(assembly.sampler, 0)
    loaded = list(load(assembly.dataset, places[:2], 0, False))
    stepper.step([stepper.prepare(loaded[0], 0, 0)])
    prepared = stepper.prepare(loaded[1], 0, 1)
    before = _copied(networks_state(stepper))
    with pytest.raises(MaskrecError, match="batch_size: 4 fits"):
        stepper.step([prepared])
    assert differences(before, networks_state(stepper)) == []
    assert all(weight.grad is None for weight in stepper.backbone.parameters())


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def test_the_search_is_bounded_and_ends_at_another_error() -> None:
    tried: list[int] = []

    def full(rows: int) -> None:
        tried.append(rows)
        raise torch.OutOfMemoryError

    assert largest_that_fits(full, 1 << 30) == 0
    assert tried == [(1 << 30) >> number for number in range(1, TRIES + 1)]

    def single(rows: int) -> None:
        raise ValueError("more than 1 value per channel is expected") if rows == 1 else torch.OutOfMemoryError

    assert largest_that_fits(single, 8) == 0
    assert largest_that_fits(lambda rows: None, 1) == 0
