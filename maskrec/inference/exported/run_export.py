"""Exporting what was opened: what a run says of itself goes into the file, its faces are what both are compared on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskrec.base.errors import MaskrecError
from maskrec.base.hashing import sha256_of
from maskrec.base.random import SeededDraws
from maskrec.base.regular_files import LARGEST_RECORD, read_regular
from maskrec.base.version import __version__
from maskrec.base.words import one_line
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import RecipeError
from maskrec.faces.masks import MASK_TYPES, put_on_masks
from maskrec.faces.synthetic import photograph
from maskrec.images.drawn_faces import drawn_on_canvas
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.model_folder import is_model_folder, read_model_folder
from maskrec.inference.exported.export_model import check_destination, export
from maskrec.inference.exported.export_parity import ComparedFaces, Parity
from maskrec.inference.exported.onnx_metadata import NOT_STATED
from maskrec.inference.model import Model
from maskrec.inference.open_model import open_backbone
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.evaluations_only import NamedEvaluations, resolve_evaluations
from maskrec.recipe.part_of_recipe import read_part
from maskrec.runtime.builder import Builder
from maskrec.runtime.run_directory import RunDirectory, read_json
from maskrec.runtime.run_plan import catalog_of_run, data_root_of

_PAIRS = 128
_PEOPLE, _PHOTOS = 8, 4


def export_opened(
    model: Model, where: Path | None, catalog: Catalog, out: Path, licence: str = NOT_STATED
) -> Parity | None:
    """Export an opened model with all that it decides with; as ``export_model.export``.

    Args:
        model: as it was opened.
        where: the run directory or model folder that it was opened from; None for a backbone.
        catalog: where names are looked up.
        out: the file.
        licence: of the weights.
    """
    check_destination(out)
    decisions = model.decisions or Decisions()
    run = None if where is None else run_behind(where)
    if run is None:
        faces = partial(cartoon_faces, model.spec, "a backbone alone has no evaluation pairs")
        return export(model, decisions, out, faces, licence=licence)
    recipe_hash, provenance = provenance_of(run)
    if decisions.thresholds and not decisions.measured_on:
        decisions = replace(decisions, measured_on=f"the evaluation pairs of the run {provenance['run']}")
    faces = partial(faces_of_run, run, catalog, model.spec)
    return export(model, decisions, out, faces, recipe_hash=recipe_hash, provenance=provenance, licence=licence)


def run_behind(where: Path) -> Path | None:
    """The run whose weights are opened, where it is on this machine."""
    if is_model_folder(where):
        weights = read_model_folder(where).weights
        where = weights.path if weights.kind == "run" else where
    return where if RunDirectory(where).is_run else None


def provenance_of(run_dir: Path) -> tuple[str, dict[str, Any]]:
    """SHA-256 of a run's recipe, and where its weights come from: no path of this machine is in it.

    Raises:
        UsageError: not a run directory, or a damaged one.
    """
    run = RunDirectory(run_dir)
    record = read_json(run.provenance)
    prints = {place: value for place, value in record.get("data", {}).items() if isinstance(value, str)}
    said = {"maskrec": __version__, "run": record.get("name", ""), "demo": record.get("demo", False), "data": prints}
    return sha256_of(read_regular(run.recipe, LARGEST_RECORD)), said


def faces_of_run(run_dir: Path, catalog: Catalog, spec: InputSpec) -> ComparedFaces:
    """Images of the run's evaluation pairs; cartoon faces where those cannot be read here.

    Args:
        run_dir: the run.
        catalog: where names are looked up.
        spec: of its network.
    """
    recipe, reason = RunDirectory(run_dir).recipe, "the run has no evaluation pairs"
    try:
        if read_part(recipe, of_a_run=True).root.child("evaluate") is not None:
            data_root, catalog = data_root_of(run_dir), catalog_of_run(run_dir, catalog)
            named = resolve_evaluations(recipe, catalog=catalog, data_root=data_root, of_a_run=True)
            pairs = _evaluation_pairs(named, catalog, data_root, spec)
            if pairs is not None and len(pairs):
                return faces_of_pairs(pairs, f"of {pairs.label}, an evaluation of the run", named.seed)
    except MaskrecError as error:  # its data may be on another machine
        said = error.sentence() if isinstance(error, RecipeError) else one_line(error)
        reason = f"the run's evaluation pairs cannot be read: {said}"
    return cartoon_faces(spec, reason)


def faces_of_pairs(pairs: PairSet, described: str, seed: int) -> ComparedFaces:
    """Up to 128 of the pairs, spread over all of them, their masks put on.

    Args:
        pairs: at least one.
        described: what they are, in words.
        seed: the run's; masks are drawn by it as when the pairs are evaluated.
    """
    rows = np.unique(np.linspace(0, len(pairs) - 1, _PAIRS).astype(np.int64))
    indices, places = np.unique(np.concatenate([pairs.left[rows], pairs.right[rows]]), return_inverse=True)
    samples = [pairs.images[int(index)] for index in indices]
    images = torch.stack([sample.image for sample in samples])
    worn = torch.tensor([_mask_number(pairs.mask_types[int(index)]) for index in indices])
    landmarks = [sample.landmarks for sample in samples if sample.landmarks is not None]
    if bool((worn >= 0).any()) and len(landmarks) == len(samples):
        draws = SeededDraws(seed, 0, pairs.label, torch.from_numpy(indices))
        masked = put_on_masks(images.float() / 255, torch.stack(landmarks), worn, draws)
        images = (masked * 255).round().clamp(0, 255).to(torch.uint8)
    canvases = images.permute(0, 2, 3, 1).contiguous().numpy()
    return ComparedFaces(canvases, described, places[: len(rows)], places[len(rows) :], pairs.same[rows])


def _mask_number(kind: str | None) -> int:
    return MASK_TYPES.index(kind) if kind in MASK_TYPES else -1


def cartoon_faces(spec: InputSpec, reason: str) -> ComparedFaces:
    """Faces drawn by the program, with all pairs of them.

    Args:
        spec: of the network.
        reason: why they are not the run's own, in words.
    """
    people = np.repeat(np.arange(_PEOPLE), _PHOTOS)
    photos = torch.arange(_PHOTOS).repeat(_PEOPLE)
    drawn = zip(*photograph(0, torch.from_numpy(people), photos, spec.size), strict=True)
    images = torch.stack([drawn_on_canvas(image, points, spec.size, spec.alignment)[0] for image, points in drawn])
    left, right = np.triu_indices(len(people), 1)
    canvases = images.permute(0, 2, 3, 1).contiguous().numpy()
    return ComparedFaces(canvases, f"cartoons; {reason}", left, right, people[left] == people[right])


def _evaluation_pairs(
    evaluations: NamedEvaluations, catalog: Catalog, data_root: Path, spec: InputSpec
) -> PairSet | None:
    """The first pair set that an evaluator is given."""
    found = (part for each in evaluations.evaluate.values() for part in each.specs())
    named = next((part for part in found if part.kind == "pairs"), None)
    if named is None:
        return None
    context = Context(data_root=data_root, input_spec=spec, restoring=True)
    givens = {"seed": evaluations.seed, "image_size": spec.size}
    opener = partial(open_backbone, catalog=catalog, data_root=data_root)
    pairs: PairSet = Builder(catalog, evaluations.seed, context, opener, givens).build(named)
    return pairs
