"""The model that is evaluated: opened, with which weights these are and which evaluations are its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.hashing import file_sha256
from maskrec.inference.deciding.model_folder import ModelWeights, is_model_folder, read_model_folder
from maskrec.inference.deciding.shipped_decisions import shipped_folder
from maskrec.inference.model import Model, weights_checksum
from maskrec.inference.model_forms import MODELS_AND_BACKBONES, RECIPES, require_model, unknown_model
from maskrec.inference.open_model import open_exported, open_model_folder, open_named, open_run
from maskrec.inference.unfinished_run import unfinished_notes, weights_changed
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.backbone_only import NamedBackbone, resolve_backbone, resolve_written_backbone
from maskrec.recipe.part_of_recipe import read_part
from maskrec.recipe.plan import Spec
from maskrec.recipe.provenance import component_rows, missing_components
from maskrec.recipe.writing import written_component
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.runtime.run_plan import data_root_of

EVALUATIONS = "evaluations.yaml"
"""What a model folder was measured with."""


@dataclass(frozen=True, slots=True)
class OwnEvaluations:
    """Evaluations that belong to a model.

    Args:
        path: the file.
        data_root: what its paths are relative to.
        of_a_run: whether it is a run's whole recipe.
    """

    path: Path
    data_root: Path
    of_a_run: bool


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedSubject:
    """A model that is to be evaluated.

    Args:
        model: opened.
        weights: which these are.
        name: of the model, in a word.
        own: its own evaluations; None where it has none.
        run: the run directory that the weights come from; None for others.
        backbone: the component as a recipe writes it, for weights that a backbone finds by itself.
        seed: that the backbone is built with.
        image_size: side of the canvas in pixels, or None for the backbone's own.
        components: who provided the backbone and what is in it, as a run's provenance says it.
        notes: what the user should know of the weights.
    """

    model: Model
    weights: ModelWeights
    name: str
    own: OwnEvaluations | None = None
    run: Path | None = None
    backbone: Mapping[str, Any] | None = None
    seed: int = 0
    image_size: int | None = None
    components: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def open_subject(where: Path, catalog: Catalog, data_root: Path = Path()) -> EvaluatedSubject:
    """Open a run directory, a model folder, an exported file, the backbone that a recipe names, or one by its name.

    What an exported file states (thresholds, error rates, mask probe) is not used: all of it is measured anew. It does
    not say who its network was trained on, so their people cannot be compared with those of the pairs, and what
    evaluators ask of the training data has no answer; open its run for these.

    Raises:
        UsageError: as in `open_model`.
    """
    if not os.path.lexists(where):
        if not catalog.find(str(where), "backbone"):
            raise unknown_model(where, catalog)
        return open_written_subject(json.dumps({"use": str(where)}), catalog, data_root, "the model", typed=False)
    require_model(where, MODELS_AND_BACKBONES)
    if is_model_folder(where):
        return _folder(where, catalog)
    if where.is_dir():
        return _run(where, catalog)
    if where.suffix.lower() in RECIPES:
        named = resolve_backbone(where, catalog=catalog, data_root=data_root)
        return _named(named, f"the backbone of {where}", where.stem, catalog, data_root)
    model = open_exported(where)
    return EvaluatedSubject(model, ModelWeights("onnx", file_sha256(where), where), where.stem)


def open_written_subject(
    text: str, catalog: Catalog, data_root: Path = Path(), shown: str = "--backbone", typed: bool = True
) -> EvaluatedSubject:
    """Open a backbone that is written out, ``{use: NAME, weights: ...}``.

    Args:
        text: the component.
        catalog: where names are looked up.
        data_root: what its paths are relative to.
        shown: what messages call the text.
        typed: whether the user wrote it so, and messages may point into it.

    Raises:
        UsageError: it cannot be built, or starts from random weights.
    """
    named = resolve_written_backbone(text, shown, catalog=catalog, data_root=data_root, typed=typed)
    name = named.backbone.name.rpartition("/")[2] if isinstance(named.backbone, Spec) else named.backbone.location.stem
    return _named(named, f"the backbone {name}", name, catalog, data_root)


def _named(named: NamedBackbone, shown: str, name: str, catalog: Catalog, data_root: Path) -> EvaluatedSubject:
    model = open_named(named, shown, catalog, data_root)
    weights = ModelWeights("backbone", weights_checksum(model.network))
    plain = written_component(named.backbone, data_root)
    specs = named.backbone.specs() if isinstance(named.backbone, Spec) else ()
    return EvaluatedSubject(
        model,
        weights,
        name,
        _own_evaluations(shipped_folder(model.network), data_root),
        backbone=plain,
        seed=named.seed,
        image_size=named.image_size,
        components=component_rows(specs, catalog),
    )


def _folder(where: Path, catalog: Catalog) -> EvaluatedSubject:
    folder = read_model_folder(where)
    model = open_model_folder(folder, catalog)
    run = folder.weights.path if folder.weights.kind == "run" else None
    return EvaluatedSubject(
        model,
        folder.weights,
        folder.name,
        _own_evaluations(where, Path()),
        run,
        folder.backbone,
        folder.seed,
        folder.image_size if run is None else image_size_of(run),
        folder.components,
    )


def _own_evaluations(folder: Path | None, data_root: Path) -> OwnEvaluations | None:
    """What a model folder was measured with."""
    own = None if folder is None else folder / EVALUATIONS
    return None if own is None or not own.is_file() else OwnEvaluations(own, data_root, of_a_run=False)


def _run(where: Path, catalog: Catalog) -> EvaluatedSubject:
    data_root, run = data_root_of(where), RunDirectory(where)
    for name in ("best", "last", "previous"):
        if run.checkpoint(name).exists():
            break
    before = _hash(run.checkpoint(name))
    model = open_run(where, catalog)
    if model.checkpoint == "previous" != name:  # the last ones are damaged, which was said
        name, before = "previous", _hash(run.checkpoint("previous"))
    if before is None or _hash(run.checkpoint(name)) != before:
        raise weights_changed(where)
    record = read_json(run.provenance)
    missing = missing_components(record.get("components"), catalog)
    return EvaluatedSubject(
        model,
        ModelWeights("run", before, where, name),
        str(record.get("name", where.name)),
        OwnEvaluations(run.recipe, data_root, of_a_run=True),
        where,
        image_size=image_size_of(where),
        notes=(*unfinished_notes(where, name), *_not_needed(missing)),
    )


def _not_needed(missing: list[str]) -> Iterator[str]:
    """A note that names what a run was trained with and this does without."""
    if missing:
        yield f"of the run's components, these are not installed here and not needed: {', '.join(missing)}"


def image_size_of(run_dir: Path) -> int | None:
    """Side of the canvas that a run's recipe sets, or None for the backbone's own."""
    return read_part(RunDirectory(run_dir).recipe, of_a_run=True).image_size


def _hash(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None
