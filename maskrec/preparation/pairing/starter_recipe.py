"""The recipe that `data pairs` writes beside its CSVs: training on them with masks, measured by their pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.images.decoding import decode_image, read_bytes
from maskrec.preparation.pairing.settings import PairSettings
from maskrec.preparation.sources.face_list import FaceRow

RECIPE = "masked_faces.yaml"
_CANVAS = 112  # the side of aligned faces by default

_HEAD = """\
# Trains on train.csv, chooses thresholds on eval_same.csv and eval_diff.csv and measures once on test.csv.
# Written by `maskrec data pairs`; it is yours to change. D is this folder:
#   maskrec check D/masked_faces.yaml --data-root D --dry-run
#   maskrec run D/masked_faces.yaml --data-root D
"""

_OWN = """\
requires: [maskrec>=0.1]
seed: {seed}
image_size: {size}
backbone: {{use: timm, model: resnet18, embedding_size: 256}}
loss: {{use: arcface, scale: 32, margin: 0.3}}
# A sixteenth of the {faces:,} faces in train.csv, 16 at least and {most} at most: enough steps in an epoch.
sampler: {{use: shuffled, batch_size: {batch}}}
data: {{use: image_csv, path: train.csv}}
transforms:
  flip: {{use: horizontal_flip}}{mask}
evaluate:
  held_out:
    use: verification{folds}
    pairs: {{use: pairs_csv, same: eval_same.csv, different: eval_diff.csv{more}}}{test}
optimizer: {{use: sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 5e-4}}
scheduler: {{use: onecycle, max_lr: 0.1, every: step}}
train: {{epochs: 20, best: {{metric: held_out.accuracy}}}}
"""

_MASK = """
  # Every second face gets a mask, a new one each time; one that wears a mask already never gets a second.
  mask: {use: synthetic_mask, probability: 0.5}"""

_REFERENCE = """\
extends: maskrec:arcface_inception
seed: {seed}
# Random weights. Delete this line to start from facenet-pytorch's VGGFace2 weights, as the reference does.
backbone: {{pretrained: null}}
# A sixteenth of the {faces:,} faces in train.csv, 16 at least and {most} at most: enough steps in an epoch.
sampler: {{batch_size: {batch}}}
data: {{path: train.csv}}{masks}
evaluate:
  masked_lfw:
    evaluation: {{same: eval_same.csv, different: eval_diff.csv{more}}}{test}
"""

_ALL_MASKED = """
transforms:
  # The reference trains on masked photos only: bare faces get a mask, masked ones keep theirs.
  mask: {use: synthetic_mask, probability: 1.0}"""


def recipe_text(settings: PairSettings, faces: Sequence[FaceRow], counts: Mapping[str, Mapping[str, Any]]) -> str:
    """The recipe; "" without people to train on, or without pairs to choose a threshold on.

    Args:
        settings: what was written.
        faces: those that it was made from; the first that can be read gives the canvas.
        counts: the files' contents in numbers, by name.
    """
    if "train.csv" not in counts or "eval_same.csv" not in counts:
        return ""
    reference, landmarks = settings.protocol == "reference", "landmarks.csv" in counts
    more = (", landmarks: landmarks.csv" if landmarks else "") + (
        ", allow_same_photo: true" if settings.same_photo else ""
    )
    path = "path: test.csv" if reference else "use: pairs_csv, path: test.csv"
    test = f"\n    test: {{{path}{more}}}" if "test.csv" in counts else ""
    faces_in_train, most = int(counts["train.csv"]["faces"]), 128 if reference else 64
    batched = {"faces": faces_in_train, "most": most, "batch": _batch_size(faces_in_train, most)}
    if reference:
        masks = _ALL_MASKED if landmarks else ""
        return _HEAD + _REFERENCE.format(seed=settings.seed, **batched, masks=masks, more=more, test=test)
    fewest = settings.evaluation
    folds = f"\n    folds: {fewest}" if fewest < 10 else ""
    values = {"mask": _MASK if landmarks else "", "folds": folds, "more": more, "test": test}
    return _HEAD + _OWN.format(seed=settings.seed, size=_side(faces), **batched, **values)


def _batch_size(faces: int, most: int) -> int:
    """About sixteen steps an epoch with few faces; never more than there are."""
    return min(faces, most, max(16, faces // 16))


def _side(faces: Sequence[FaceRow]) -> int:
    """Of the first square face; photos that are not aligned keep the usual canvas."""
    for face in faces[:8]:
        try:
            height, width, _ = decode_image(read_bytes(face.path), face.name).shape
        except (UsageError, OSError):
            continue
        return int(height) if height == width else _CANVAS
    return _CANVAS
