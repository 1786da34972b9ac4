"""Masks must matter: what a network trained on bare cartoon faces loses, and that training with masks recovers it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

RECIPE = """
image_size: 64
backbone: {use: timm, model: test_resnet, embedding_size: 128}
data: {use: synthetic_faces, identities: 200, images_per_identity: 20}
transforms:
  flip: {use: horizontal_flip}
  mask: {use: synthetic_mask, probability: 0.5}
loss: {use: arcface, scale: 30, margin: 0.3}
sampler: {use: shuffled, batch_size: 128}
optimizer: {use: sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 5e-4}
scheduler: {use: onecycle, max_lr: 0.1, every: step}
evaluate:
  held_out:
    use: verification
    pairs: {use: synthetic_pairs, first_identity: 10000}
    test: {use: synthetic_pairs, first_identity: 20000}
train: {epochs: 15, evaluate_every: 15, channels_last: true}
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_masks_matter(seed: int, tmp_path: Path, maskrec_cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    recipe = tmp_path / "masks_matter.yaml"
    recipe.write_text(f"seed: {seed}\n{RECIPE}", encoding="utf-8")
    accuracy = {}
    for name, override in (("bare", ["transforms.mask=null"]), ("masked", [])):
        done = maskrec_cli("run", recipe, *override, "--run-dir", tmp_path / name)
        assert done.returncode == 0, done.stderr
        result = json.loads((tmp_path / name / "result.json").read_text(encoding="utf-8"))
        accuracy[name] = result["test"]["held_out"]["metrics"]
    print(
        seed,
        {
            name: {key: round(value, 4) for key, value in found.items() if key.startswith("accuracy/")}
            for name, found in accuracy.items()
        },
    )
    on_bare, on_masked = accuracy["bare"]["accuracy/bare"], accuracy["bare"]["accuracy/both_masked"]
    lost = on_bare - on_masked
    assert on_bare > 0.8
    assert lost >= 0.02
    assert accuracy["masked"]["accuracy/both_masked"] - on_masked >= lost / 2
