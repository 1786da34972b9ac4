"""A torch network fed with images: what training's evaluation and a model in use have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.base.errors import PluginError
from maskrec.contracts.call_into import call_into
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.exported.onnx_backbone import OnnxBackbone
from maskrec.inference.model import Model, eval_mode, weights_checksum
from maskrec.runtime.compute import Compute
from maskrec.runtime.sample_checks import embeddings_problem

_AT_ONCE = 128


@torch.no_grad()
def embed_images(model: Model, compute: Compute, images: Tensor) -> Tensor:
    """Embeddings of a batch, before L2 normalization: float32 ``(B, d)`` on the device.

    Args:
        model: its network is in eval mode and where ``compute`` says.
        compute: device, precision and memory format.
        images: float RGB ``(B, 3, H, W)`` in [0, 1].

    Raises:
        PluginError: the network raises, or returns something else than embeddings.
    """
    fed = compute.feed(images, model.spec)
    with call_into(model.origin, "failed in forward", model.network), compute.autocast():
        embeddings: Any = model.network(fed)
    if problem := embeddings_problem(embeddings, len(images)):
        raise PluginError(f"{model.origin} {problem}")
    rows: Tensor = embeddings.float()
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class TorchNetwork:
    """A model that embeds aligned faces given as arrays.

    Args:
        model: its network is moved to where ``compute`` says.
        compute: device, precision and memory format.
    """

    model: Model
    compute: Compute

    def __post_init__(self) -> None:
        self.compute.place(self.model.network)

    @property
    def input_spec(self) -> InputSpec:
        """What the network expects to see."""
        return self.model.spec

    @property
    def embedding_size(self) -> int:
        """How many numbers an embedding has."""
        return int(self.model.network.embedding_size)  # type: ignore[arg-type]

    @property
    def weights_sha256(self) -> str:
        """Of the network's tensors; what an exported file states of those that it was made from."""
        network = self.model.network
        return network.network.weights_sha256 if isinstance(network, OnnxBackbone) else weights_checksum(network)

    def embed(self, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 RGB ``(n, S, S, 3)`` to float32 ``(n, d)`` before L2 normalization; raises as ``embed_images``."""
        rows = []
        with eval_mode(self.model.network):
            for start in range(0, len(canvases), _AT_ONCE):
                pixels = torch.from_numpy(np.ascontiguousarray(canvases[start : start + _AT_ONCE]))
                images = pixels.to(self.compute.prepares_on).permute(0, 3, 1, 2).contiguous().float() / 255
                rows.append(embed_images(self.model, self.compute, images).cpu().numpy())
        return np.concatenate(rows) if rows else np.empty((0, self.embedding_size), np.float32)
