"""A model folder: what a model's weights are, how its images look, and what it decides with. It holds no weights.

``maskrec evaluate --out`` writes it: ``model.json`` (this module), ``thresholds.json``, ``risk.npz``,
``galleries.npz`` and ``mask_probe.json`` (``stored_decisions``), ``evaluations.yaml``, ``result.json`` and figures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskrec.base.errors import UsageError
from maskrec.base.files import write_json
from maskrec.base.hashing import file_sha256
from maskrec.base.plain_json import read_json_object
from maskrec.base.words import os_reason
from maskrec.contracts.input_spec import LARGEST_CANVAS, InputSpec
from maskrec.contracts.plain_input_spec import input_spec_from_plain, input_spec_to_plain
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.stored_decisions import DecisionFiles, read_decisions, write_decisions
from maskrec.runtime.thresholds_file import is_checksum

FORM = "maskrec-model-1"
NAME = "model.json"
_LARGEST = 1 << 20  # bytes
_LONGEST_PATH = 4096
_AGAIN = "make it again with maskrec evaluate"

Kind = Literal["run", "onnx", "backbone"]


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """Which weights a model folder is for.

    Args:
        kind: a run's checkpoint, an exported file, or those that a registered backbone finds by itself.
        sha256: of the checkpoint or the file; of the tensors for a backbone.
        path: the run directory or the file; of no meaning for a backbone.
        checkpoint: of a run: ``best``, ``last`` or ``previous``.
    """

    kind: Kind
    sha256: str
    path: Path = Path()
    checkpoint: str = ""

    @property
    def file(self) -> Path:
        """The file that the weights are in."""
        return self.path / "checkpoints" / f"{self.checkpoint}.safetensors" if self.kind == "run" else self.path

    def require_unchanged(self, folder: Path) -> None:
        """Raise UsageError where the file is gone or another one; a backbone's are compared once it is built."""
        if self.kind == "backbone":
            return
        try:
            found = file_sha256(self.file)
        except OSError as error:
            raise UsageError(
                f"{folder} is for the weights in {self.file}, which cannot be read ({os_reason(error)}); "
                f"put them back, or {_AGAIN}"
            ) from error
        self.require_same(found, folder)

    def require_same(self, sha256: str, folder: Path) -> None:
        """Raise UsageError unless the checksum is that of these weights."""
        if sha256 != self.sha256:
            where = "its backbone" if self.kind == "backbone" else str(self.file)
            raise UsageError(f"{folder} was made for other weights than {where} has now; {_AGAIN}")


@dataclass(frozen=True, slots=True, eq=False)
class ModelFolder:
    """What a model folder says.

    Args:
        path: the folder.
        name: of the model, in a word.
        weights: which weights it is for.
        input_spec: what they expect to see.
        decisions: thresholds, error rates and mask probe.
        backbone: the component as a recipe writes it, for weights of the kind ``backbone``.
        seed: that the backbone is built with.
        image_size: side of the canvas in pixels, or None for the backbone's own.
        components: who provided the backbone and what is in it, as a run's provenance says it.
    """

    path: Path
    name: str
    weights: ModelWeights
    input_spec: InputSpec
    decisions: Decisions = field(default_factory=Decisions)
    backbone: Mapping[str, Any] | None = None
    seed: int = 0
    image_size: int | None = None
    components: Mapping[str, Any] | None = None

    @property
    def backbone_text(self) -> str:
        """The backbone as YAML."""
        return json.dumps(self.backbone)


def is_model_folder(path: Path) -> bool:
    """Whether the path is a folder that says that it is a model's."""
    return os.path.lexists(path / NAME)


