"""People as mean embeddings of a few of their photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.images.canvas import to_canvas
from maskrec.images.decoding import decode_image
from maskrec.preparation.checking.shared_people import plain_name
from maskrec.preparation.face_sets import FaceSet

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 64


@dataclass(frozen=True, slots=True)
class People:
    """The people of one set.

    Args:
        faces: the set.
        names: of the people, as the set writes them.
        photos: one photo of each, used in problems.
        means: float32 ``(people, d)`` of length 1.
    """

    faces: FaceSet
    names: Sequence[str]
    photos: Sequence[int]
    means: NDArray[np.float32]


def photos_of_people(faces: FaceSet, usable: NDArray[np.bool_], most: int) -> dict[str, list[int]]:
    """At most ``most`` photos of each person, spread evenly over all, by normalised name."""
    photos: dict[str, list[int]] = {}
    for index in np.flatnonzero(usable).tolist():
        if faces.people[index]:
            photos.setdefault(plain_name(faces.people[index]), []).append(index)
    for name, mine in photos.items():
        if len(mine) > most:
            photos[name] = [mine[i * len(mine) // most] for i in range(most)]
    return photos


def embed_people(
    faces: FaceSet, chosen: dict[str, list[int]], network: Any, workers: int, advance: Callable[[int], None]
) -> People:
    """Each person's mean of unit embeddings, scaled to length 1.

    Args:
        faces: the set.
        chosen: photos of each person.
        network: embeds according to its own ``input_spec``; in eval mode.
        workers: threads that decode.
        advance: called with how many more photos are finished.

    Raises:
        MaskrecError: a photo cannot be fitted to the canvas, or embeddings are not finite.
    """
    owners = np.repeat(np.arange(len(chosen)), [len(photos) for photos in chosen.values()])
    order = [index for photos in chosen.values() for index in photos]
    sums: NDArray[np.float64] | None = None
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            images = list(pool.map(partial(_canvas, faces, network.input_spec), part))
            rows = _embed(network, images, str(faces.path))
            sums = np.zeros((len(chosen), rows.shape[1])) if sums is None else sums
            np.add.at(sums, owners[start : start + BATCH], rows)
            advance(len(part))
    if sums is None:
        sums = np.zeros((0, int(network.embedding_size)))
    means = (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    photos = [mine[0] for mine in chosen.values()]
    return People(faces, [faces.people[photo] for photo in photos], photos, means)


def _canvas(faces: FaceSet, spec: Any, index: int) -> Tensor:
    name = faces.photo(index)
    pixels = decode_image(faces.read(index), name)
    points = None if faces.landmarks is None else faces.landmarks[index].astype(np.float64)
    try:
        return to_canvas(pixels, points, spec.size, spec.alignment)[0]
    except (ValueError, cv2.error) as error:
        raise UsageError(f"{name}: cannot be fitted to the canvas: {error}") from error


def _embed(network: Any, images: list[Tensor], what: str) -> NDArray[np.float64]:
    import torch

    from maskrec.runtime.model_input import normalize_input

    weights = next(network.parameters(), None)
    device = torch.device("cpu") if weights is None else weights.device
    with torch.inference_mode():
        batch = torch.stack(images).to(device).float() / 255
        rows = network(normalize_input(batch, network.input_spec, torch.float32, False)).float().cpu().numpy()
    rows = np.asarray(rows, np.float64)
    if not np.isfinite(rows).all():
        raise MaskrecError(f"{what}: the model's embeddings are not finite; its training has diverged")
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
