"""Embeds images: loaded by workers, masks put on by the device, every view that an evaluator asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from maskrec.base.errors import MaskrecError
from maskrec.base.progress import Progress
from maskrec.base.random import SeededDraws
from maskrec.base.words import counted, type_shown
from maskrec.contracts.collectives import gather_rows, shard_bounds
from maskrec.contracts.component_calls import origin_of
from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import PairSet
from maskrec.faces.masks import MASK_TYPES, put_on_masks
from maskrec.inference.embedding_cache import EmbeddingCache
from maskrec.inference.image_digests import ImageDigests
from maskrec.inference.model import Model, eval_mode
from maskrec.inference.torch_network import embed_images
from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import LoadedBatch, Samples, load


@dataclass
class Embedder:
    """The ``embed`` of one evaluation; its answers for pair sets are kept, so the weights must not change meanwhile.

    Args:
        model: its network is moved to where ``compute`` says, and is in eval mode while it embeds.
        compute: device, precision and memory format.
        seed: the run's; masks are drawn by it, the set's label and the image's index, the same at every epoch.
        workers: loader processes.
        batch_size: images that are embedded at once; masks and images do not depend on it.
        share_bare: whether an image without a mask that was embedded before, in another set, is not embedded again. It
            is recognized by its pixels. Others are then embedded in smaller batches, which may change the last bits.
        progress: shows how far a set is; None shows nothing.
        digests: notes the content of every image that is loaded; None notes nothing.
        cache: embeddings kept on disk; None keeps none.
    """

    model: Model
    compute: Compute
    seed: int
    workers: int
    batch_size: int = 128
    share_bare: bool = False
    progress: Progress | None = None
    digests: ImageDigests | None = None
    cache: EmbeddingCache | None = None
    _kept: dict[tuple[int, View], tuple[PairSet, NDArray[np.float32]]] = field(default_factory=dict, init=False)
    _bare: dict[tuple[bytes, View], Tensor] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.compute.place(self.model.network)

    def __call__(self, pairs: PairSet, view: View | None = None) -> NDArray[np.float32]:
        """float32 ``(n, d)``, one row for each of ``pairs.images``, before normalization.

        Several processes share the images, and each gets all rows. They are read-only: the next call returns them too.

        Raises:
            MaskrecError: an image that cannot be read, or embeddings that are not finite.
            TypeError: something other than a pair set.
        """
        require_pair_set(pairs)
        view = view or View()
        key = (id(pairs), view)
        if key not in self._kept:  # the pair set is kept too, or another one could get its id
            rows = self._embed_pairs(pairs, view)
            rows.setflags(write=False)
            self._kept[key] = (pairs, rows)
        return self._kept[key][1]

    @property
    def asked(self) -> tuple[PairSet, ...]:
        """The pair sets that were embedded so far, each once, in order."""
        return tuple({id(pairs): pairs for pairs, _ in self._kept.values()}.values())

    def embed_samples(self, samples: Samples, label: str) -> Iterator[NDArray[np.float32]]:
        """Rows of all samples in order, a batch at a time: float32 ``(b, d)``, before normalization.

        Args:
            samples: faces on the canvas.
            label: names them in messages.

        Raises:
            MaskrecError: a sample that cannot be read, or embeddings that are not finite.
        """
        for rows in self._embed_batches(samples, range(len(samples)), None, label, View()):
            yield _finite(rows, label).cpu().numpy()

    def _embed_pairs(self, pairs: PairSet, view: View) -> NDArray[np.float32]:
        masks = mask_numbers(pairs)
        own = range(*shard_bounds(len(pairs.images)))
        rows = list(self._counted(self._embed_batches(pairs.images, own, masks, pairs.label, view), pairs, len(own)))
        whole = gather_rows(torch.cat(rows) if rows else self._no_rows())
        return _finite(whole, pairs.label, partial(origin_of, pairs.images)).cpu().numpy()

    def _counted(self, batches: Iterator[Tensor], pairs: PairSet, images: int) -> Iterator[Tensor]:
        """The batches, counted on the screen."""
        if self.progress is None:
            yield from batches
            return
        done = 0
        self.progress.begin(f"embedding {pairs.label}", images)
        try:
            for rows in batches:
                done += len(rows)
                self.progress.update(done, "")
                yield rows
        finally:
            self.progress.stop()

    def _no_rows(self) -> Tensor:
        """What a process without images has; of the width and on the device of the others' rows."""
        width = int(getattr(self.model.network, "embedding_size", 0))
        return torch.zeros(0, width, device=self.compute.device)

    def _embed_batches(
        self, samples: Samples, indices: range, masks: Tensor | None, label: str, view: View
    ) -> Iterator[Tensor]:
        """Rows of some samples as they come out of the network, in float32 on the device."""
        starts = range(0, len(indices), self.batch_size)
        places = [[(index, index) for index in indices[start : start + self.batch_size]] for start in starts]
        with eval_mode(self.model.network):
            for loaded in load(samples, places, self.workers, self.compute.pin_memory):
                yield self._embed_batch(loaded.to(self.compute.prepares_on), masks, label, view)

    def _embed_batch(self, loaded: LoadedBatch, masks: Tensor | None, label: str, view: View) -> Tensor:
        if self.digests is not None and masks is not None:
            self.digests.note(label, loaded, masks)
        if not self.share_bare:
            return self._embed_loaded(loaded, masks, label, view)
        wear = [False] * len(loaded.indices) if masks is None else (masks[loaded.indices.cpu()] >= 0).tolist()
        images = loaded.images.cpu().numpy()
        keys = [None if worn else (blake2b(image).digest(), view) for worn, image in zip(wear, images, strict=True)]
        new = [row for row, key in enumerate(keys) if key is None or key not in self._bare]
        found = self._embed_loaded(_some(loaded, new), masks, label, view) if new else self._no_rows()
        rows = dict(zip(new, found, strict=True))
        self._bare |= {key: rows[row] for row in new if (key := keys[row]) is not None}
        return torch.stack(
            [rows[row] if key is None or row in rows else self._bare[key] for row, key in enumerate(keys)]
        )

    @torch.no_grad()
    def _embed_loaded(self, loaded: LoadedBatch, masks: Tensor | None, label: str, view: View) -> Tensor:
        images = worn_images(loaded, masks, self.seed, label)
        embed = partial(embed_images, self.model, self.compute)
        return embed(seen(images, view)) if self.cache is None else self.cache.embed(seen(images, view), embed)


