"""The training data of a run that exists, opened again as far as it is still there."""

from __future__ import annotations

from array import array
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.open_model import open_backbone
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.part_of_recipe import read_part
from maskrec.recipe.plan import Spec
from maskrec.runtime.builder import Builder
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.run_plan import catalog_of_run, data_root_of

if TYPE_CHECKING:
    from maskrec.contracts.kinds import Dataset

FROM_DATA = ("labels", "num_classes", "class_counts")
"""The givens that training data answers."""


def open_training_data(run_dir: Path, spec: InputSpec, catalog: Catalog) -> Dataset:
    """The data set that a run's recipe names.

    Args:
        run_dir: the run directory.
        spec: what the backbone expects, by which the data is opened.
        catalog: where names are looked up.

    Raises:
        MaskrecError: not a run directory, or its data is gone, damaged or of a plugin that is missing.
    """
    data_root = data_root_of(run_dir)
    part, catalog = read_part(RunDirectory(run_dir).recipe, of_a_run=True), catalog_of_run(run_dir, catalog)
    data = part.root.child("data")
    built = None if data is None else part.components(catalog).component(data, "dataset", "data")
    part.check_files([built], data_root)
    part.refuse()
    assert isinstance(built, Spec)
    opener = partial(open_backbone, catalog=catalog, data_root=data_root)
    givens = {"seed": part.seed, "image_size": part.image_size or spec.size}
    context = Context(data_root=data_root, input_spec=spec)
    dataset: Dataset = Builder(catalog, part.seed, context, opener, givens).build(built)
    return dataset


def givens_of(dataset: Dataset) -> dict[str, Any]:
    """What components may ask of the training data, by the names in ``FROM_DATA``: 8 bytes a class for the counts."""
    counts = np.bincount(np.asarray(dataset.labels, dtype=np.int64), minlength=dataset.num_classes)
    in_order = array("q", counts.astype(np.int64).tobytes())
    return {"labels": dataset.labels, "num_classes": dataset.num_classes, "class_counts": in_order}
