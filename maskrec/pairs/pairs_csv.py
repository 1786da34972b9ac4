"""Pairs named in CSVs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem, Problems
from maskrec.pairs.pair_reading import PairReader
from maskrec.pairs.photo_pairs import Masks, PhotoPairs, build_pair_set, conditions_of, mask_problems

SHOWN = "masks that photos of these pairs already show count as simulated, unless you know that they are real"


def pairs_csv(
    context: Context,
    image_size: int,
    seed: int,
    path: Path | None = None,
    same: Path | None = None,
    different: Path | None = None,
    root: Path | None = None,
    landmarks: Path | None = None,
    masks: Masks | list[Masks] = "none",
    types: list[str] | dict[str, float] | None = None,
    photos_masked: bool = False,
    allow_same_photo: bool = False,
) -> PairSet:
    """Pairs from one CSV (``path``), or from one of same-person pairs and one of different ones, as in the reference.

    Columns ``path,target,pair_path,pair_target``; a pair is one person where the targets are equal. Optional, each for
    both photos of a pair: ``masked,pair_masked`` (0 or 1: the photo already shows a mask); ``identity,pair_identity``
    (names); ``photo,pair_photo`` (the photo that an image was made from, so that one photo under two masks is
    recognised); ``mask_type,pair_mask_type`` (which mask a masked photo shows; for one that is not masked, the mask to
    put on when it is embedded, by its landmarks; empty for none). Also ``condition`` (bare, one_masked, both_masked:
    compared with what the other columns say) and ``fold`` (0, 1, ...). So files of `maskrec data pairs` are read as
    they are. ``score``, ``source``, ``split`` and ``note`` are ignored; any other column is an error.

    Args:
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        seed: of the mask types.
        path: a CSV with both kinds of pairs.
        same: a CSV of pairs of one person, instead of ``path`` and with ``different``.
        different: a CSV of pairs of two people.
        root: the folder that paths are relative to; by default each CSV's own.
        landmarks: a CSV of ``path``, the five landmarks and optionally boxes, for alignment and masks; paths relative
            to its own folder or to ``root``. Without it photos are treated as already aligned.
        masks: simulated masks to put on: ``none``, ``one`` (the right face), ``both``, or a list of these: all pairs
            once each way.
        types: mask types to choose from, evenly (a list) or by weight (a map); by default the five of the reference.
        photos_masked: all photos already show masks (as in the reference), instead of the columns.
        allow_same_photo: whether one photo may be on both sides of a pair.

    Raises:
        UsageError: everything wrong with the files at once: rows that cannot be read, missing or empty photos, one
            photo on both sides, a photo with two targets, a pair listed twice, photos without landmarks, a condition
            that the masks contradict.
        ValueError: files, masks and types contradict each other.
    """
    values = {"path": path, "same": same, "different": different, "landmarks": landmarks, "masks": masks}
    for problem in _check({**values, "types": types, "photos_masked": photos_masked}, CheckContext()):
        raise ValueError(problem.message)
    named = [(file, kind) for file, kind in ((path, None), (same, True), (different, False)) if file is not None]
    reader = PairReader(Problems(), photos_masked, allow_same_photo)
    for file, kind in named:
        reader.read(file, file.parent if root is None else root, kind)
    pairs = reader.finish(" and ".join(str(file) for file, _ in named))
    if any(pairs.masked):
        pairs.caveat = SHOWN
    base = root or named[0][0].parent
    _check_masks(pairs, reader.problems, str(named[0][0]), masks, landmarks)
    conditions = conditions_of(masks)
    return build_pair_set(pairs, context, image_size, conditions, types, seed, landmarks, base, reader.problems)


def _check_masks(
    pairs: PhotoPairs, problems: Problems, name: str, masks: Masks | list[Masks], landmarks: Path | None
) -> None:
    """Compare the masks of the file with those of the recipe."""
    if set(conditions_of(masks)) != {"none"}:
        if any(pairs.masked):
            problems.add(name, "photos already show masks; put none on (masks: none)")
        if pairs.put_on is not None:
            problems.add(name, "its mask_type columns say which masks to put on; remove masks")
    elif pairs.put_on is not None and landmarks is None:
        problems.add(
            name, "its mask_type columns say which masks to put on, by landmarks: name their file with landmarks: FILE"
        )


def _check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
    given = {name for name in ("path", "same", "different") if values[name] is not None}
    if given not in ({"path"}, {"same", "different"}):
        yield Problem(
            f"pairs come from path, or from same and different, not from {', '.join(sorted(given)) or 'nothing'}",
            "path",
        )
    if values["photos_masked"] and set(conditions_of(values["masks"])) != {"none"}:
        yield Problem("photos that already show masks cannot have masks put on", "masks", "remove masks")
    yield from mask_problems(values, context)


pairs_csv.check = _check  # type: ignore[attr-defined]
