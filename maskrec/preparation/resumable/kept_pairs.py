"""The pairs of InsightFace's ``.bin``, kept beside the faces that were made of its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from maskrec.base.csv_writing import csv_bytes
from maskrec.base.words import counted
from maskrec.images.face_columns import PAIR_COLUMNS, columns_of
from maskrec.images.insightface.binfile import FOLDS, folds_of

PAIRS = "pairs.csv"
_COLUMNS = columns_of("path", "target", "pair_path", "pair_target", "fold", known=PAIR_COLUMNS)


def kept_pairs(
    rows: Sequence[tuple[str, str, Mapping[str, str]]], targets: Mapping[str, int], images: int
) -> tuple[bytes, str]:
    """The file of pairs for ``pairs_csv``, and what to say of it.

    Images 2i and 2i + 1 are pair i, one person where both faces have one identity (see ``sources.archives.open_bin``).
    A pair is left out where one of its images gave no face, or several. Folds are those of the whole file.

    Args:
        rows: path, identity and columns of each face; ``source`` is the image's number.
        targets: numbers of the identities.
        images: how many the file has.
    """
    numbered = [(int(row["source"]), path, identity) for path, identity, row in rows if row["source"].isdecimal()]
    faces = Counter(image for image, _, _ in numbered)
    by_image = {image: (path, identity) for image, path, identity in numbered if faces[image] == 1}
    kept = [image // 2 for image in sorted(by_image) if image % 2 == 0 and image + 1 in by_image]
    folds = _folds(kept, images // 2)
    lines: list[list[object]] = []
    for place, pair in enumerate(kept):
        sides = [(path, targets[name]) for path, name in (by_image[2 * pair], by_image[2 * pair + 1])]
        lines.append([*sides[0], *sides[1], *folds[place : place + 1]])
    lost = images // 2 - len(kept)
    said = f"{counted(len(kept), 'pair')} in {PAIRS}"
    if lost:
        said += f"; {counted(lost, 'pair')} left out, of which an image gave no face or several"
    return csv_bytes(_COLUMNS if folds else _COLUMNS[:-1], lines), said


def _folds(kept: Sequence[int], pairs: int) -> list[int]:
    """Each kept pair's fold, numbered without gaps; nothing where the file has too few pairs for folds."""
    if pairs < FOLDS or not kept:
        return []
    _, numbers = np.unique(folds_of(np.array(kept), pairs, FOLDS), return_inverse=True)
    return [int(number) for number in numbers]
