"""How pair sets are embedded: in eval mode, by the view that the evaluator asks for, in the run's precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from probe_runs import WATCH, embed_by_hand, embedded, pictures, probe, state

from maskrec.contracts.evaluation import View
from maskrec.inference.embedder import seen


@pytest.mark.parametrize("backbone", ["batch_norm: true", "dropout: 0.5"])
def test_the_network_is_in_eval_mode_and_goes_back_to_training(backbone: str, tmp_path: Path) -> None:
    run = probe(tmp_path, None, f"backbone={{use: linear, {backbone}}}", "train.epochs=2")
    by_hand = embed_by_hand(state(run)["backbone"], pictures())
    assert np.abs(embedded(run, 1) - by_hand).max() < 1e-5
    if "batch_norm" in backbone:  # counted in training mode only, by every step of both epochs
        assert state(run)["backbone"]["norm.num_batches_tracked"].item() == 6


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mirrored_view_is_embedded_mirrored(mirrored: bool, tmp_path: Path) -> None:
    run = probe(tmp_path, {"evaluate": {"held_out": {**WATCH, "flip": mirrored}}})
    expected = {
        flip: embed_by_hand(state(run)["backbone"], pictures().flip(-1) if flip else pictures())
        for flip in (False, True)
    }
    assert np.abs(embedded(run) - expected[mirrored]).max() < 1e-5
    assert np.abs(expected[False] - expected[True]).max() > 0.1
    assert np.array_equal(embedded(run, "test"), embedded(run))


def test_a_cropped_view_is_the_middle_at_the_canvas_size(tmp_path: Path) -> None:
    run = probe(tmp_path, {"evaluate": {"held_out": {**WATCH, "crop": 0.5}}})
    middle = torch.nn.functional.interpolate(
        pictures()[..., 2:6, 2:6], size=(8, 8), mode="bilinear", align_corners=False, antialias=True
    )
    assert np.abs(embedded(run) - embed_by_hand(state(run)["backbone"], middle)).max() < 1e-4
    assert np.abs(embedded(run) - embed_by_hand(state(run)["backbone"], pictures())).max() > 0.1


@pytest.mark.parametrize(
    ("share", "side"), [(0.5, 4), (0.75, 6), (0.7, 6), (0.1, 1), (0.01, 1)], ids=["half", "even", "odd", "one", "none"]
)
def test_a_crop_takes_the_central_share_of_the_canvas(share: float, side: int) -> None:
    """A frame of zeros around ones: only ones are left when the crop is not larger than they are."""
    start = (8 - side) // 2
    images = torch.zeros(1, 3, 8, 8)
    images[..., start : start + side, start : start + side] = 1
    assert torch.equal(seen(images, View(crop=share)), torch.ones(1, 3, 8, 8))
    images[..., start, start] = 0  # and the crop is not smaller
    assert seen(images, View(crop=share)).min() < 0.9


def test_an_upper_crop_reaches_to_the_upper_edge_and_is_centred_across() -> None:
    images = torch.zeros(1, 3, 8, 8)
    images[..., :4, 2:6] = 1
    assert torch.equal(seen(images, View(crop=0.5, upper=True)), torch.ones(1, 3, 8, 8))
    assert seen(images, View(crop=0.5)).min() == 0
    assert torch.equal(seen(images, View(upper=True)), images)


def test_mirroring_and_cropping_go_together() -> None:
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    both = seen(images, View(flip=True, crop=0.5))
    torch.testing.assert_close(both, seen(images.flip(-1), View(crop=0.5)))
    assert torch.equal(seen(images, View()), images)


def test_embeddings_are_taken_in_the_runs_precision(tmp_path: Path) -> None:
    half = embedded(probe(tmp_path, None, "train.precision=bfloat16", name="half"))
    whole = embedded(probe(tmp_path, None, "train.precision=float32", name="whole"))
    assert half.dtype == whole.dtype == np.float32
    rounded = [torch.from_numpy(each).bfloat16().float().numpy() for each in (half, whole)]
    assert np.array_equal(rounded[0], half)
    assert not np.array_equal(rounded[1], whole)
