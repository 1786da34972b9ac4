"""CSV files of pairs, opened as the photos that they name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from maskrec.contracts.problem import Problems
from maskrec.images.face_table import first_rows
from maskrec.images.pair_table import read_pairs
from maskrec.preparation.face_sets.face_set import FaceSet


def fill_from_pairs(faces: FaceSet) -> list[str]:
    """Fill a set with the photos of its list of pairs, each once, in the order of first appearance.

    Returns:
        Each photo's target; people are named where the table has ``identity`` and ``pair_identity``.

    Raises:
        UsageError: the file cannot be read, or its header does not fit.
    """
    faces.kind = "pairs"
    rows = Problems()
    try:
        pairs = read_pairs(faces.path, rows)
    finally:
        faces.take("bad_row", rows)
    photos, table = pairs.photos, pairs.table
    first = first_rows(photos["path"])
    people = photos["identity"].str.strip() if "identity" in photos else pd.Series([""] * len(photos), dtype=object)
    lines = np.array(table.lines, np.int64)[np.repeat(pairs.rows, 2)]
    for row in np.flatnonzero(first != np.arange(len(first))).tolist():
        before = int(first[row])
        if (photos["target"][row], people[row]) != (photos["target"][before], people[before]):
            was, now = (people[one] or f"target {photos['target'][one]}" for one in (before, row))
            message = f"{photos['path'][row]} is {now!r} here and {was!r} in line {lines[before]}"
            faces.error("labels", message, f"{faces.path}:{lines[row]}", people=(was, now))
    kept = photos.loc[np.unique(first)]
    faces.names, faces.lines, faces.people = (
        kept["path"].tolist(),
        lines[kept.index].tolist(),
        people[kept.index].tolist(),
    )
    faces.masked = kept["masked"].to_numpy(np.bool_) if "masked" in kept else np.zeros(len(kept), np.bool_)
    # On a photo without a mask, mask_type is what an evaluation puts on.
    kinds = kept["mask_type"].tolist() if "mask_type" in kept else [""] * len(kept)
    faces.mask_types = [kind if worn else "" for kind, worn in zip(kinds, faces.masked.tolist(), strict=True)]
    faces.sources = kept["photo"].tolist() if "photo" in kept else None
    faces.named = "identity" in table and "pair_identity" in table
    return list(kept["target"])
