"""The pairs of ``masked_lfw.yaml`` and MobileFaceNet's embeddings of them, as ``maskrec evaluate`` makes them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.progress import Progress
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.evaluating.evaluated_subject import open_written_subject
from maskrec.inference.evaluating.prepared_evaluation import WhatToEvaluate, prepare_evaluation
from maskrec.plugin.host import discover
from maskrec.recipe.evaluations_only import resolve_evaluations
from maskrec.recipe.plan import Train
from maskrec.runtime.compute import Compute

BACKBONE = "{use: mobilefacenet, weights: mobilefacenet.safetensors}"


def masked_lfw(faces: Path, cache: Path | None) -> tuple[PairSet, NDArray[np.float32]]:
    """The pairs, and a row for each of their images.

    Args:
        faces: holds lfw, lfw_pairs.txt, lfw_landmarks.csv and mobilefacenet.safetensors.
        cache: the folder of ``maskrec evaluate --cache``, from which rows are taken and in which new ones are kept.
    """
    catalog = discover([])
    file = Path(__file__).with_suffix(".yaml")
    evaluations = resolve_evaluations(file, catalog=catalog, data_root=faces)
    subject = open_written_subject(BACKBONE, catalog, faces)
    settings = Train(epochs=1, precision="float32", channels_last=True, device="cpu")  # those of maskrec evaluate
    what = WhatToEvaluate(subject, evaluations, faces, Compute.pick(settings), workers=0, cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_evaluation(what, catalog, Progress(None), Path(folder))
        (pairs,) = prepared.pair_sets
        rows = prepared.embed(pairs)
        prepared.save()
    return pairs, rows
