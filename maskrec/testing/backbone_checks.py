"""What a backbone must do, on noise of its own canvas: nothing needs trained weights."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import maskrec.testing.tensor_checks  # noqa: F401 - registers what losses are asked too
from maskrec.base.errors import MaskrecError
from maskrec.base.words import one_line
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise
from maskrec.inference.exported.export_model import graph_with
from maskrec.inference.exported.export_parity import ComparedFaces, compare
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.inference.exported.torch_to_onnx import onnx_graph
from maskrec.inference.model import frozen_model
from maskrec.runtime.sample_checks import embeddings_problem
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check

_IMAGES = 4
_LARGEST_STD = 1.01  # images that are divided by 256 instead of 255 have 1.004
_EQUAL_LENGTHS = 1e-4  # largest relative difference of lengths that count as equal
_OTHER_BATCH = 1e-3  # of a row's length: what another order of summing may change


@contract_check("backbone", since="0.1")
def embedding_shape(candidate: Candidate) -> None:
    """Images (B, 3, H, W) become float embeddings (B, embedding_size), for one image and for several."""
    network = _network(candidate)
    images = _images(network.input_spec)
    for count in (1, _IMAGES):
        embeddings = _embed(candidate, network, images[:count])
        if problem := embeddings_problem(embeddings, count):
            raise ContractError(f"{candidate.name} {problem}")
        if embeddings.shape[1] != network.embedding_size:
            raise ContractError(
                f"{candidate.name} returned embeddings of size {embeddings.shape[1]}, and its embedding_size is "
                f"{network.embedding_size}"
            )


@contract_check("backbone", since="0.1")
def not_normalised(candidate: Candidate) -> None:
    """Embeddings are returned before L2 normalisation: their lengths differ."""
    network = _network(candidate)
    images = _images(network.input_spec)
    for mode in (False, True):  # untrained, a network may give all images nearly the same in one of the modes
        lengths = _embed(candidate, network.train(mode), images).flatten(1).double().norm(dim=1)
        if float(lengths.max() - lengths.min()) >= _EQUAL_LENGTHS * float(lengths.max()):
            return
    raise ContractError(
        f"{candidate.name} gives different images embeddings of one length, {float(lengths[0]):.4g}; return them "
        "before L2 normalisation: losses and evaluators normalise where they need it"
    )


@contract_check("backbone", since="0.1")
def deterministic_in_eval_mode(candidate: Candidate) -> None:
    """In eval mode the same images give the same embeddings, whatever the global random generator holds."""
    network = _network(candidate)
    images = _images(network.input_spec)
    first, second = (_embed(candidate, network, images, seed) for seed in (1, 2))
    if not torch.equal(first, second):
        raise ContractError(
            f"{candidate.name} in eval mode gave one image embeddings that differ by {_largest(first, second):.3g}; "
            "dropout and other noise must obey self.training"
        )


@contract_check("backbone", since="0.1")
def independent_of_the_batch(candidate: Candidate) -> None:
    """In eval mode an image's embedding does not depend on the other images of the batch."""
    network = _network(candidate)
    images = _images(network.input_spec)
    together, alone = (
        _embed(candidate, network, images),
        torch.cat([_embed(candidate, network, image[None]) for image in images]),
    )
    if together.shape != alone.shape:
        raise ContractError(
            f"{candidate.name} returned {tuple(together.shape)} for a batch and {tuple(alone.shape)} one by one"
        )
    lengths = together.flatten(1).norm(dim=1).clamp(min=1e-12)
    change = float(((together - alone).flatten(1).norm(dim=1) / lengths).max())
    if not change <= _OTHER_BATCH:
        raise ContractError(
            f"{candidate.name} in eval mode changes an embedding by {100 * change:.2g} % of its length with the other "
            "images of the batch; use running statistics there, as batch norm does"
        )


