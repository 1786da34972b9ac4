"""Transforms, each with one fault."""

from __future__ import annotations

from dataclasses import replace

import torch

from maskrec import Component, hookimpl

FAILS = {
    "global_generator": {"draws_only_from_draws", "independent_of_other_samples"},
    "batch_mean": {"independent_of_other_samples"},
    "double_images": {"types_kept"},
    "smaller_images": {"shapes_kept", "landmarks_move_with_pixels"},
    "still_landmarks": {"landmarks_move_with_pixels"},
    "unswapped_mirror": {"landmarks_move_with_pixels", "probability_zero_changes_nothing"},
    "images_only": {"landmarks_move_with_pixels"},
    "masks_clean": {"hiding_leaves_clean"},
    "masks_the_masked": {"hiding_leaves_clean", "probability_zero_changes_nothing"},
    "always_brighter": {"probability_zero_changes_nothing"},
}


@hookimpl
def maskrec_transforms() -> list[Component]:
    return [
        Component("global_generator", ":GlobalGenerator", "brightness from torch's global generator"),
        Component("batch_mean", ":BatchMean", "subtracts the mean of the batch"),
        Component("double_images", ":DoubleImages", "returns float64"),
        Component("smaller_images", ":SmallerImages", "cuts the border off"),
        Component("still_landmarks", ":StillLandmarks", "moves the pixels only"),
        Component("unswapped_mirror", ":UnswappedMirror", "mirrors and leaves left landmarks left"),
        Component("images_only", ":ImagesOnly", "mirrors images and landmarks, and not the clean ones"),
        Component("masks_clean", ":MasksClean", "blackens the lower half of clean faces too"),
        Component("masks_the_masked", ":MasksTheMasked", "blackens the lower half of masked faces too"),
        Component("always_brighter", ":AlwaysBrighter", "ignores its probability"),
    ]


class GlobalGenerator:
    """Brightness from torch's global generator."""

    def __call__(self, batch, draws):
        return replace(batch, images=batch.images * torch.rand(len(batch.images), 1, 1, 1))


class BatchMean:
    """Subtracts the mean of the batch."""

    def __call__(self, batch, draws):
        return replace(batch, images=(batch.images - batch.images.mean(0) + 0.5).clamp(0, 1))


class DoubleImages:
    """Returns float64."""

    def __call__(self, batch, draws):
        return replace(batch, images=batch.images.double())


class SmallerImages:
    """Cuts a border off."""

    def __call__(self, batch, draws):
        return replace(batch, images=batch.images[..., 2:-2, 2:-2], clean=batch.clean[..., 2:-2, 2:-2])


class StillLandmarks:
    """Moves the pixels three to the right, and no landmark."""

    def __call__(self, batch, draws):
        return replace(batch, images=batch.images.roll(3, 3), clean=batch.clean.roll(3, 3))


class UnswappedMirror:
    """Mirrors everything, whatever its probability, and leaves the left eye the first landmark.

    Args:
        probability: ignored.
    """

    def __init__(self, probability: float = 1.0) -> None:
        self.probability = probability

    def __call__(self, batch, draws):
        landmarks = batch.landmarks.clone()
        landmarks[..., 0] = batch.images.shape[3] - 1 - landmarks[..., 0]
        return replace(batch, images=batch.images.flip(3), clean=batch.clean.flip(3), landmarks=landmarks)


class ImagesOnly:
    """Mirrors the images alone."""

    def __call__(self, batch, draws):
        return replace(batch, images=batch.images.flip(3))


class MasksClean:
    """Blackens the lower half of bare faces, of clean ones too."""

    sets_masked = True

    def __call__(self, batch, draws):
        half = batch.images.shape[2] // 2
        images, clean, bare = batch.images.clone(), batch.clean.clone(), ~batch.masked
        images[bare, :, half:] = 0
        clean[bare, 2, half:] = 0
        return replace(batch, images=images, clean=clean, masked=torch.ones_like(batch.masked))


class MasksTheMasked:
    """Blackens the lower half of every face, whatever its probability.

    Args:
        probability: ignored.
    """

    def __init__(self, probability: float = 1.0) -> None:
        self.probability = probability

    def __call__(self, batch, draws):
        images = batch.images.clone()
        images[:, :, images.shape[2] // 2 :] = 0
        return replace(batch, images=images, masked=torch.ones_like(batch.masked))


class AlwaysBrighter:
    """Makes faces brighter, whatever its probability.

    Args:
        probability: ignored.
    """

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = probability

    def __call__(self, batch, draws):
        return replace(batch, images=(batch.images * 1.1).clamp(0, 1))
