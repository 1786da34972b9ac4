"""Whether what half of LFW's people say about error rates holds for the other half, bare and with simulated masks.

    python benchmarks/real_faces/risk_on_new_people.py --weights mobilefacenet.safetensors --lfw lfw \\
        --landmarks lfw_landmarks.csv [--splits 200] [--seed 17] [--cache embeddings.npz]

All people with two or more photos are embedded once by MobileFaceNet (that of plugins/maskrec-insightface), each
photo bare and with one mask. Of each person the first ``--photos`` (10) count: a few people have hundreds, and false
accepts that stem from so few are refused. The people are split into halves at random. The error rates of the first
half (``maskrec.metrics.count_risk``) give a threshold for a FAR of 1e-3 with its 95 % interval, and probabilities; all
are compared with what the second half shows. Beside the interval over people stands Wilson's over comparisons, beside
the probabilities the answers yes and no, taken as 0.999 and 0.001. Cllr is the cost of probabilities in bits (Bruemmer
and du Preez 2006); its minimum is that of the second half's own isotonic fit.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics import Risk, count_risk, wilson
from maskrec.metrics.distance_counts import BIN_WIDTH, BINS

FAR = 1e-3
FEWEST_PEOPLE = 1600
COVERAGE, WIDTH, EXCESS = (0.90, 0.995), 2.0, 0.03
YES = 0.999  # the probability that an answer "same" is taken as
CENTRES = (np.arange(BINS) + 0.5) * BIN_WIDTH
HEADER = (
    "condition   | interval holds | bar          | wilson holds | high/low | bar | Cllr    | minimum | excess  "
    "| bar  | yes/no excess | verdict"
)

Floats = NDArray[np.float64]


def main() -> None:
    """Embed, split again and again, print a row per condition."""
    arguments = read_arguments()
    faces = read_faces(arguments).first(arguments.photos)
    print(f"{faces.count} people, {len(faces.rows) // 2} photos, each bare and masked; {arguments.splits} splits")
    draw = np.random.default_rng(arguments.seed)
    rows = []
    for number in range(arguments.splits):
        order = draw.permutation(faces.count)
        one, other = (faces.risk(half) for half in np.array_split(order, 2))
        rows.append([compare(one, other, condition) for condition in CONDITIONS])
        print(f"\r{number + 1}/{arguments.splits}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(HEADER)
    for condition, column in zip(CONDITIONS, np.array(rows).transpose(1, 2, 0), strict=True):
        print(line(condition, *column))


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="MobileFaceNet's state_dict as safetensors")
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--photos", type=int, default=10, help="of each person, the first ones")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=17, help="of the masks and the splits")
    parser.add_argument("--cache", type=Path, help="an .npz file to keep the embeddings in, or to take them from")
    return parser.parse_args()


@dataclass(frozen=True)
class Faces:
    """Embeddings of every photo, all bare ones first, then all masked ones.

    Args:
        rows: float32 ``(2 n, d)``.
        people: int64 ``(n,)``, from 0 without gaps.
    """

    rows: NDArray[np.float32]
    people: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many people."""
        return int(self.people.max()) + 1

    def first(self, most: int) -> Faces:
        """The first photos of each person."""
        starts = np.searchsorted(self.people, np.arange(self.count))
        kept = np.flatnonzero(np.arange(len(self.people)) - starts[self.people] < most)
        return Faces(self.rows[np.concatenate([kept, kept + len(self.people)])], self.people[kept])

    def risk(self, some: NDArray[np.int64]) -> Risk:
        """The error rates that some of the people show."""
        photos = np.flatnonzero(np.isin(self.people, some))
        chosen = np.concatenate([photos, photos + len(self.people)])
        masked = np.repeat([False, True], len(photos))
        return count_risk(self.rows[chosen], np.tile(self.people[photos], 2), masked, np.tile(photos, 2))


def read_faces(arguments: argparse.Namespace) -> Faces:
    """Everybody with two or more photos; embedded, or taken from the cache."""
    folders = sorted(folder for folder in arguments.lfw.iterdir() if folder.is_dir())
    photos = {folder.name: sorted(map(str, folder.glob("*.jpg"))) for folder in folders}
    photos = {name: paths for name, paths in photos.items() if len(paths) >= 2}
    if len(photos) < FEWEST_PEOPLE:
        raise MaskrecError(f"{arguments.lfw} has {len(photos)} people with two photos; {FEWEST_PEOPLE} are needed")
    people = np.repeat(np.arange(len(photos)), [len(paths) for paths in photos.values()])
    paths = [path for several in photos.values() for path in several]
    made_from = hashlib.sha256(arguments.weights.read_bytes()).hexdigest() + f" {len(paths)} {arguments.seed}"
    if arguments.cache and arguments.cache.exists():
        with np.load(arguments.cache, allow_pickle=False) as kept:
            if str(kept["made_from"]) != made_from:
                raise MaskrecError(f"{arguments.cache} was made with other weights, photos or seed; delete it")
            return Faces(kept["rows"], people)
    rows = embed(paths, arguments)
    if arguments.cache:
        np.savez(arguments.cache, rows=rows, made_from=np.array(made_from))
    return Faces(rows, people)


