"""Writes networks in dlib's form, for files that no dlib wrote; and runs their layers in float64, one after another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from maskrec_dlib.dlib_resnet import DlibResNet
from maskrec_dlib.serialized_network import Layer, SerializedNetwork
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d

MEAN, SIZE = (122.782, 117.001, 104.298), (150, 150)
NAMES = {"con": "con_4", "affine": "affine_", "relu": "relu_", "max_pool": "max_pool_2", "avg_pool": "avg_pool_2",
         "add_prev": "add_prev_", "fc": "fc_2"}  # fmt: skip


def integer(number: int) -> bytes:
    """A byte with the length and the sign, then the number, the lowest byte first."""
    length = max(1, (abs(number).bit_length() + 7) // 8)
    return bytes([length | (0x80 if number < 0 else 0)]) + abs(number).to_bytes(length, "little")


def fraction(number: float) -> bytes:
    """A mantissa of 24 bits and its exponent."""
    share, exponent = math.frexp(number)
    return integer(round(share * 2**24)) + integer(exponent - 24)


def text(name: str) -> bytes:
    return integer(len(name)) + name.encode()


def tensor(values: np.ndarray[Any, Any] | None = None) -> bytes:
    if values is None:
        return integer(2) + integer(0) * 4
    return integer(2) + integer(values.size) + integer(1) * 3 + values.astype("<f4").tobytes()


VIEW = integer(1) + integer(1) * 4


def content(layer: Layer) -> bytes:
    """What a layer says, without the rests of training."""
    written = text(NAMES[layer.kind])
    numbers = b"".join(map(integer, layer.numbers))
    if layer.kind == "con":
        return written + tensor(layer.values) + numbers + VIEW * 2 + fraction(1.0) * 4
    if layer.kind == "affine":
        return written + tensor(layer.values) + VIEW * 2 + integer(0)
    if layer.kind == "fc":
        return written + numbers + tensor(layer.values) + VIEW * 2 + integer(1) + fraction(1.0) * 4
    return written + numbers


def serialized(network: SerializedNetwork) -> bytes:
    """The whole file."""
    versions = [1 if layer.kind == "tag" else 2 for layer in network.layers]
    versions[0] = 3
    written = [integer(1), text("loss_metric_2"), fraction(0.04), fraction(0.6), *map(integer, reversed(versions))]
    written += [text("input_rgb_image_sized"), *map(fraction, network.mean), *map(integer, network.size)]
    for number, layer in enumerate(network.layers):
        if layer.kind != "tag":
            last = integer(1) if number == 0 else tensor()
            written += [content(layer), b"110", tensor() * 2, (tensor() if number == 0 else b"") + last]
    return b"".join(written)


def serialized_resnet(network: DlibResNet) -> SerializedNetwork:
    """The network with its weights as dlib has them."""
    weights = iter([_values(module) for _, module in network.learned_modules()])
    layers = (
        Layer(kind, numbers, next(weights) if count else np.zeros(0, np.float32))
        for kind, numbers, count in network.serialized_layers()
    )
    return SerializedNetwork(MEAN, SIZE, tuple(layers))


def _values(module: nn.Module) -> np.ndarray[Any, Any]:
    state = module.state_dict()
    if isinstance(module, nn.Linear):
        return state["weight"].T.reshape(-1).numpy()
    return torch.cat([state["weight"].reshape(-1), state["bias"]]).numpy()


def run(layers: tuple[Layer, ...], images: Tensor) -> Tensor:
    """The layers in float64 on normalized images ``(B, 3, S, S)``; tags are kept as their own numbers in dlib say.

    A block's input is its first tag. Where the block halves, its convolutions' output is the second tag, and the third
    one is not a tag but a skip back to the first.
    """
    maps = images.double()
    tags: list[Tensor] = []
    for layer in layers:
        if layer.kind == "tag":
            tags.append(maps)
            if len(tags) == 3:
                maps = tags[0]
        elif layer.kind == "add_prev":
            maps, tags = _sum(maps, tags[1] if len(tags) == 3 else tags[0]), []
        else:
            maps = _RUN[layer.kind](layer, maps)
    return maps


def _sum(one: Tensor, other: Tensor) -> Tensor:
    shape = [max(a, b) for a, b in zip(one.shape, other.shape, strict=True)]
    total = torch.zeros(shape, dtype=torch.float64)
    for each in (one, other):
        total[:, : each.shape[1], : each.shape[2], : each.shape[3]] += each
    return total


def _con(layer: Layer, maps: Tensor) -> Tensor:
    filters, height, width, *rest = layer.numbers
    values = torch.from_numpy(layer.values).double()
    weight = values[:-filters].view(filters, maps.shape[1], height, width)
    return conv2d(maps, weight, values[-filters:], stride=(rest[0], rest[1]), padding=(rest[2], rest[3]))


def _affine(layer: Layer, maps: Tensor) -> Tensor:
    gamma, beta = torch.from_numpy(layer.values).double().chunk(2)
    return maps * gamma.view(1, -1, 1, 1) + beta.view(1, -1, 1, 1)


def _average(layer: Layer, maps: Tensor) -> Tensor:
    return avg_pool2d(maps, layer.numbers[0] or maps.shape[-1], stride=layer.numbers[2])


def _fc(layer: Layer, maps: Tensor) -> Tensor:
    outputs, inputs = layer.numbers
    return maps.flatten(1) @ torch.from_numpy(layer.values).double().view(inputs, outputs)


_RUN: Mapping[str, Callable[[Layer, Tensor], Tensor]] = {
    "con": _con, "affine": _affine, "fc": _fc, "avg_pool": _average, "relu": lambda layer, maps: maps.relu(),
    "max_pool": lambda layer, maps: max_pool2d(maps, layer.numbers[0], layer.numbers[2]),
}  # fmt: skip


def tiny_network() -> SerializedNetwork:
    """One layer of every kind."""

    def values(count: int) -> np.ndarray[Any, Any]:
        return np.arange(count, dtype=np.float32) / 7

    return SerializedNetwork(
        MEAN, SIZE, (
            Layer("con", (2, 3, 3, 1, 1, 0, 0), values(56)), Layer("affine", (), values(4)), Layer("relu"),
            Layer("tag"), Layer("max_pool", (3, 3, 2, 2, 0, 0)), Layer("add_prev"),
            Layer("avg_pool", (0, 0, 1, 1, 0, 0)), Layer("fc", (4, 2), values(8)),
        ),
    )  # fmt: skip


def damaged(valid: bytes, count: int) -> Iterator[bytes]:
    """Changed bytes, missing and repeated ranges of a file, the same each time."""
    draw = np.random.default_rng(5)
    for _ in range(count):
        found = bytearray(valid)
        for _ in range(int(draw.integers(1, 4))):
            place, length = int(draw.integers(len(found))), int(draw.choice([1, 2, 4, 16]))
            kind = int(draw.integers(4))
            if kind == 0:
                found[place] = int(draw.choice([0, 1, 2, 3, 4, 8, 9, 0x7F, 0x80, 0x88, 0xFF]))
            elif kind == 1:
                del found[place : place + length]
            elif kind == 2:
                found[place:place] = found[place : place + length]
            else:
                found[place : place + length] = draw.bytes(length)
        yield bytes(found)
