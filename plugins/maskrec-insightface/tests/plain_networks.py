"""Forward passes written out by the names of each project's state_dict, without modules: what the plugin must equal."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]

UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
INSIGHTFACE_UNITS = {**UNITS, 200: (6, 26, 60, 6)}
ADAFACE_UNITS = {**UNITS, 200: (3, 24, 36, 3)}


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.batch_norm(
        x, w[f"{name}.running_mean"], w[f"{name}.running_var"], w.get(f"{name}.weight"), w.get(f"{name}.bias"), eps=1e-5
    )


def conv(w: Weights, name: str, x: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    return F.conv2d(x, w[f"{name}.weight"], None, stride, padding, groups=groups)


def prelu(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.prelu(x, w[f"{name}.weight"])


def insightface_iresnet(w: Weights, x: Tensor, depth: int) -> Tensor:
    """By the names of InsightFace's ``backbone.pth``."""
    x = prelu(w, "prelu", norm(w, "bn1", conv(w, "conv1", x, padding=1)))
    for stage, count in enumerate(INSIGHTFACE_UNITS[depth], 1):
        for number in range(count):
            block = f"layer{stage}.{number}"
            stride = 2 if number == 0 else 1
            y = conv(w, f"{block}.conv1", norm(w, f"{block}.bn1", x), padding=1)
            y = prelu(w, f"{block}.prelu", norm(w, f"{block}.bn2", y))
            y = norm(w, f"{block}.bn3", conv(w, f"{block}.conv2", y, stride, 1))
            if number == 0:
                x = norm(w, f"{block}.downsample.1", conv(w, f"{block}.downsample.0", x, 2))
            x = x + y
    x = torch.flatten(norm(w, "bn2", x), 1)
    return norm(w, "features", F.linear(x, w["fc.weight"], w["fc.bias"]))


def adaface_ir(w: Weights, x: Tensor, depth: int) -> Tensor:
    """By the names of AdaFace's ``net.py``, before its division by the norm."""
    x = prelu(w, "input_layer.2", norm(w, "input_layer.1", conv(w, "input_layer.0", x, padding=1)))
    place = 0
    for count in ADAFACE_UNITS[depth]:
        for number in range(count):
            x = _adaface_block(w, x, f"body.{place}", 2 if number == 0 else 1, bottleneck=depth > 100)
            place += 1
    x = torch.flatten(norm(w, "output_layer.0", x), 1)
    return norm(w, "output_layer.4", F.linear(x, w["output_layer.3.weight"], w["output_layer.3.bias"]))


def _adaface_block(w: Weights, x: Tensor, block: str, stride: int, bottleneck: bool) -> Tensor:
    inner = f"{block}.res_layer"
    y = norm(w, f"{inner}.0", x)
    if bottleneck:
        y = prelu(w, f"{inner}.3", norm(w, f"{inner}.2", conv(w, f"{inner}.1", y)))
        y = prelu(w, f"{inner}.6", norm(w, f"{inner}.5", conv(w, f"{inner}.4", y, padding=1)))
        y = norm(w, f"{inner}.8", conv(w, f"{inner}.7", y, stride))
    else:
        y = prelu(w, f"{inner}.3", norm(w, f"{inner}.2", conv(w, f"{inner}.1", y, padding=1)))
        y = norm(w, f"{inner}.5", conv(w, f"{inner}.4", y, stride, 1))
    if x.shape[1] == y.shape[1]:
        return y + F.max_pool2d(x, 1, stride)
    return y + norm(w, f"{block}.shortcut_layer.1", conv(w, f"{block}.shortcut_layer.0", x, stride))


def insightface_mbf(w: Weights, x: Tensor, large: bool) -> Tensor:
    """By the names of InsightFace's ``mobilefacenet.py``."""
    x = _mbf_conv(w, "layers.0", x, stride=2, padding=1)
    x = _mbf_residual(w, "layers.1", x, 2, 128) if large else _mbf_conv(w, "layers.1", x, padding=1, groups=64)
    counts = (8, 12, 4) if large else (4, 6, 2)
    for index, (count, widening, wide) in enumerate(zip(counts, (128, 256, 512), (128, 256, 256), strict=True)):
        x = _mbf_depthwise(w, f"layers.{2 + 2 * index}", x, widening, 2)
        x = _mbf_residual(w, f"layers.{3 + 2 * index}", x, count, wide)
    x = _mbf_conv(w, "conv_sep", x)
    x = norm(w, "features.layers.0.layers.1", conv(w, "features.layers.0.layers.0", x, groups=512))
    return norm(w, "features.layers.3", F.linear(torch.flatten(x, 1), w["features.layers.2.weight"]))


def _mbf_conv(w: Weights, name: str, x: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    return prelu(
        w, f"{name}.layers.2", norm(w, f"{name}.layers.1", conv(w, f"{name}.layers.0", x, stride, padding, groups))
    )


def _mbf_depthwise(w: Weights, name: str, x: Tensor, wide: int, stride: int) -> Tensor:
    y = _mbf_conv(w, f"{name}.layers.0", x)
    y = _mbf_conv(w, f"{name}.layers.1", y, stride, 1, wide)
    return norm(w, f"{name}.layers.2.layers.1", conv(w, f"{name}.layers.2.layers.0", y))


def _mbf_residual(w: Weights, name: str, x: Tensor, count: int, wide: int) -> Tensor:
    for number in range(count):
        x = x + _mbf_depthwise(w, f"{name}.layers.{number}", x, wide, 1)
    return x
