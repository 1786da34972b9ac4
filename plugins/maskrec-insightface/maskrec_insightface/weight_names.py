"""The names of IResNet's tensors in the state_dicts of InsightFace, AdaFace and CVLface, and from one to another.

InsightFace names by layer (``layer2.0.conv1.weight``), AdaFace by place (``body.3.res_layer.1.weight``), and CVLface
puts ``net.`` before either. Only names change: order, shapes and numbers stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from maskrec.backbones.weights import load_strictly, read_weights
from maskrec.base.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from maskrec_insightface.iresnet import IResNet

Naming = Literal["insightface", "adaface", "cvlface"]

_T = TypeVar("_T")
_PREFIXES = ("model.net.", "model.", "net.")  # of Hugging Face's copy of CVLface, Lightning's checkpoints, CVLface
_HEAD = "head."  # the classifier in a checkpoint of AdaFace
_STEM = {"conv1": "input_layer.0", "bn1": "input_layer.1", "prelu": "input_layer.2"}
_NECK = {"bn2": "output_layer.0", "fc": "output_layer.3", "features": "output_layer.4"}
_INNER = {
    "bn1": 0, "conv1": 1, "bn2": 2, "prelu": 3, "conv2": 4, "bn3": 5, "prelu2": 6, "conv3": 7, "bn4": 8,
}  # fmt: skip
_OURS = re.compile(r"layer([1-4])\.(\d{1,4})\.(?:(downsample)\.(\d+)|(\w+))")
_THEIRS = re.compile(r"body\.(\d{1,4})\.(?:(shortcut_layer)|res_layer)\.(\d{1,4})")


def renamed(weights: Mapping[str, _T], naming: Naming) -> dict[str, _T]:
    """An IResNet's state_dict under the names of another project.

    Args:
        weights: by the names of ``IResNet.state_dict()``.
        naming: ``insightface``, ``adaface`` or ``cvlface`` (the names of the weights' form, behind ``net.``).

    Raises:
        ValueError: the project does not have this network, or the names are not an IResNet's.
    """
    form = form_of(weights)
    if naming == "cvlface":
        return {f"net.{name}": value for name, value in renamed(weights, form).items()}
    if naming != form:
        raise ValueError(f"these weights are of the form {form!r}, a network that {naming} does not have")
    return dict(weights) if form == "insightface" else _by_place(weights)


def native(weights: Mapping[str, _T]) -> dict[str, _T]:
    """Weights under the names of any of the three projects, by the names of ``IResNet.state_dict()``.

    A prefix that all names share is removed, and with it a classifier beside the network. Names that are none of an
    IResNet's stay as they are, as do names of two projects at once.
    """
    plain = without_prefix(weights)
    if not any(name.startswith("body.") for name in plain) or any(name.startswith("layer") for name in plain):
        return plain
    places = sorted({int(found[1]) for name in plain if (found := _THEIRS.match(name))})
    # A stage begins with a projection; the first one may be without.
    starts = [place for place in places if place == places[0] or f"body.{place}.shortcut_layer.0.weight" in plain]
    return {_from_place(name, starts): value for name, value in plain.items()}


def form_of(weights: Mapping[str, object]) -> Literal["insightface", "adaface"]:
    """The form of IResNet that has tensors of these names, which are ``IResNet.state_dict()``'s."""
    projects, bottleneck = "layer1.0.downsample.0.weight" in weights, "layer1.0.conv3.weight" in weights
    return "insightface" if projects and not bottleneck else "adaface"


def load_published(network: IResNet, path: Path) -> None:
    """Load a file of weights by the names of any of the three projects into a network.

    Raises:
        UsageError: the file cannot be read, or is not exactly of this network.
    """
    weights = native(read_weights(path))
    is_iresnet = {"layer1.0.conv1.weight", "layer4.0.conv1.weight"} <= weights.keys()
    if is_iresnet and (found := form_of(weights)) != network.form:
        raise UsageError(f"{path} holds weights of the form {found}; set form: {found}")
    load_strictly(network, weights, path)


def load_plain(network: nn.Module, path: Path) -> None:
    """Load a file of weights by the network's own names, perhaps with a prefix of the three projects.

    Raises:
        UsageError: the file cannot be read, or is not exactly of this network.
    """
    load_strictly(network, without_prefix(read_weights(path)), path)


def without_prefix(weights: Mapping[str, _T]) -> dict[str, _T]:
    """The names without the prefix that they share, and without a classifier where there is such a prefix."""
    for prefix in _PREFIXES:
        own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        rest = [name for name in weights if not name.startswith((prefix, _HEAD))]
        if own and not rest:
            return own
    return dict(weights)


def _by_place(weights: Mapping[str, _T]) -> dict[str, _T]:
    """AdaFace's names: blocks are numbered through all stages."""
    counts = [0] * 5
    for name in weights:
        if found := _OURS.match(name):
            counts[int(found[1])] = max(counts[int(found[1])], int(found[2]) + 1)
    return {_to_place(name, counts): value for name, value in weights.items()}


def _to_place(name: str, counts: list[int]) -> str:
    found = _OURS.match(name)
    if found is None:
        layer, dot, rest = name.partition(".")
        if layer not in {**_STEM, **_NECK}:
            raise ValueError(f"{name!r} is not the name of a tensor of an IResNet")
        return {**_STEM, **_NECK}[layer] + dot + rest
    place = sum(counts[: int(found[1])]) + int(found[2])
    inner = f"shortcut_layer.{found[4]}" if found[3] else f"res_layer.{_INNER[found[5]]}"
    return f"body.{place}.{inner}{name[found.end() :]}"


def _from_place(name: str, starts: list[int]) -> str:
    found = _THEIRS.match(name)
    if found is None:
        for ours, theirs in {**_STEM, **_NECK}.items():
            if name.startswith(f"{theirs}."):
                return ours + name.removeprefix(theirs)
        return name
    place = int(found[1])
    stage = sum(start <= place for start in starts)
    inner = f"downsample.{found[3]}" if found[2] else _inner_name(int(found[3]))
    return f"layer{stage}.{place - starts[stage - 1]}.{inner}{name[found.end() :]}"


def _inner_name(number: int) -> str:
    return next((name for name, own in _INNER.items() if own == number), f"res_layer.{number}")
