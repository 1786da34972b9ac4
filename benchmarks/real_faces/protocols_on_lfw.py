"""Figures of the protocols without listed pairs on LFW, beside those of a plain implementation that shares no code.

    python benchmarks/real_faces/protocols_on_lfw.py FACES [--cache KEPT]

All images of LFW's ten folds, each bare and masked, by MobileFaceNet: those of masked_lfw.yaml, which says what FACES
holds; KEPT is the folder of ``maskrec evaluate --cache``. Groups are first letters of names, which mean nothing. The
plain one takes all distances in float64 at once (about 6 GB), scikit-learn's ``roc_curve``, and searches person by
person. Exits with 1 where two figures differ by more than 1e-9.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from masked_lfw import masked_lfw
from sklearn.metrics import roc_curve

from maskrec.contracts.evaluation import View
from maskrec.contracts.pair_set import PairSet
from maskrec.evaluators.by_group import ByGroup
from maskrec.evaluators.identification import Identification
from maskrec.evaluators.masked_gallery import MaskedGallery

FARS, FPIRS, RANKS = (1e-3, 1e-4, 1e-5), (0.1, 0.01), (1, 5, 10)


class Images:
    """What a plain implementation needs: unit rows, names, photos, who wears a mask."""

    def __init__(self, rows: np.ndarray, pairs: PairSet) -> None:
        double = rows.astype(np.float64)
        self.unit = double / np.sqrt((double**2).sum(axis=1, keepdims=True))
        self.names = np.array(pairs.identities)
        self.photos = np.array([pairs.images.origin(index)[0] for index in range(len(pairs.images))])
        self.masked = np.array([kind is not None for kind in pairs.mask_types])

    def compared(self, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Squared distances of some images with others, whether they are of one person, and of two photos."""
        squared = 2 - 2 * self.unit[one] @ self.unit[other].T
        return squared, self.names[one][:, None] == self.names[other], self.photos[one][:, None] != self.photos[other]


def plain_tars(images: Images, one: np.ndarray, other: np.ndarray) -> list[tuple[float, float]]:
    """TAR at the largest threshold whose FAR is not above each of ``FARS``, by scikit-learn; and the FAR there."""
    squared, same, apart = images.compared(one, other)
    if np.array_equal(one, other):
        apart &= np.triu(np.ones(apart.shape, bool), 1)
    fpr, tpr, _ = roc_curve(same[apart], -squared[apart], drop_intermediate=False)
    places = [np.flatnonzero(fpr <= far)[-1] for far in FARS]
    return [(float(tpr[at]), float(fpr[at])) for at in places]


def plain_searches(images: Images, probes: np.ndarray) -> tuple[list[int], list[float], list[float]]:
    """Rank and distance of the own person, and the distance of the nearest other, probe by probe."""
    enrolled = {}
    for index in np.lexsort((images.photos, images.names)):
        if not images.masked[index]:
            enrolled.setdefault(images.names[index], index)
    ranks, mates, others = [], [], []
    names = sorted(enrolled)
    rows = images.unit[[enrolled[name] for name in names]]
    place = {name: number for number, name in enumerate(names)}
    taken = {images.photos[index] for index in enrolled.values()}
    for probe in probes:
        if images.photos[probe] in taken:
            continue
        squared = 2 - 2 * rows @ images.unit[probe]
        own = place.get(images.names[probe])
        mate = np.inf if own is None else squared[own]
        if own is not None:
            ranks.append(1 + int((np.delete(squared, own) <= mate).sum()))
            mates.append(float(mate))
        others.append(float(np.delete(squared, own).min() if own is not None else squared.min()))
    return ranks, mates, others


def plain_fnir(ranks: list[int], mates: list[float], others: list[float], fpir: float) -> float:
    """FNIR at the largest of the strangers' distances at which no more than ``fpir`` of them find anybody."""
    able = [t for t in sorted(others) if np.mean(np.array(others) <= t) <= fpir]
    beyond = min(t for t in others if t > able[-1])
    return float(np.mean([rank > 1 or mate > (able[-1] + beyond) / 2 for rank, mate in zip(ranks, mates, strict=True)]))


def figures(pairs: PairSet, rows: np.ndarray, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Every figure: its name, ours, the plain one."""
    images = Images(rows, pairs)
    bare, masked = np.flatnonzero(~images.masked), np.flatnonzero(images.masked)

    def embed(asked: PairSet, view: View | None = None) -> np.ndarray:
        return rows

    answer = MaskedGallery(pairs, fars=FARS).evaluate(embed)
    for name, one, other in (("one_masked", bare, masked), ("both_masked", masked, masked)):
        for far, (tar, measured) in zip(FARS, plain_tars(images, one, other), strict=True):
            row = next(r for r in answer.tables["tar_at_far"] if (r["condition"], r["far"]) == (name, far))
            yield f"masked_gallery tar@far={far:g}/{name}", row["tar"], tar
            yield f"masked_gallery measured FAR of {far:g}/{name}", row["measured_far"], measured
    found = Identification(pairs, ranks=RANKS, fpirs=FPIRS).evaluate(embed)
    for name, probes in (("bare_probes", bare), ("masked_probes", masked)):
        ranks, mates, others = plain_searches(images, probes)
        for rank in RANKS:
            yield (
                f"identification rank{rank}/{name}",
                found.metrics[f"rank{rank}/{name}"],
                float(np.mean(np.array(ranks) <= rank)),
            )
        for fpir in FPIRS:
            key = f"fnir@fpir={fpir:g}/{name}"
            yield f"identification {key}", found.metrics[key], plain_fnir(ranks, mates, others, fpir)
    letters = np.array([name[0] <= "I" for name in images.names])
    with (folder / "letters.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("identity", "letters"))
        writer.writerows(
            sorted({(str(n), "A to I" if a else "J to Z") for n, a in zip(images.names, letters, strict=True)})
        )
    split = ByGroup(MaskedGallery(pairs, fars=(1e-3,), conditions=("one_masked",)), folder / "letters.csv", "letters")
    squared, same, apart = images.compared(bare, masked)
    far_row = next(r for r in answer.tables["tar_at_far"] if (r["condition"], r["far"]) == ("one_masked", 1e-3))
    accepted = squared <= far_row["threshold"]
    for row in split.evaluate(embed).tables["groups"]:
        mine = letters if row["group"] == "A to I" else ~letters
        within = mine[bare][:, None] & mine[masked] & ~same
        either = (mine[bare][:, None] | mine[masked]) & ~same
        genuine = mine[bare][:, None] & same & apart
        yield f"by_group FAR within {row['group']}", row["far"], float(accepted[within].mean())
        yield f"by_group FAR of {row['group']} with everybody", row["far_everybody"], float(accepted[either].mean())
        yield f"by_group TAR of {row['group']}", row["tar"], float(accepted[genuine].mean())


def main() -> int:
    """Print every figure twice; 1 where two differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--cache", type=Path, metavar="KEPT", help="embeddings are kept here, and taken from here")
    arguments = parser.parse_args()
    pairs, rows = masked_lfw(arguments.faces, arguments.cache)
    people = len(set(pairs.identities or ()))
    print(f"{len(pairs.images):,} images of {people:,} people")
    apart = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, ours, plain in figures(pairs, rows, Path(folder)):
            equal = abs(ours - plain) <= 1e-9
            apart += not equal
            print(f"{name} | {ours:.6g} | {plain:.6g} | {'equal' if equal else 'DIFFERENT'}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
