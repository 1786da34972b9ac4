"""Files as each project writes them: the tensors of its state_dict by name and shape, filled with random values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from plain_networks import ADAFACE_UNITS, INSIGHTFACE_UNITS
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def random_weights(
    shapes: Shapes, seed: int = 0, dtype: torch.dtype = torch.float64, gain: float = 1.0
) -> dict[str, Tensor]:
    """Values of all tensors; with the usual gain no map grows or dies through a hundred residual blocks."""
    generator = torch.Generator().manual_seed(seed)

    def values(name: str, shape: tuple[int, ...]) -> Tensor:
        if name.endswith("num_batches_tracked"):
            return torch.tensor(7)
        drawn = torch.rand(shape, generator=generator, dtype=dtype)
        if name.endswith(("running_var", "weight")) and len(shape) == 1:
            return drawn * 0.5 + 0.5
        fan_in = 1 if len(shape) == 1 else torch.Size(shape[1:]).numel()
        return (drawn * 2 - 1) * (gain / fan_in**0.5)

    return {name: values(name, shape) for name, shape in shapes.items()}


def written(path: Path, weights: Mapping[str, Tensor]) -> Path:
    """The file, as safetensors or by torch according to its ending."""
    if path.suffix == ".safetensors":
        save_file(dict(weights), path)
    else:
        torch.save(weights, path)
    return path


def insightface_iresnet_shapes(depth: int, side: int = 112) -> Shapes:
    """Of ``iresnetN().state_dict()``."""
    found = {"conv1.weight": (64, 3, 3, 3), **_norm("bn1", 64), "prelu.weight": (64,)}
    channels = 64
    for stage, (count, out) in enumerate(zip(INSIGHTFACE_UNITS[depth], (64, 128, 256, 512), strict=True), 1):
        for number in range(count):
            block = f"layer{stage}.{number}"
            found |= {**_norm(f"{block}.bn1", channels), f"{block}.conv1.weight": (out, channels, 3, 3)}
            found |= {**_norm(f"{block}.bn2", out), f"{block}.prelu.weight": (out,)}
            found |= {f"{block}.conv2.weight": (out, out, 3, 3), **_norm(f"{block}.bn3", out)}
            if number == 0:
                found |= {f"{block}.downsample.0.weight": (out, channels, 1, 1), **_norm(f"{block}.downsample.1", out)}
            channels = out
    found |= {**_norm("bn2", 512), "fc.weight": (512, 512 * (side // 16) ** 2), "fc.bias": (512,)}
    return {**found, **_norm("features", 512)}


def adaface_ir_shapes(depth: int, side: int = 112) -> Shapes:
    """Of ``IR_N((112, 112)).state_dict()``."""
    bottleneck = depth > 100
    found = {"input_layer.0.weight": (64, 3, 3, 3), **_norm("input_layer.1", 64), "input_layer.2.weight": (64,)}
    channels, place = 64, 0
    for count, out in zip(ADAFACE_UNITS[depth], (64, 128, 256, 512), strict=True):
        out = 4 * out if bottleneck else out
        for _ in range(count):
            block = f"body.{place}"
            if channels != out:
                found[f"{block}.shortcut_layer.0.weight"] = (out, channels, 1, 1)
                found |= _norm(f"{block}.shortcut_layer.1", out)
            inner = _bottleneck(channels, out) if bottleneck else _basic(channels, out)
            found |= {f"{block}.res_layer.{name}": shape for name, shape in inner}
            channels, place = out, place + 1
    found |= {**_norm("output_layer.0", channels), "output_layer.3.weight": (512, channels * (side // 16) ** 2)}
    last = {name: shape for name, shape in _norm("output_layer.4", 512).items() if "running" in name or "num" in name}
    return {**found, "output_layer.3.bias": (512,), **last}


def _basic(channels: int, out: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm("0", channels).items()
    yield "1.weight", (out, channels, 3, 3)
    yield from _norm("2", out).items()
    yield "3.weight", (out,)
    yield "4.weight", (out, out, 3, 3)
    yield from _norm("5", out).items()


def _bottleneck(channels: int, out: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    narrow = out // 4
    yield from _norm("0", channels).items()
    yield "1.weight", (narrow, channels, 1, 1)
    yield from _norm("2", narrow).items()
    yield "3.weight", (narrow,)
    yield "4.weight", (narrow, narrow, 3, 3)
    yield from _norm("5", narrow).items()
    yield "6.weight", (narrow,)
    yield "7.weight", (out, narrow, 1, 1)
    yield from _norm("8", out).items()


def mbf_shapes(large: bool) -> Shapes:
    """Of ``get_mbf`` and ``get_mbf_large``."""
    narrow, wide, counts = (256, 512, (2, 8, 12, 4)) if large else (128, 256, (1, 4, 6, 2))
    found = _conv_block("layers.0", 3, narrow, 3)
    if large:
        found |= _residual("layers.1", narrow, counts[0], 128)
    else:
        found |= _conv_block("layers.1", narrow, narrow, 3, groups=64)
    found |= _depthwise("layers.2", narrow, narrow, 128) | _residual("layers.3", narrow, counts[1], 128)
    found |= _depthwise("layers.4", narrow, wide, 256) | _residual("layers.5", wide, counts[2], 256)
    found |= _depthwise("layers.6", wide, wide, 512) | _residual("layers.7", wide, counts[3], 256)
    found |= _conv_block("conv_sep", wide, 512, 1)
    found |= {"features.layers.0.layers.0.weight": (512, 1, 7, 7), **_norm("features.layers.0.layers.1", 512)}
    return {**found, "features.layers.2.weight": (512, 512), **_norm("features.layers.3", 512)}


def _conv_block(name: str, channels: int, out: int, kernel: int, groups: int = 1) -> Shapes:
    weight = {f"{name}.layers.0.weight": (out, channels // groups, kernel, kernel)}
    return {**weight, **_norm(f"{name}.layers.1", out), f"{name}.layers.2.weight": (out,)}


def _depthwise(name: str, channels: int, out: int, wide: int) -> Shapes:
    found = _conv_block(f"{name}.layers.0", channels, wide, 1) | _conv_block(f"{name}.layers.1", wide, wide, 3, wide)
    return {**found, f"{name}.layers.2.layers.0.weight": (out, wide, 1, 1), **_norm(f"{name}.layers.2.layers.1", out)}


def _residual(name: str, channels: int, count: int, wide: int) -> Shapes:
    blocks = [_depthwise(f"{name}.layers.{number}", channels, channels, wide) for number in range(count)]
    return {key: shape for block in blocks for key, shape in block.items()}


def _norm(name: str, channels: int) -> Shapes:
    vectors = {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {**vectors, f"{name}.num_batches_tracked": ()}