def write_model_folder(
    folder: ModelFolder, thresholds: Mapping[str, Mapping[str, Any]], place: Path | None = None
) -> None:
    """Write ``model.json`` and the files of the decisions into a folder that exists.

    Args:
        folder: what to say; ``path`` is where the folder will be in the end.
        thresholds: by label and name, as plain values.
        place: where it is built, when that is elsewhere.

    Raises:
        MaskrecError: the disk is full or not writable.
    """
    weights = folder.weights
    into = place or folder.path
    said = {"kind": weights.kind, "sha256": weights.sha256}
    if weights.kind != "backbone":
        said["path"] = _path_from(folder.path, weights.path)
    if weights.kind == "run":
        said["checkpoint"] = weights.checkpoint
    content: dict[str, Any] = {
        "form": FORM,
        "name": folder.name,
        "weights": said,
        "input_spec": input_spec_to_plain(folder.input_spec),
    }
    if folder.backbone is not None:
        content |= {"backbone": dict(folder.backbone), "seed": folder.seed, "image_size": folder.image_size}
        content |= {"components": dict(folder.components)} if folder.components else {}
    write_decisions(DecisionFiles(into), thresholds, folder.decisions, weights.sha256)
    write_json(into / NAME, content)


def read_model_folder(path: Path) -> ModelFolder:
    """What a model folder says; the weights themselves are not opened.

    Raises:
        UsageError: it is not one, or a file in it cannot be read or is of another form.
    """
    try:
        content = read_json_object(path / NAME, _LARGEST)
        if content.get("form") != FORM:
            raise ValueError(f"its form is {str(content.get('form'))[:60]!r}, and this maskrec reads {FORM!r}")
        name, backbone = content.get("name"), content.get("backbone")
        if not isinstance(name, str) or len(name) > _LONGEST_PATH:
            raise ValueError("its `name` is not a short text")
        weights = _weights(content.get("weights"), path)
        if (weights.kind == "backbone") != isinstance(backbone, dict):
            raise ValueError("its `backbone` must be given exactly when its weights are of a registered backbone")
        seed, image_size = content.get("seed", 0), content.get("image_size")
        if type(seed) is not int or not 0 <= seed < 2**63 or not (image_size is None or _is_size(image_size)):
            raise ValueError("its `seed` or `image_size` is out of range")
        spec = _input_spec(content.get("input_spec"))
    except FileNotFoundError as error:
        raise UsageError(f"{path} is not a model folder: it has no {NAME}; {_AGAIN}") from error
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path / NAME} cannot be read ({os_reason(error)}); {_AGAIN}") from error
    found = read_decisions(DecisionFiles(path), weights.sha256)
    if found.notes:
        raise UsageError(found.notes[0])
    components = content.get("components")
    known = components if isinstance(components, dict) else None
    return ModelFolder(path, name, weights, spec, found.decisions, backbone, seed, image_size, known)


def _path_from(folder: Path, weights: Path) -> str:
    """Relative where both are below one parent, so that they can be moved together; else absolute."""
    absolute, parent = weights.resolve(), folder.resolve().parent
    return os.path.relpath(absolute, folder.resolve()) if parent in absolute.parents else str(absolute)


def _weights(plain: Any, folder: Path) -> ModelWeights:
    if not isinstance(plain, dict) or plain.get("kind") not in ("run", "onnx", "backbone"):
        raise ValueError("the kind of its `weights` is unknown")
    kind, sha256 = plain["kind"], plain.get("sha256")
    path, checkpoint = plain.get("path", ""), plain.get("checkpoint", "")
    if not isinstance(sha256, str) or not is_checksum(sha256):
        raise ValueError("the checksum of its weights is not 64 hexadecimal digits")
    if not isinstance(path, str) or len(path) > _LONGEST_PATH or "\0" in path or (kind != "backbone") != bool(path):
        raise ValueError("the `path` of its weights is not a path")
    if checkpoint not in (("best", "last", "previous") if kind == "run" else ("",)):
        raise ValueError("`checkpoint` must be best, last or previous for a run, and empty otherwise")
    return ModelWeights(kind, sha256, Path(os.path.normpath(Path(os.path.realpath(folder)) / path)), checkpoint)


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_CANVAS


def _input_spec(plain: Any) -> InputSpec:
    try:
        if not isinstance(plain, dict) or not _is_size(plain.get("size")):
            raise ValueError(f"it has no size of 1 to {LARGEST_CANVAS} pixels")
        if not {"mean", "std"} <= plain.keys():
            raise ValueError("it lacks `mean` or `std`")
        return input_spec_from_plain(plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"its `input_spec` cannot be used: {error}") from error
