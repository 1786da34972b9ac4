"""How far an exported file and the model that it is from agree on LFW's 6,000 pairs, bare and with simulated masks.

    python benchmarks/real_faces/onnx_parity.py MODEL.onnx MODEL --pairs lfw_pairs.txt --lfw lfw \\
        --landmarks lfw_landmarks.csv [--types kn95] [--seed 17]

MODEL is what ``maskrec.open`` takes: a run directory, a model folder, ``{use: NAME, weights: FILE}``. Both embed the
same pictures: each photo of the pairs bare, and with a mask of ``--types`` on the right photo (one) and on both. A pair
is decided at the threshold of its condition that the file states for its lowest FAR; without one, at the one that is
best for the model. Goals: every embedding differs by at most 1e-4, and every decision that differs is of a distance
within 1e-5 of the threshold.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.cli.model_options import model_named
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import Context
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.deciding.decision import decide
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.embedder import Embedder
from maskrec.inference.model import Model
from maskrec.inference.open_face_model import open_face_model
from maskrec.inference.open_model import open_exported
from maskrec.metrics import best_threshold, normalise, pair_distances
from maskrec.pairs.lfw_pairs import lfw_pairs
from maskrec.runtime.compute import Compute, pick_device

LARGEST, NEAR = 1e-4, 1e-5
HEADER = (
    "set  | condition   | pictures | largest difference | pairs | threshold | accuracy of model and file | differ "
    "| near | verdict"
)

Floats = NDArray[np.float64]


def main() -> None:
    """Embed by both, print a row per condition."""
    given = read_arguments()
    exported = open_exported(given.file)
    model = open_face_model(model_named(given.model), device="cpu").model
    if model is None:
        raise MaskrecError(f"{given.model} is an exported file; name the model that {given.file} is from")
    print(f"{exported.origin} beside {model.origin}")
    print(HEADER)
    for name, pairs in pair_sets(given, model):
        ours, theirs = (embed(each, pairs, given.seed) for each in (model, exported))
        for number in np.unique(pairs.condition).tolist():
            print(compare(pairs, number, ours, theirs, exported.decisions or Decisions()).line(name), flush=True)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the exported .onnx file")
    parser.add_argument("model", help="what it was exported from, as maskrec takes it")
    parser.add_argument("--pairs", type=Path, required=True, help="LFW's pairs.txt")
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--types", nargs="+", default=["kn95"], help="mask types")
    parser.add_argument("--seed", type=int, default=17, help="of the masks")
    return parser.parse_args()


def pair_sets(given: argparse.Namespace, model: Model) -> list[tuple[str, PairSet]]:
    """The pairs bare, and masked on one side and on both; masks are those of ``yardstick.yaml``, drawn by the label."""
    found = []
    for name, masks, types in (("bare", "none", None), (given.types[0], ["one", "both"], given.types)):
        context = Context(input_spec=model.spec, path=f"evaluate.{name}.pairs")
        size, seed = model.spec.size, given.seed
        pairs = lfw_pairs(given.pairs, given.lfw, context, size, seed, given.landmarks, masks, types)
        found.append((name, pairs))
    return found


def embed(model: Model, pairs: PairSet, seed: int) -> Floats:
    """Unit embeddings of the pairs' pictures, as when pairs are evaluated."""
    return normalise(Embedder(model, Compute(pick_device("cpu"), channels_last=True), seed, 0)(pairs))


@dataclass(frozen=True)
class Compared:
    """Both networks on the pairs of one condition."""

    condition: str
    pictures: int
    largest: float
    pairs: int
    threshold: float
    accuracies: tuple[float, float]
    differ: int
    near: int
    explained: bool

    def line(self, name: str) -> str:
        """A row of the printed table."""
        good = self.largest <= LARGEST and self.explained
        ours, theirs = self.accuracies
        return (
            f"{name:4} | {self.condition:11} | {self.pictures:8} | {self.largest:18.1e} | {self.pairs:5} | "
            f"{self.threshold:9.4f} | {ours:12.6f}, {theirs:.6f}     | {self.differ:6} | {self.near:4} | "
            f"{'ok' if good else 'short'}"
        )


def compare(pairs: PairSet, number: int, ours: Floats, theirs: Floats, decisions: Decisions) -> Compared:
    """The pairs of one condition, decided by both.

    Args:
        pairs: the pair set.
        number: of the condition.
        ours: the model's embeddings, ``(images, d)``.
        theirs: the file's.
        decisions: of the file.
    """
    rows = np.flatnonzero(pairs.condition == number)
    left, right, same = pairs.left[rows], pairs.right[rows], pairs.same[rows]
    used = np.unique(np.concatenate([left, right]))
    one, other = (pair_distances(each, left, right) for each in (ours, theirs))
    stored = decide(0.0, CONDITIONS[number], decisions)
    threshold = best_threshold(one[same], one[~same]).threshold if stored is None else stored.threshold
    near = np.minimum(np.abs(one - threshold), np.abs(other - threshold)) <= NEAR
    differ = (one <= threshold) != (other <= threshold)
    right_answers = [float(np.mean((each <= threshold) == same)) for each in (one, other)]
    return Compared(
        CONDITIONS[number],
        len(used),
        float(np.linalg.norm(ours[used] - theirs[used], axis=1).max()),
        len(rows),
        threshold,
        (right_answers[0], right_answers[1]),
        int(differ.sum()),
        int(near.sum()),
        not (differ & ~near).any(),
    )


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"onnx_parity.py: {error}") from None
