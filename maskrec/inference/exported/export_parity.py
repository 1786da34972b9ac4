"""How far an exported network agrees with the one that it was exported from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.base.words import counted
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise as normalize_images
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.model import Model
from maskrec.metrics import best_threshold, normalise, pair_distances

LARGEST_DIFFERENCE = 1e-4
"""L2 distance between the two unit embeddings of one face, above which nothing is exported: no distance between two
faces can then differ by more than twice this."""

_AT_ONCE = 32  # faces


@dataclass(frozen=True, slots=True, eq=False)
class ComparedFaces:
    """The faces on which both networks are compared.

    Args:
        canvases: uint8 RGB ``(n, H, W, 3)``, aligned; n at least 1.
        described: what they are, in words.
        left: int64 ``(m,)``, index of each pair's first face.
        right: int64 ``(m,)``.
        same: bool ``(m,)``, whether both are one person.
    """

    canvases: NDArray[np.uint8]
    described: str
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, repr=False)
class Parity:
    """How far two networks agree.

    Args:
        largest: L2 distance between the two unit embeddings of a face, the largest over all faces.
        faces: how many were compared.
        described: what they are, in words.
        pairs: how many were decided by both.
        accuracy: of the network and of the exported one, at the threshold that is best for the network; None where
            the pairs are all of one person, or all of two.
    """

    largest: float
    faces: int
    described: str
    pairs: int
    accuracy: tuple[float, float] | None

    def __repr__(self) -> str:
        return f"Parity({self.largest:.1e} at most, on {counted(self.faces, 'face')})"

    def __str__(self) -> str:
        decided = ""
        if self.accuracy is not None:
            ours, theirs = self.accuracy
            decided = f"; accuracy {ours:.4f} and {theirs:.4f} on {counted(self.pairs, 'pair')} of them"
        faces = f"{counted(self.faces, 'face')} ({self.described})"
        return f"the unit embeddings of model and file differ by at most {self.largest:.1e} on {faces}{decided}"


def compare(model: Model, exported: OnnxNetwork, faces: ComparedFaces) -> Parity:
    """Embed the faces by both.

    Args:
        model: the network that was exported, in float32 on the CPU.
        exported: the file.
        faces: on the canvas of both.

    Raises:
        MaskrecError: a network gives embeddings that cannot be compared, or they differ by more than
            ``LARGEST_DIFFERENCE``.
    """
    try:
        ours, theirs = normalise(embed_by_torch(model, faces.canvases)), normalise(exported.embed(faces.canvases))
    except ValueError as error:
        raise MaskrecError(f"{model.origin}: {error}; export a model that was trained") from error
    largest = float(np.linalg.norm(ours - theirs, axis=1).max())
    parity = Parity(largest, len(ours), faces.described, len(faces.same), _accuracies(ours, theirs, faces))
    if largest > LARGEST_DIFFERENCE:
        raise MaskrecError(
            f"{parity}; more than {LARGEST_DIFFERENCE:.0e} is too much, and nothing was written; report it with the "
            "recipe's backbone, and export its weights to a name that ends in .safetensors meanwhile"
        )
    return parity


def embed_by_torch(model: Model, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embeddings ``(n, d)`` of aligned faces ``(n, H, W, 3)``, before L2 normalization."""
    parts = [canvases[i : i + _AT_ONCE] for i in range(0, len(canvases), _AT_ONCE)]
    with torch.inference_mode():
        rows = [model.network(_as_input(part, model.spec)).numpy() for part in parts]
    found: NDArray[np.float32] = np.concatenate(rows)
    return found


def _as_input(canvases: NDArray[np.uint8], spec: InputSpec) -> torch.Tensor:
    planes = torch.from_numpy(np.ascontiguousarray(canvases)).permute(0, 3, 1, 2)
    return normalize_images(planes.float() / 255, spec).contiguous()


def _accuracies(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], faces: ComparedFaces
) -> tuple[float, float] | None:
    if faces.same.all() or not faces.same.any():
        return None
    distances = [pair_distances(rows, faces.left, faces.right) for rows in (ours, theirs)]
    threshold = best_threshold(distances[0][faces.same], distances[0][~faces.same]).threshold
    right = [float(np.mean((each <= threshold) == faces.same)) for each in distances]
    return right[0], right[1]
