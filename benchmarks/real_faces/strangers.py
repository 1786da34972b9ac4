"""Faces to distil on: a set of few people with many photos, and LFW's people who are in none of its 6,000 pairs.

    maskrec data align pins data/pins112 --central
    maskrec data align lfw data/lfw112 --central
    python benchmarks/real_faces/strangers.py --few data/pins112/faces.csv --lfw data/lfw112/faces.csv \\
        --pairs lfw_pairs.txt --out data/strangers.csv

4,281 of LFW's 5,749 people are in its pairs, and none of them gets in here: neither their photos in the pairs nor any
other. A template knows no identities, so the column ``target`` is not the person but a portion: a person's photos, ten
(``--portion``) at a time. The sampler ``identity_balanced`` with one image a target then draws every portion alike, so
that a face of somebody with one photo comes ten times as often as one of somebody with hundreds.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from split_lfw import relative

from maskrec.base.errors import MaskrecError
from maskrec.base.files import write_atomically
from maskrec.images.face_columns import LANDMARK_COLUMNS

Portions = dict[tuple[str, int], list[dict[str, str]]]


def main() -> None:
    """Read both sets, leave out the people of the pairs, write the CSV, say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=Path, required=True, help="faces.csv of a set of few people, none of them in LFW")
    parser.add_argument("--lfw", type=Path, required=True, help="faces.csv of all of LFW")
    parser.add_argument("--pairs", type=Path, required=True, help="LFW's pairs.txt")
    parser.add_argument("--out", type=Path, required=True, help="the CSV to write")
    parser.add_argument("--portion", type=int, default=10, help="most photos of a person that share a target")
    arguments = parser.parse_args()
    few, lfw, tested = read_faces(arguments.few), read_faces(arguments.lfw), people_of_pairs(arguments.pairs)
    known = {row["identity"] for row in few} & {row["identity"] for row in lfw}
    if known:
        parser.error(f"{len(known)} people of {arguments.few} are in LFW, for example {min(known)}: remove them")
    missing = tested - {row["identity"] for row in lfw}
    if missing:
        parser.error(
            f"{len(missing)} people of {arguments.pairs} are not in {arguments.lfw}, {min(missing)!r} for one, and "
            "could not be excluded: align all of LFW, by its names"
        )
    unpaired = [row for row in lfw if row["identity"] not in tested]
    sets = {arguments.few: few, arguments.lfw: unpaired}
    portioned = {file: portions(rows, arguments.portion) for file, rows in sets.items()}
    write(arguments.out, portioned)
    for file, rows in sets.items():
        people = len({row["identity"] for row in rows})
        print(f"{file}: {len(rows):,} faces of {people:,} people in {len(portioned[file]):,} portions")


def read_faces(path: Path) -> list[dict[str, str]]:
    """The rows of a ``faces.csv`` that ``maskrec data align`` wrote."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def people_of_pairs(path: Path) -> set[str]:
    """Everybody who is in LFW's pairs, on either side."""
    people = set()
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        # Names hold no spaces, and copies of the file have tabs or spaces: as maskrec's own reader takes them.
        name, *rest = line.split()
        people |= {name, rest[1]} if len(rest) == 3 else {name}
    return people


def portions(rows: Iterable[dict[str, str]], size: int) -> Portions:
    """The rows by person and portion, at most ``size`` of them in each."""
    met: dict[str, int] = defaultdict(int)
    found: Portions = defaultdict(list)
    for row in rows:
        person = row["identity"]
        found[person, met[person] // size].append(row)
        met[person] += 1
    return found


def write(path: Path, portioned: dict[Path, Portions]) -> None:
    """One CSV for ``image_csv``: paths relative to its folder, a target for every portion, the landmarks."""
    groups: Sequence[tuple[Path, list[dict[str, str]]]] = [
        (file, rows) for file, found in portioned.items() for rows in found.values()
    ]

    def put(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("path", "target", *LANDMARK_COLUMNS))
            for target, (file, rows) in enumerate(groups):
                for row in rows:
                    image = relative(file.parent / row["path"], path.parent)
                    writer.writerow((image, target, *(row[column] for column in LANDMARK_COLUMNS)))

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, put)


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"strangers.py: {error}") from None
