"""What every sample of a data set and every answer of a network must be.

Samples are looked at wherever they are read, so that the number of workers changes no message.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import type_shown
from maskrec.contracts.component_calls import method_of
from maskrec.contracts.sample import Sample, SampleColumns

Shape = tuple[int, ...]


def sample_problem(sample: Any, shape: Shape | None) -> str | None:
    """What is wrong with what a data set returned for an index, as the end of a sentence; None where nothing is.

    Args:
        sample: it.
        shape: of the images before it; None for the first.
    """
    if not isinstance(sample, Sample):
        return f"is {type_shown(sample)}; a data set must return a Sample"
    return image_problem(sample.image, shape) or _label_problem(sample) or _landmarks_problem(sample)


def number_of(samples: Any, index: int) -> int:
    """A sample's number as messages give it: that of the whole data set, of which these may be a part."""
    place = method_of(samples, "place_in_whole")
    return index if place is None else int(place(index))


def image_of(samples: Any, index: int) -> Tensor | None:
    """The image of a sample, whose shape all others must have; None where it is wrong, as its next reader says."""
    try:
        sample = samples[index]
    except INTERRUPTS:
        raise
    except BaseException:  # third-party code; also SystemExit
        return None
    return sample.image if sample_problem(sample, None) is None else None


def image_problem(image: Any, shape: Shape | None) -> str | None:
    """What is wrong with a sample's image."""
    if not isinstance(image, Tensor):
        made = ": torch.from_numpy makes one" if isinstance(image, np.ndarray) else ""
        return f"has {type_shown(image)} as its image; an image must be a uint8 tensor (3, H, W){made}"
    found = f"has an image of {image.dtype} {tuple(image.shape)}"
    if image.dtype != torch.uint8:
        return f"{found}; images must be torch.uint8 with values from 0 to 255: they are divided by 255 later"
    if image.dim() != 3 or image.shape[0] != 3:
        return f"{found}; images must be (3, H, W)"
    if shape is not None and tuple(image.shape) != shape:
        return f"{found} and those before it {shape}; a data set must bring all images to one canvas"
    return None


def _label_problem(sample: Sample) -> str | None:
    try:
        operator.index(sample.label)
    except TypeError:
        return f"has the label {sample.label!r}; a label must be an integer"
    if not isinstance(sample.masked, (bool, np.bool_)):
        return f"has masked={sample.masked!r}; it must be True or False"
    return None


def _landmarks_problem(sample: Sample) -> str | None:
    points = sample.landmarks
    if points is None or (isinstance(points, Tensor) and points.shape == (5, 2)):
        return None
    shown = f"a tensor of shape {tuple(points.shape)}" if isinstance(points, Tensor) else type_shown(points)
    return f"has {shown} as its landmarks; they must be a tensor (5, 2) or None"


def columns_problem(columns: Any, rows: int) -> str | None:
    """What is wrong with what ``read_into`` returned for ``rows`` samples, as the end of a sentence."""
    if not isinstance(columns, SampleColumns):
        return f"returned {type_shown(columns)} from read_into; it must return SampleColumns"
    shapes = {"labels": (rows,), "masked": (rows,), "landmarks": (rows, 5, 2)}
    for name, shape in shapes.items():
        array = getattr(columns, name)
        if array is None and name == "landmarks":
            continue
        if not isinstance(array, np.ndarray) or array.shape != shape:
            found = f"an array {array.shape}" if isinstance(array, np.ndarray) else type_shown(array)
            return f"returned {found} for {name} from read_into; they must be an array {shape}"
    return None


def embeddings_problem(embeddings: Any, images: int) -> str | None:
    """What is wrong with what a network returned for this many images, as the end of a sentence."""
    if not isinstance(embeddings, Tensor):
        return f"returned {type_shown(embeddings)}; it must return one vector an image, (B, embedding_size)"
    if embeddings.ndim != 2 or not embeddings.is_floating_point():
        shown = f"{embeddings.dtype} {tuple(embeddings.shape)}"
        return f"returned {shown}; it must return one floating point vector an image, (B, embedding_size)"
    if len(embeddings) != images:
        return f"returned {len(embeddings)} embeddings for {images} images"
    return None
