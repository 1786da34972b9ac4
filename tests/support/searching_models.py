"""A tiny exported model with measured error rates and a mask probe, for galleries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from compared_people import some_people
from numpy.typing import NDArray
from onnx_graphs import linear_model, write_model
from PIL import Image

from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.photos.mask_probe import MaskProbe, block_means
from maskrec.metrics import count_risk

SPEC = InputSpec(32, (0.68, 0.68, 0.68), (0.25, 0.25, 0.25), alignment="arcface")  # of bright faces
_MEANS = block_means(np.zeros((1, 32, 32, 3), np.uint8)).size
DARK = MaskProbe(np.full(_MEANS, -40.0 / _MEANS), 12.0)  # masked where the canvas is dark


def measured_decisions() -> Decisions:
    """Error rates of 40 people with three photos each, bare and masked."""
    risk = count_risk(*some_people(40, 3, 5))
    return Decisions(risk=risk, probe=DARK, measured_on="forty drawn people", caveats=("they are drawn",))


def write_searching_model(path: Path, decisions: Decisions | None = None) -> Path:
    """A matrix on the pixels of 32 x 32 faces as an exported file; ``decisions`` instead of the measured ones."""
    known = measured_decisions() if decisions is None else decisions
    return write_model(path, linear_model(), metadata_entries(OnnxMetadata(SPEC, known, weights="12" * 32)))


def write_crops(folder: Path, people: int, photos: int, seed: int = 7) -> dict[str, list[Path]]:
    """Aligned faces of people, bright enough to be bare: ``0/0.png``, a person's noise and a little of its own."""
    rng = np.random.default_rng(seed)
    written: dict[str, list[Path]] = {}
    for person in range(people):
        own: NDArray[np.float64] = rng.uniform(90, 255, (32, 32, 3))
        (folder / str(person)).mkdir(parents=True)
        for photo in range(photos):
            pixels = np.clip(own + rng.normal(0, 6, own.shape), 0, 255).astype(np.uint8)
            path = folder / str(person) / f"{photo}.png"
            Image.fromarray(pixels).save(path)
            written.setdefault(str(person), []).append(path)
    return written
