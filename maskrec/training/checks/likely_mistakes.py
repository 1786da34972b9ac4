"""What a recipe for masked faces most likely got wrong: notes of ``check`` and at the start of a run, never errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maskrec.contracts.component_calls import masked_samples, sets_masked
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Mark, Problem
from maskrec.images.decoding import read_image
from maskrec.images.photos import file_problem
from maskrec.recipe.plan import Plan, Spec

if TYPE_CHECKING:
    from maskrec.contracts.input_spec import InputSpec
    from maskrec.contracts.kinds import Dataset, Transform
    from maskrec.contracts.pair_set import Images

_ALIGN = "if they are raw photos: maskrec data align PHOTOS FACES finds the landmarks; then name FACES/faces.csv"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe and what was built of it.

    Args:
        plan: the recipe.
        dataset: the training faces.
        transforms: by label.
        pair_sets: all that are evaluated or tested.
        spec: what the backbone expects.
        canvas: its height and width in pixels.
    """

    plan: Plan
    dataset: Dataset
    transforms: Mapping[str, Transform]
    pair_sets: Sequence[tuple[Spec, PairSet]]
    spec: InputSpec
    canvas: tuple[int, int]


def likely_mistakes(recipe: Recipe) -> list[Problem]:
    """A note for each row of the table that finds something."""
    return [note for finds in _TABLE for note in finds(recipe)]


def _nothing_is_measured(recipe: Recipe) -> Iterator[Problem]:
    if not recipe.plan.evaluate:
        yield _note(
            "nothing will be measured: the recipe has no `evaluate` section, so the last epoch is kept and tested on "
            "no pairs",
            "evaluate",
            recipe.plan.data.mark,
            "maskrec data pairs makes pairs of people who are not trained on; the evaluators verification and "
            "pair_histogram measure them",
        )


def _masks_are_measured_and_not_trained(recipe: Recipe) -> Iterator[Problem]:
    masked = masked_samples(recipe.dataset)
    if masked is None or np.any(masked) or any(sets_masked(each) for each in recipe.transforms.values()):
        return
    worn = [(spec, pairs) for spec, pairs in recipe.pair_sets if np.any(pairs.condition)]
    if worn:
        (spec, pairs), *others = worn
        more = f" (as in {', '.join(other.path for other, _ in others)})" if others else ""
        yield _note(
            f"{np.count_nonzero(pairs.condition)} of these {len(pairs)} pairs show masked faces{more}, and no face "
            "that is trained on wears a mask",
            spec.path,
            spec.mark,
            "add `mask: {use: synthetic_mask}` to `transforms` (it needs landmarks), or train on masked photos "
            "with a column `masked`",
        )


def _raw_photos_are_taken_as_aligned(recipe: Recipe) -> Iterator[Problem]:
    if recipe.spec.alignment == "none":
        return
    for spec, images, has_landmarks in _sources(recipe):
        other = None if has_landmarks else _other_size(images, recipe.canvas)
        if other:
            yield _note(
                f"these photos have no landmarks, so they are treated as already aligned: the whole photo is resized "
                f"to {_sides(recipe.canvas)} pixels; the first one has {other[1]} x {other[0]} pixels",
                spec.path,
                spec.mark,
                _ALIGN,
            )


def _landmarks_are_not_used(recipe: Recipe) -> Iterator[Problem]:
    if recipe.spec.alignment != "none":
        return
    for spec, images, has_landmarks in _sources(recipe):
        other = _other_size(images, recipe.canvas) if has_landmarks else None
        if other:
            yield _note(
                f"the backbone asks for no alignment (`none`), so the landmarks of {spec.name} do not place the "
                f"faces: the middle square of each photo is taken (the first one has {other[1]} x {other[0]} pixels)",
                spec.path,
                spec.mark,
                "set backbone.alignment to arcface or box, or InputSpec(alignment=...) in a backbone of your own",
            )


_TABLE: tuple[Callable[[Recipe], Iterator[Problem]], ...] = (
    _nothing_is_measured,
    _masks_are_measured_and_not_trained,
    _raw_photos_are_taken_as_aligned,
    _landmarks_are_not_used,
)


def _sources(recipe: Recipe) -> Iterator[tuple[Spec, Images, bool]]:
    """Where faces come from: the training set, and each pair set."""
    yield recipe.plan.data, recipe.dataset, bool(recipe.dataset.has_landmarks)
    for spec, pairs in recipe.pair_sets:
        yield spec, pairs.images, pairs.has_landmarks


def _other_size(images: Images, canvas: tuple[int, int]) -> tuple[int, int] | None:
    """Height and width of the first photo in a file of its own, where it is not the canvas; None otherwise.

    Faces that fill the canvas are aligned already, or as near to it as can be seen. What cannot be read is not for
    here: whatever reads it next says so.
    """
    try:
        path = images[0].path
        shape = read_image(path).shape[:2] if file_problem(path) is None else canvas
    except (Exception, SystemExit):
        return None
    size = (int(shape[0]), int(shape[1]))
    return None if size == canvas else size


def _sides(canvas: tuple[int, int]) -> str:
    return str(canvas[0]) if canvas[0] == canvas[1] else f"{canvas[1]} x {canvas[0]}"


def _note(message: str, path: str, mark: Mark | None, hint: str) -> Problem:
    return Problem(message, path, hint, mark, note=True)
