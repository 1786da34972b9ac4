"""Embeds the images of pair sets: every distinct image once per view, masks put on by the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from maskrec.base.errors import MaskrecError
from maskrec.base.random import Draws
from maskrec.contracts.collectives import gather_rows, shard_bounds
from maskrec.contracts.evaluation import View
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.faces.masks import MASK_TYPES, put_on_masks
from maskrec.runtime.device import autocast
from maskrec.runtime.loading import LoadedBatch, load
from maskrec.runtime.model_input import normalize_input

BATCH_SIZE = 128


@dataclass
class Embedder:
    """The ``embed`` of one evaluation; its answers are kept until the next one.

    Args:
        network: embeds normalised images; put into eval mode while it works.
        spec: its input statistics.
        device: where it is.
        precision: as the recipe's, resolved.
        dtype: of its weights.
        channels_last: memory format of the images.
        seed: the run's; masks are drawn by it, the set's label and the image's index, the same at every epoch.
        workers: loader processes.
        advance: called after each batch with its number of images.
    """

    network: nn.Module
    spec: InputSpec
    device: torch.device
    precision: str
    dtype: torch.dtype
    channels_last: bool
    seed: int
    workers: int
    advance: Callable[[int], None] = lambda _: None
    kept: dict[tuple[int, View], tuple[PairSet, NDArray[np.float32]]] = field(default_factory=dict)

    def __call__(self, pairs: PairSet, view: View | None = None) -> NDArray[np.float32]:
        """float32 ``(n, d)``, one row for each of ``pairs.images``, before normalisation.

        Raises:
            MaskrecError: an image that cannot be read, or embeddings that are not finite.
        """
        view = view or View()
        key = (id(pairs), view)
        if key not in self.kept:
            self.kept[key] = (pairs, self._embed_all(pairs, view))
        return self.kept[key][1]

    def _embed_all(self, pairs: PairSet, view: View) -> NDArray[np.float32]:
        first, last = shard_bounds(len(pairs.images))
        places = [
            [(index, index) for index in range(start, min(start + BATCH_SIZE, last))]
            for start in range(first, last, BATCH_SIZE)
        ]
        kinds = _mask_numbers(pairs)
        rows = []
        was_training = self.network.training
        self.network.eval()
        try:
            for loaded in load(pairs.images, places, self.workers, self.device.type == "cuda"):
                rows.append(self._embed_batch(loaded.to(self.device), kinds, pairs.label, view))
                self.advance(len(loaded.labels))
        finally:
            self.network.train(was_training)
        embeddings = gather_rows(torch.cat(rows) if rows else torch.zeros(0))
        if not bool(torch.isfinite(embeddings).all()):
            raise MaskrecError(f"{pairs.label}: the network's embeddings are not finite; its training has diverged")
        return embeddings.cpu().numpy()

    @torch.no_grad()
    def _embed_batch(self, loaded: LoadedBatch, kinds: Tensor, label: str, view: View) -> Tensor:
        images = loaded.images.float() / 255
        wanted = kinds.to(self.device)[loaded.indices]
        if loaded.landmarks is not None and bool((wanted >= 0).any()):
            images = put_on_masks(images, loaded.landmarks, wanted, Draws(self.seed, 0, label, loaded.indices))
        images = normalize_input(seen(images, view), self.spec, self.dtype, self.channels_last)
        with autocast(self.precision, self.device):
            embeddings: Tensor = self.network(images)
        return embeddings.float()


def seen(images: Tensor, view: View) -> Tensor:
    """Images ``(B, 3, H, W)`` as the view shows them: cropped, resized back, mirrored."""
    if view.crop < 1.0:
        size = images.shape[-1]
        side = max(1, round(size * view.crop))
        start = (size - side) // 2
        crop = images[..., start : start + side, start : start + side]
        images = interpolate(crop, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return images.flip(-1) if view.flip else images


def _mask_numbers(pairs: PairSet) -> Tensor:
    """Each image's mask as an index into ``MASK_TYPES``, -1 for none."""
    for kind in set(pairs.mask_types) - {None, *MASK_TYPES}:
        raise MaskrecError(
            f"{pairs.label}: there is no mask type {kind!r}; known mask types are {', '.join(MASK_TYPES)}"
        )
    numbers = [-1 if kind is None else MASK_TYPES.index(kind) for kind in pairs.mask_types]
    return torch.tensor(numbers, dtype=torch.int64)