def worn_images(loaded: LoadedBatch, masks: Tensor | None, seed: int, label: str) -> Tensor:
    """The images as they are embedded, with their masks on: float ``(B, 3, H, W)`` in [0, 1].

    Args:
        loaded: some images of a pair set.
        masks: of all its images, as `mask_numbers` has them; None puts none on.
        seed: the run's.
        label: of the pair set.

    Raises:
        MaskrecError: masks are to be put on, and an image has no landmarks.
    """
    images = loaded.images.float() / 255
    worn = None if masks is None else masks.to(loaded.indices.device)[loaded.indices]
    if worn is None or not bool((worn >= 0).any()):
        return images
    if loaded.landmarks is None:
        raise MaskrecError(f"{label}: masks are to be put on its images, and not all of them have landmarks")
    return put_on_masks(images, loaded.landmarks, worn, SeededDraws(seed, 0, label, loaded.indices))


def require_pair_set(given: object) -> None:
    """Raise TypeError unless ``embed`` was given a pair set; the evaluator's author reads the message."""
    if isinstance(given, PairSet):
        return
    hint = "give it the whole set: its embeddings have one row for each of its images"
    if isinstance(given, Mapping):
        hint = "annotate the parameter of __init__ that it comes from: `pairs: Pairs` (from maskrec import Pairs)"
    raise TypeError(f"embed was given {type_shown(given)}, and it takes a PairSet; {hint}")


def seen(images: Tensor, view: View) -> Tensor:
    """Images ``(B, 3, H, W)`` as the view shows them: cropped, resized back, mirrored."""
    if view.crop < 1.0:
        height, width = images.shape[-2:]
        rows, columns = _middle(height, view.crop), _middle(width, view.crop)
        rows = slice(0, rows.stop - rows.start) if view.upper else rows
        images = interpolate(
            images[..., rows, columns], size=(height, width), mode="bilinear", align_corners=False, antialias=True
        )
    return images.flip(-1) if view.flip else images


def _middle(side: int, share: float) -> slice:
    """The middle part of a side, at least one pixel."""
    kept = max(1, round(side * share))
    start = (side - kept) // 2
    return slice(start, start + kept)


def _some(loaded: LoadedBatch, rows: list[int]) -> LoadedBatch:
    """Some of the samples of a batch."""
    columns = ("images", "labels", "masked", "indices", "positions")
    landmarks = None if loaded.landmarks is None else loaded.landmarks[rows]
    return replace(loaded, landmarks=landmarks, **{name: getattr(loaded, name)[rows] for name in columns})


def _finite(rows: Tensor, label: str, origin: Callable[[int], tuple[str, bool]] | None = None) -> Tensor:
    wrong = torch.nonzero(~torch.isfinite(rows).all(dim=1)).flatten().tolist()
    if wrong and origin is not None and len(wrong) < len(rows):
        raise MaskrecError(
            f"{label}: the network's embeddings of {len(wrong):,} of {counted(len(rows), 'image')} are not finite, the "
            f"first of {origin(wrong[0])[0]}; take such images out, or use other weights"
        )
    if wrong:
        raise MaskrecError(f"{label}: the network's embeddings are not finite; its training has diverged")
    return rows


def mask_numbers(pairs: PairSet) -> Tensor:
    """Each image's mask as an index into ``MASK_TYPES``, -1 for none: int64 ``(n,)``.

    Raises:
        MaskrecError: a mask type that does not exist.
    """
    for kind in set(pairs.mask_types) - {None, *MASK_TYPES}:
        raise MaskrecError(f"{pairs.label}: no mask is called {kind!r}; there are {', '.join(MASK_TYPES)}")
    numbers = [-1 if kind is None else MASK_TYPES.index(kind) for kind in pairs.mask_types]
    return torch.tensor(numbers, dtype=torch.int64)
