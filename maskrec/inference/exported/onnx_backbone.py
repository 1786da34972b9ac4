"""An exported network as a backbone."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from maskrec.inference.exported.onnx_network import OnnxNetwork


class OnnxBackbone(nn.Module):
    """An exported network, run by onnxruntime; it cannot be trained.

    Args:
        path: the ONNX file, as ``OnnxNetwork`` opens it.

    Raises:
        UsageError: as ``OnnxNetwork``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.network = OnnxNetwork(path)
        self.input_spec, self.embedding_size = self.network.input_spec, self.network.embedding_size

    def forward(self, images: Tensor) -> Tensor:
        """Normalized images ``(B, 3, S, S)`` to embeddings ``(B, embedding_size)``, without gradient.

        Raises:
            MaskrecError: the graph fails on them, or returns something else.
        """
        rows = torch.from_numpy(self.network.run(images.detach().float().cpu().numpy()))
        return rows.to(images.device, images.dtype)
