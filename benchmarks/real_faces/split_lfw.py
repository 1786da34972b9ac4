"""Split LFW into people to train on, people to choose the threshold on, and people to test on, without overlap.

    python benchmarks/real_faces/split_lfw.py --lfw DIR --landmarks lfw_landmarks.csv --out data/lfw_split

Writes the reference's CSVs: train.csv (path,target and the five landmarks), eval_same.csv, eval_diff.csv and test.csv
(path,target,pair_path,pair_target with identity columns; no photo is paired with itself), and landmarks.csv. Whoever
trains on this split must not report LFW's own 6,000 pairs: many of their people are trained on.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

LANDMARKS = [
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
]
PAIR_COLUMNS = ["path", "target", "pair_path", "pair_target", "identity", "pair_identity"]
MOST_PAIRS_A_PERSON = 15

Pair = tuple[Path, str, Path, str]


def main() -> None:
    """Read the arguments, write the four files, say what is in them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train-photos", type=int, default=3, help="fewest photos of a person to train on")
    parser.add_argument("--train-share", type=float, default=0.6, help="share of those people who are trained on")
    parser.add_argument("--pairs", type=int, default=3000, help="pairs of each kind for the threshold and for the test")
    parser.add_argument("--seed", type=int, default=17)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    points = read_landmarks(arguments.landmarks)
    people = {
        folder.name: sorted(folder.glob("*.jpg")) for folder in sorted(arguments.lfw.iterdir()) if folder.is_dir()
    }
    train, choose, test = split(people, arguments.train_photos, arguments.train_share, draw)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_landmarks(arguments.out, people, points)
    write_train(arguments.out, {name: people[name] for name in train}, points)
    numbers = {name: number for number, name in enumerate([*choose, *test])}
    for names, files in ((choose, ("eval_same.csv", "eval_diff.csv")), (test, ("test.csv", "test.csv"))):
        same = same_pairs({name: people[name] for name in names}, arguments.pairs, draw)
        different = different_pairs({name: people[name] for name in names}, len(same), draw)
        if files[0] == files[1]:
            write_pairs(arguments.out / files[0], [*same, *different], numbers)
        else:
            write_pairs(arguments.out / files[0], same, numbers)
            write_pairs(arguments.out / files[1], different, numbers)
        print(f"{files[0]}: {len(names)} people, {len(same)} same and {len(different)} different pairs")


def split(
    people: dict[str, list[Path]], fewest: int, share: float, draw: random.Random
) -> tuple[list[str], list[str], list[str]]:
    """Names to train on, to choose the threshold on, to test on; the last two have two photos or more each."""
    many = [name for name, photos in people.items() if len(photos) >= fewest]
    train = sorted(draw.sample(many, round(len(many) * share)))
    rest = [name for name, photos in people.items() if len(photos) >= 2 and name not in set(train)]
    draw.shuffle(rest)
    return train, sorted(rest[::2]), sorted(rest[1::2])


def read_landmarks(path: Path) -> dict[str, dict[str, str]]:
    """Rows by photo name."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {Path(row["path"]).name: row for row in csv.DictReader(stream)}


def write_landmarks(out: Path, people: dict[str, list[Path]], points: dict[str, dict[str, str]]) -> None:
    """landmarks.csv: the five points of every photo, paths as in the other files."""
    with (out / "landmarks.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", *LANDMARKS])
        for photos in people.values():
            for file in photos:
                writer.writerow([relative(file, out), *(points[file.name][column] for column in LANDMARKS)])


def write_train(out: Path, people: dict[str, list[Path]], points: dict[str, dict[str, str]]) -> None:
    """train.csv, targets in the order of names."""
    photos = 0
    with (out / "train.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "target", "identity", *LANDMARKS])
        for target, (name, files) in enumerate(people.items()):
            for file in files:
                writer.writerow(
                    [relative(file, out), target, name, *(points[file.name][column] for column in LANDMARKS)]
                )
                photos += 1
    print(f"train.csv: {len(people)} people, {photos} photos")


def same_pairs(people: dict[str, list[Path]], count: int, draw: random.Random) -> list[Pair]:
    """Pairs of two photos of one person, people in turn, a bounded number of each."""
    queues = []
    for name, photos in people.items():
        pairs = list(itertools.combinations(photos, 2))
        queues.append(
            [(one, name, other, name) for one, other in draw.sample(pairs, min(len(pairs), MOST_PAIRS_A_PERSON))]
        )
    return list(itertools.islice(in_turn(queues), count))


def different_pairs(people: dict[str, list[Path]], count: int, draw: random.Random) -> list[Pair]:
    """Pairs of two people, each pair of photos once."""
    names, seen, pairs = list(people), set(), []
    while len(pairs) < count:
        one, other = draw.sample(names, 2)
        left, right = draw.choice(people[one]), draw.choice(people[other])
        if frozenset((left, right)) not in seen:
            seen.add(frozenset((left, right)))
            pairs.append((left, one, right, other))
    return pairs


def in_turn(queues: Sequence[Sequence[Pair]]) -> Iterable[Pair]:
    """One of each queue, then the next of each, until all are empty."""
    for row in itertools.zip_longest(*queues):
        yield from (pair for pair in row if pair is not None)


def write_pairs(path: Path, pairs: Sequence[Pair], numbers: dict[str, int]) -> None:
    """One of the reference's pair files."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(PAIR_COLUMNS)
        for left, one, right, other in pairs:
            writer.writerow(
                [relative(left, path.parent), numbers[one], relative(right, path.parent), numbers[other], one, other]
            )


def relative(path: Path, folder: Path) -> str:
    """The path as seen from the folder."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


if __name__ == "__main__":
    main()
