"""LFW's pairs with the simplest possible masks: one flat polygon by five landmarks, in the five reference colours.

    python benchmarks/real_faces/flat_polygons.py --lfw lfw --landmarks lfw_landmarks.csv --pairs lfw_pairs.txt \\
        --out data/flat
    maskrec evaluate MODEL benchmarks/real_faces/flat_polygons.yaml --data-root data/flat

A test that shares nothing with the masks that maskrec draws: a model trained on those is tested here on others.
Writes every photo of the pairs aligned to 112 pixels (PNG), bare and masked, and bare.csv, one_masked.csv (the right
face wears the mask) and both_masked.csv with LFW's ten folds. A photo's colour is drawn by the seed and its number.
``--top`` says how far down from the eyes to the mouth the edge over the nose is: the lower, the more is visible.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.pairs.lfw_pairs import lfw_pairs

SIZE = 112
COLOURS = {
    "surgical_green": (0x44, 0xB4, 0xA8),
    "surgical_blue": (0x1C, 0xA0, 0xF4),
    "n95": (0xED, 0xED, 0xE8),
    "kn95": (0xF2, 0xF2, 0xF0),
    "cloth_black": (0x16, 0x16, 0x18),
}
COLUMNS = (
    "path", "target", "pair_path", "pair_target", "identity", "pair_identity", "masked", "pair_masked", "fold",
)  # fmt: skip


def main() -> None:
    """Align, draw, write the images and the three files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--pairs", type=Path, required=True, help="LFW's pairs.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--top", type=float, default=0.2, help="edge over the nose: 0 at the eyes, 1 at the mouth")
    parser.add_argument("--seed", type=int, default=17, help="of the colours")
    arguments = parser.parse_args()
    context = Context(input_spec=InputSpec(SIZE, alignment="arcface"), path="flat")
    files = (arguments.pairs, arguments.lfw, context, SIZE, arguments.seed)
    pairs = lfw_pairs(*files, landmarks=arguments.landmarks)
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = [write_images(arguments.out, pairs, index, arguments) for index in range(len(pairs.images))]
    for name, sides in (("bare", (0, 0)), ("one_masked", (0, 1)), ("both_masked", (1, 1))):
        write_pairs(arguments.out / f"{name}.csv", pairs, names, sides)
    print(f"{len(names)} photos bare and masked, {len(pairs)} pairs each way, in {arguments.out}")


def write_images(out: Path, pairs: PairSet, index: int, arguments: argparse.Namespace) -> str:
    """The aligned photo below ``bare`` and, with its polygon, below ``masked``; the name of both."""
    sample = pairs.images[index]
    assert sample.landmarks is not None
    image = np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0))
    colour = random.Random(f"{arguments.seed}/{index}").choice(sorted(COLOURS))
    shown = draw_polygon(image, sample.landmarks.double().numpy(), COLOURS[colour], arguments.top)
    name = f"{Path(sample.path).stem}.png"
    for folder, pixels in (("bare", image), ("masked", shown)):
        (out / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(out / folder / name), pixels[..., ::-1])
    return name


def draw_polygon(
    image: NDArray[np.uint8], points: NDArray[np.float64], colour: Sequence[int], top: float
) -> NDArray[np.uint8]:
    """A copy of an RGB face ``(H, W, 3)`` with one flat polygon over nose, cheeks, mouth and chin.

    Args:
        image: the face.
        points: ``(5, 2)`` landmarks in its pixels.
        colour: red, green, blue.
        top: how far down from the eyes to the mouth the edge over the nose is.
    """
    drawn = image.copy()
    cv2.fillPoly(drawn, [np.round(outline(points, top)).astype(np.int32)], tuple(colour))
    return drawn


def outline(points: NDArray[np.float64], top: float) -> NDArray[np.float64]:
    """The polygon's seven corners: nose, then clockwise cheek, jaw, chin, chin, jaw, cheek."""
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    down = mouth - eyes
    across = np.array([down[1], -down[0]])
    # Shares of the distance from eyes to mouth: how far across, how far down.
    corners = [
        (0.0, top),
        (0.82, top + 0.2),
        (0.72, 1.15),
        (0.3, 1.75),
        (-0.3, 1.75),
        (-0.72, 1.15),
        (-0.82, top + 0.2),
    ]
    return np.array([eyes + side * across + depth * down for side, depth in corners])


def write_pairs(path: Path, pairs: PairSet, names: Sequence[str], sides: tuple[int, int]) -> None:
    """LFW's pairs once, the left and the right face masked or not."""
    assert pairs.identities is not None
    assert pairs.fold is not None
    numbers = {name: number for number, name in enumerate(sorted(set(pairs.identities)))}

    def rows() -> Iterable[list[Any]]:
        for left, right, fold in zip(pairs.left, pairs.right, pairs.fold, strict=True):
            both = (pairs.identities[left], pairs.identities[right])  # type: ignore[index]
            files = [f"{('bare', 'masked')[on]}/{names[i]}" for i, on in zip((left, right), sides, strict=True)]
            yield [files[0], numbers[both[0]], files[1], numbers[both[1]], *both, *sides, int(fold)]

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(rows())


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"flat_polygons.py: {error}") from None