@contract_check("backbone", since="0.1")
def input_untouched(candidate: Candidate) -> None:
    """The images that it is given stay as they are."""
    network = _network(candidate)
    images = _images(network.input_spec)
    given = images.clone()
    with torch.no_grad():
        network(given)
    if not torch.equal(given, images):
        raise ContractError(
            f"{candidate.name} changed the images that it was given; its first operation must not be in place, because "
            "another network may get the same images"
        )


@contract_check("backbone", since="0.1")
def input_spec_complete(candidate: Candidate) -> None:
    """``input_spec`` has the size that it was built for, and statistics on the [0, 1] scale as plain numbers."""
    spec: InputSpec = _network(candidate).input_spec
    for name in ("mean", "std"):
        values: Any = getattr(spec, name)
        if not (isinstance(values, tuple) and all(type(value) is float for value in values)):
            raise ContractError(
                f"{candidate.name}: input_spec.{name} is {values!r}; it must be a tuple of three floats"
            )
    if not all(0 <= mean <= 1 for mean in spec.mean) or not all(std <= _LARGEST_STD for std in spec.std):
        raise ContractError(
            f"{candidate.name}: input_spec has mean {spec.mean} and std {spec.std}; both must be on the [0, 1] scale: "
            "divide by 255"
        )
    if type(spec.size) is not int:
        raise ContractError(f"{candidate.name}: input_spec.size is {spec.size!r}; it must be an int")
    _require_size_of_canvas(candidate, spec.size)


@contract_check("backbone", since="0.1")
def exports_to_onnx(candidate: Candidate) -> None:
    """Torch exports it to ONNX, and onnxruntime gives the same unit embeddings."""
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise Skipped(f"{' and '.join(missing)} not installed; pip install 'maskrec[onnx]'")
    model = frozen_model(_network(candidate), candidate.name)
    canvases = np.random.default_rng(0).integers(0, 256, (3, *model.spec.canvas, 3), dtype=np.uint8)
    pairs = np.array([0, 1]), np.array([1, 2]), np.array([True, False])
    try:
        content = graph_with(metadata_entries(OnnxMetadata(model.spec)), onnx_graph(model))
        compare(model, OnnxNetwork(Path("exported.onnx"), content), ComparedFaces(canvases, "noise", *pairs))
    except (MaskrecError, ValueError) as error:
        raise ContractError(f"{candidate.name} cannot be exported: {one_line(error)}") from error


_LAST: list[tuple[Candidate, Any]] = []


def _network(candidate: Candidate) -> Any:
    """A new network in eval mode: a copy of one that nobody has used, because large ones take a while to build."""
    if not (_LAST and _LAST[0][0] is candidate):
        _LAST[:] = [(candidate, candidate.build())]
    try:
        return copy.deepcopy(_LAST[0][1]).eval()
    except Exception:  # locks, open files; a module that cannot be copied can be trained all the same
        return candidate.build().eval()


def _images(spec: InputSpec) -> Tensor:
    """Normalised images ``(4, 3, H, W)`` of different contrast, so that embeddings have different lengths."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(_IMAGES, 3, *spec.canvas, generator=generator)
    contrast = torch.linspace(0.1, 1.0, _IMAGES)[:, None, None, None]
    return normalise(0.5 + contrast * (noise - 0.5), spec)


@torch.no_grad()
def _embed(candidate: Candidate, network: Any, images: Tensor, seed: int = 0) -> Tensor:
    """What the network returns with the global generator at this seed; the generator is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found: Tensor = network(images.clone())
    if not isinstance(found, Tensor):
        raise ContractError(f"{candidate.name} {embeddings_problem(found, len(images))}")
    return found


def _largest(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().max())


def _require_size_of_canvas(candidate: Candidate, size: int) -> None:
    """Where the recipe may set the canvas, ``input_spec`` has to follow; a network of one size refuses others."""
    if not any(info.name == "image_size" for info in candidate.parameters()):
        return
    other = size + 32
    try:
        sized = candidate.with_options(image_size=other) if "image_size" in candidate.options else candidate
        found = sized.build(image_size=other).input_spec.size
    except MaskrecError:
        return
    if found != other:
        raise ContractError(f"{candidate.name} built for image_size {other}, its input_spec.size is {found}")
