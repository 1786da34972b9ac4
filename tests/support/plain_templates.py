"""A teacher that is a matrix, and distillation from it by plain float64 loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maskrec.contracts.input_spec import InputSpec

SPEC = InputSpec(4, (0.1, 0.2, 0.3), (0.5, 0.4, 0.3), "bgr", "arcface")


class Teacher(nn.Module):
    """A matrix over the pixels, behind a batch norm that would show training mode."""

    def __init__(self, size: int = 4, embedding_size: int = 5, spec: InputSpec = SPEC) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.embedding_size, self.input_spec = embedding_size, spec
        self.linear = nn.Linear(3 * size * size, embedding_size)
        self.bn = nn.BatchNorm1d(embedding_size)
        self.bn.running_mean.normal_()  # type: ignore[union-attr]

    def forward(self, images: Tensor) -> Tensor:
        embeddings: Tensor = self.bn(self.linear(images.flatten(1)))
        return embeddings


def halved(channel: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Half the side by the triangle filter: weights 1 - distance / 2 within two pixels, normalised at the edges."""
    side = len(channel) // 2
    weights = np.array([[max(0.0, 1 - abs(2 * i + 0.5 - j) / 2) for j in range(2 * side)] for i in range(side)])
    weights /= weights.sum(1, keepdims=True)
    return weights @ channel @ weights.T


def plain_template(teacher: Teacher, channels: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Of the R, G and B of one face, 0 to 1, before normalisation."""
    weight, bias = teacher.linear.weight.detach().double().numpy(), teacher.linear.bias.detach().double().numpy()
    bn = {name: value.detach().double().numpy() for name, value in teacher.bn.state_dict().items()}
    seen = [(c - m) / s for c, m, s in zip(channels[::-1], SPEC.mean, SPEC.std, strict=True)]
    raw = weight @ np.concatenate([c.reshape(-1) for c in seen]) + bias
    template: np.ndarray[Any, Any] = (raw - bn["running_mean"]) / np.sqrt(bn["running_var"] + 1e-5)
    return template * bn["weight"] + bn["bias"]


def plain_loss(
    teacher: Teacher, embeddings: np.ndarray[Any, Any], clean: np.ndarray[Any, Any], factor: float, flip: bool
) -> float:
    """By loops over faces."""
    total = 0.0
    for row, face in zip(embeddings, clean, strict=True):
        channels = [channel / 255.0 for channel in face.astype(np.float64)]
        if len(channels[0]) == 8:
            channels = [halved(channel) for channel in channels]
        template = plain_template(teacher, channels)
        if flip:
            template = (template + plain_template(teacher, [channel[:, ::-1] for channel in channels])) / 2
        cosine = sum(a * b for a, b in zip(row, template, strict=True))
        cosine /= math.sqrt(sum(a * a for a in row)) * math.sqrt(sum(b * b for b in template))
        total += factor * (1 - cosine)
    return total / len(embeddings)
