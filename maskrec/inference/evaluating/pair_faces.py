"""Faces of a pair set as pictures, as the network saw them: aligned, with their masks on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.images.encoding import encode_image
from maskrec.inference.embedder import mask_numbers, worn_images
from maskrec.inference.evaluating.building_evaluators import build_evaluators
from maskrec.inference.evaluating.evaluated_subject import open_subject
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.evaluations_only import resolve_evaluations
from maskrec.runtime.loading import load
from maskrec.runtime.run_plan import catalog_of_run

_QUALITY = 80
_BATCH = 64


def pair_faces(folder: Path, asked: Mapping[str, Sequence[int]], catalog: Catalog) -> dict[tuple[str, int], bytes]:
    """JPEG bytes by pair set and image.

    Args:
        folder: a run directory, or the folder of an evaluated model; its pair sets are opened again.
        asked: places of images by the label of their pair set.
        catalog: where names are looked up.

    Raises:
        UsageError: the folder has no evaluations of its own, or an image that is asked for is not in its set any more.
        MaskrecError: an image that cannot be read.
    """
    subject = open_subject(folder, catalog)
    if subject.own is None:
        raise UsageError(f"{folder} does not say what it was evaluated on, so its faces cannot be found again")
    own = subject.own
    catalog = catalog_of_run(own.path.parent, catalog) if own.of_a_run else catalog
    evaluations = resolve_evaluations(own.path, catalog=catalog, data_root=own.data_root, of_a_run=own.of_a_run)
    size = evaluations.image_size or subject.image_size or subject.model.spec.size
    context = Context(data_root=own.data_root, input_spec=subject.model.spec, device="cpu")
    with tempfile.TemporaryDirectory(prefix="maskrec-") as scratch:
        builder, _, _ = build_evaluators(evaluations, subject.model, size, context, catalog, Path(scratch), subject.run)
        return {
            (pairs.label, index): picture
            for _, pairs in builder.pair_sets
            if pairs.label in asked
            for index, picture in pictures(pairs, asked[pairs.label], evaluations.seed).items()
        }


def pictures(pairs: PairSet, asked: Sequence[int], seed: int) -> dict[int, bytes]:
    """JPEG bytes of some images of a set.

    Args:
        pairs: the set.
        asked: places of images.
        seed: by which masks are drawn.

    Raises:
        UsageError: the set has fewer images.
        MaskrecError: an image that cannot be read.
    """
    order = sorted(set(asked))
    if order and order[-1] >= len(pairs.images):
        raise UsageError(
            f"{pairs.label} has {len(pairs.images)} images now and had more when it was evaluated; evaluate it again"
        )
    masks = mask_numbers(pairs)
    places = [[(index, index) for index in order[start : start + _BATCH]] for start in range(0, len(order), _BATCH)]
    found = {}
    for loaded in load(pairs.images, places, 0, False):
        images = worn_images(loaded, masks, seed, pairs.label)
        pixels = images.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
        for index, each in zip(loaded.indices.tolist(), pixels, strict=True):
            found[index] = encode_image(each, "jpg", _QUALITY)
    return found