def embed(paths: list[str], arguments: argparse.Namespace) -> NDArray[np.float32]:
    """float32 ``(2 n, d)``: every photo bare, then every photo with a mask of a type drawn by the seed."""
    from maskrec_insightface.mobilefacenet import MobileFaceNet

    from maskrec.contracts.pair_set import PairSet
    from maskrec.contracts.problem import Problems
    from maskrec.faces.masks import MASK_TYPES
    from maskrec.images.landmarks_file import read_landmarks
    from maskrec.images.photos import Photos
    from maskrec.inference.embedder import Embedder
    from maskrec.inference.model import frozen_model
    from maskrec.pairs.photo_pairs import PairImages
    from maskrec.runtime.compute import Compute, pick_device

    model = frozen_model(MobileFaceNet(arguments.weights), str(arguments.weights))
    problems = Problems()
    points, boxes = read_landmarks(arguments.landmarks, arguments.lfw, problems).of(paths, problems)
    problems.raise_errors("LFW")
    photos = Photos(paths, model.spec.size, model.spec.alignment, points, boxes)
    images = PairImages(photos, np.tile(np.arange(len(paths)), 2), np.zeros(len(paths), np.bool_))
    types = np.random.default_rng(arguments.seed).choice(MASK_TYPES, len(paths)).tolist()
    none, no_flags = np.empty(0, np.int64), np.empty(0, np.bool_)
    pairs = PairSet("lfw", images, [None] * len(paths) + types, none, none, no_flags, none.astype(np.int8))
    return Embedder(model, Compute(pick_device("auto"), channels_last=True), arguments.seed, 0)(pairs)


def compare(one: Risk, other: Risk, condition: str) -> tuple[float, ...]:
    """Whether the other half's FAR is in the interval, in Wilson's, high/low; Cllr, its minimum, that of yes and no."""
    threshold = one.threshold(condition, FAR)
    far = other.far(condition, threshold.value)
    low, high = wilson(round(threshold.far * threshold.comparisons), threshold.comparisons)
    number = CONDITIONS.index(condition)
    same, different = (
        counts[number] / counts[number].sum() for counts in (other.counts.genuine, other.counts.impostor)
    )
    answers = np.where(threshold.value >= CENTRES, YES, 1 - YES)
    return (
        threshold.low <= far <= threshold.high,
        low <= far <= high,
        threshold.high / threshold.low,
        cllr(same, different, 1 / (1 + np.exp(-one.log_likelihood_ratio(condition, CENTRES)))),
        cllr(same, different, isotonic(same, different)),
        cllr(same, different, answers),
    )


def cllr(same: Floats, different: Floats, probability: Floats) -> float:
    """Mean cost in bits of the probabilities of bins, both kinds counting half; 1 for an answer that is always 1/2."""
    with np.errstate(divide="ignore"):
        misses = -np.log2(probability[same > 0]) @ same[same > 0]
        alarms = -np.log2(1 - probability[different > 0]) @ different[different > 0]
    return float(misses + alarms) / 2


def isotonic(same: Floats, different: Floats) -> Floats:
    """The falling probabilities of lowest Cllr on these very shares of bins."""
    from sklearn.isotonic import IsotonicRegression

    fit = IsotonicRegression(increasing=False, out_of_bounds="clip")  # bins that neither kind is in
    answers = np.repeat([1.0, 0.0], BINS)
    fit.fit(np.tile(CENTRES, 2), answers, sample_weight=np.concatenate([same, different]))
    return np.asarray(fit.predict(CENTRES), dtype=np.float64)


def line(
    condition: str, held: Floats, wilson_held: Floats, width: Floats, cost: Floats, least: Floats, answers: Floats
) -> str:
    """A row of the printed table: means over the splits."""
    excess = float(np.mean(cost - least))
    good = COVERAGE[0] <= held.mean() <= COVERAGE[1] and width.mean() <= WIDTH and excess <= EXCESS
    return (
        f"{condition:11} | {held.mean():14.1%} | {COVERAGE[0]:.0%} to {COVERAGE[1]:.1%} | {wilson_held.mean():12.1%} | "
        f"{width.mean():8.2f} | {WIDTH:.0f}   | {cost.mean():.5f} | {least.mean():.5f} | {excess:.5f} | {EXCESS} | "
        f"{np.mean(answers - least):13.5f} | {'ok' if good else 'short'}"
    )


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"risk_on_new_people.py: {error}") from None
