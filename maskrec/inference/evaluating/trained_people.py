"""The people whom a run was trained on, as far as its data is still there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.base.errors import MaskrecError
from maskrec.contracts.component_calls import caveat_of
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.evaluating.training_data import open_training_data
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.part_of_recipe import read_part
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.run_plan import data_root_of

_MOST_RUNS = 16


@dataclass(slots=True)
class TrainedPeople:
    """Who is in the training data of a run, and of the runs that its weights started from.

    Args:
        names: of the people.
        caveats: what must be said of models that were trained on this data.
        notes: what could not be compared, in sentences.
    """

    names: set[str] = field(default_factory=set)
    caveats: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def trained_people(run_dir: Path, spec: InputSpec, catalog: Catalog) -> TrainedPeople:
    """Open the training data of a run and of those that it started from; never raises for data that is gone.

    Args:
        run_dir: the run directory.
        spec: what the backbone expects, by which the data is opened.
        catalog: where names are looked up.
    """
    found, left, seen = TrainedPeople(), [run_dir], set[str]()
    while left and len(seen) < _MOST_RUNS:
        current = left.pop()
        place = os.path.realpath(current)
        if place in seen:
            continue
        seen.add(place)
        try:
            _add(current, spec, catalog, found)
            left += _started_from(current)
        except MaskrecError as error:
            reason = str(error).splitlines()[0]
            found.notes.append(f"people are not compared with those that {current} was trained on: {reason}")
    return found


def _add(run_dir: Path, spec: InputSpec, catalog: Catalog, found: TrainedPeople) -> None:
    dataset = open_training_data(run_dir, spec, catalog)
    caveat = caveat_of(dataset)
    found.caveats += [caveat] if caveat else []
    if dataset.identities is None:
        found.notes.append(f"people are not compared with those that {run_dir} was trained on: its data has no names")
    else:
        found.names.update(dataset.identities)


def _started_from(run_dir: Path) -> Iterator[Path]:
    """The runs whose weights this one started from."""
    root, data_root = read_part(RunDirectory(run_dir).recipe, of_a_run=True).root, data_root_of(run_dir)
    backbone = root.child("backbone")
    for node in (root.child("init"), None if backbone is None else backbone.child("run")):
        if node is not None and isinstance(node.value, str):
            yield data_root / node.value
