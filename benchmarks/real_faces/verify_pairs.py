"""The command ``maskrec verify`` on pairs of LFW: bare, and with simulated masks put on the photos.

    python benchmarks/real_faces/verify_pairs.py MODEL --pairs lfw_pairs.txt --lfw lfw --landmarks lfw_landmarks.csv \\
        [--count 100] [--types kn95] [--seed 17] [--keep FOLDER]

Half of the pairs are of one person, spread over all folds. Masked copies of the whole photos (JPEG) are drawn by their
landmarks and lie in a folder of their own. All pairs go to one ``maskrec verify MODEL - --face central`` as JSON lines
on standard input; it finds the faces, tells by itself who wears a mask, and decides. Counted are right answers, those
without a decision, and pairs whose condition it took for another one. If the model's thresholds are from the same
people, this shows that the command works, and not how well it decides on others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskrec.base.errors import MaskrecError
from maskrec.base.random import SeededDraws
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import Problems
from maskrec.faces.masks import MASK_TYPES, put_on_masks
from maskrec.images.decoding import read_image
from maskrec.images.encoding import encode_image
from maskrec.images.landmarks_file import read_landmarks
from maskrec.pairs.lfw_pairs import lfw_pairs

HEADER = "pairs       | one person: same | different | two people: same | different | undecided | condition mistaken"


@dataclass(frozen=True)
class Asked:
    """A pair that is verified."""

    a: Path
    b: Path
    same: bool
    condition: str


def main() -> None:
    """Write the masked photos, ask the command, print a row per condition."""
    given = read_arguments()
    with tempfile.TemporaryDirectory() as place:
        folder = given.keep or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        asked = pairs_to_ask(given, folder)
        answers = answer(given.model, asked)
    print(HEADER)
    for condition in CONDITIONS:
        print(line(condition, [each for each in zip(asked, answers, strict=True) if each[0].condition == condition]))
    errors = Counter(each["error"].split(": ", 1)[1][:100] for each in answers if "error" in each)
    for said, count in errors.items():
        print(f"{count} x {said}")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="as maskrec verify takes it")
    parser.add_argument("--pairs", type=Path, required=True, help="LFW's pairs.txt")
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--count", type=int, default=100, help="pairs in each condition")
    parser.add_argument("--types", nargs="+", default=["kn95"], help="mask types, in turn")
    parser.add_argument("--seed", type=int, default=17, help="of the masks")
    parser.add_argument("--keep", type=Path, help="a folder in which the masked photos stay")
    return parser.parse_args()


def pairs_to_ask(given: argparse.Namespace, folder: Path) -> list[Asked]:
    """The pairs in each condition."""
    context = Context(input_spec=InputSpec(112, alignment="arcface"), path="pairs")
    pairs = lfw_pairs(given.pairs, given.lfw, context, 112, given.seed, given.landmarks)
    rows = np.concatenate([spread(np.flatnonzero(pairs.same == same), given.count // 2) for same in (True, False)])
    paths = [Path(pairs.images[index].path) for index in np.concatenate([pairs.left[rows], pairs.right[rows]]).tolist()]
    masked = with_masks(paths, given, folder)
    half = len(rows)
    sides = {"bare": (paths, paths), "one_masked": (paths, masked), "both_masked": (masked, masked)}
    return [
        Asked(lefts[row], rights[half + row], bool(pairs.same[rows[row]]), condition)
        for condition, (lefts, rights) in sides.items()
        for row in range(half)
    ]


def spread(rows: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """Some of the rows, evenly from first to last."""
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]


def with_masks(paths: list[Path], given: argparse.Namespace, folder: Path) -> list[Path]:
    """Copies of whole photos with a mask put on."""
    problems = Problems()
    points, _ = read_landmarks(given.landmarks, given.lfw, problems).of([str(path) for path in paths], problems)
    problems.raise_errors(str(given.landmarks))
    copies = []
    for number, path in enumerate(paths):
        image = torch.from_numpy(read_image(str(path))).permute(2, 0, 1)[None].float() / 255
        kind = torch.tensor([MASK_TYPES.index(given.types[number % len(given.types)])])
        draws = SeededDraws(given.seed, 0, "verify pairs", torch.tensor([number]))
        worn = put_on_masks(image, torch.from_numpy(points[number : number + 1]).float(), kind, draws)
        pixels = (worn[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
        copies.append(folder / f"{number:04}.jpg")
        copies[-1].write_bytes(encode_image(pixels, "jpg"))
    return copies


def answer(model: str, asked: list[Asked]) -> list[dict[str, Any]]:
    """What the command says of each pair."""
    lines = "".join(json.dumps({"a": str(each.a), "b": str(each.b)}) + "\n" for each in asked)
    words = [sys.executable, "-m", "maskrec", "verify", model, "-", "--face", "central"]
    done = subprocess.run(words, input=lines, stdout=subprocess.PIPE, text=True, check=False)
    answers = [json.loads(each) for each in done.stdout.splitlines()]
    if len(answers) != len(asked):
        raise MaskrecError(f"maskrec verify ended with code {done.returncode} after {len(answers)} answers")
    return answers


def line(condition: str, answered: list[tuple[Asked, dict[str, Any]]]) -> str:
    """A row of the printed table."""
    counts = Counter((asked.same, said.get("same")) for asked, said in answered)
    undecided = counts[True, None] + counts[False, None]
    mistaken = sum(said.get("condition") not in (None, condition) for _, said in answered)
    return (
        f"{condition:11} | {counts[True, True]:16} | {counts[True, False]:9} | {counts[False, True]:16} | "
        f"{counts[False, False]:9} | {undecided:9} | {mistaken:18}"
    )


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"verify_pairs.py: {error}") from None
