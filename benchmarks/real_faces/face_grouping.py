"""How well faces of LFW are grouped by person, and whether wrong merges keep to the number that the FAR allows.

    python benchmarks/real_faces/face_grouping.py MODEL --lfw lfw --landmarks lfw_landmarks.csv [--cache embeddings.npz]

Half of LFW's people with two or more photos fix the error rates; the first ten photos of each of the others are grouped
(the split of ``gallery_faults.py``). A wrong merge is a person more than one in a group. Beside it stand groups that
chains of accepted pairs connect (single linkage). LFW's own errors count as ours.
"""

from __future__ import annotations

import numpy as np
from gallery_faults import MOST_PHOTOS, SPLIT_SEED, fixed_on, read_arguments, read_lfw
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.inference.galleries.face_groups import group_faces
from maskrec.inference.open_face_model import open_face_model
from maskrec.metrics import normalise

FARS = (1e-3, 1e-4, 1e-5)


def main() -> None:
    """Group at each rate, print a row each."""
    arguments = read_arguments(__doc__ or "")
    lfw = read_lfw(open_face_model(str(arguments.model), device="cpu"), arguments)
    order = np.random.default_rng(SPLIT_SEED).permutation(int(lfw.people.max()) + 1)
    fixing, others = np.array_split(order, 2)
    risk, _ = fixed_on(lfw, fixing)
    places = np.concatenate([lfw.of(person)[:MOST_PHOTOS] for person in others.tolist()])
    rows, people = lfw.rows[places], lfw.people[places]
    print(f"{len(places)} faces of {len(others)} people; error rates of {len(fixing)} others")
    print("FAR   | threshold | wrong merges allowed | ours | by chains | pairs of one person together | by chains")
    for far in FARS:
        groups = group_faces(rows, np.zeros(len(rows), np.int64), np.arange(len(rows)), risk, far)
        limit = groups.thresholds["bare"].value
        chains = chained(normalise(rows), limit)
        ours, theirs = (figures(labels, people) for labels in (groups.labels, chains))
        print(
            f"{far:5g} | {limit:9.4f} | {groups.wrong_merges:20.1f} | {ours[0]:4} | {theirs[0]:9} | "
            f"{ours[1]:28.4f} | {theirs[1]:.4f}  {'ok' if ours[0] <= groups.wrong_merges else 'short'}"
        )


def chained(rows: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """Labels of faces that pairs within the limit connect."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    near = np.sqrt(np.maximum(2 - 2 * rows @ rows.T, 0)) <= limit
    return np.asarray(connected_components(csr_array(near))[1], np.int64)


def figures(labels: NDArray[np.int64], people: NDArray[np.int64]) -> tuple[int, float]:
    """Wrong merges, and the share of one person's pairs that are in one group."""
    pairs = np.unique(np.stack([labels, people], axis=1), axis=0)
    wrong = len(pairs) - len(np.unique(labels))
    same = np.triu(people[:, None] == people, 1)
    return wrong, float(np.triu(labels[:, None] == labels, 1)[same].mean())


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"face_grouping.py: {error}") from None
