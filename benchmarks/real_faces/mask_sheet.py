"""Contact sheets of every mask type on real photos at about 0, 20 and 45 degrees of yaw, on light and dark skin.

Run: ``python benchmarks/real_faces/mask_sheet.py FACES OUT [--size 224] [--types n95 kn95] [--seed 0] [--wear]``, FACES
the folder with ``lfw_landmarks.csv`` and ``lfw/``. Writes one PNG a type and size into OUT and one with all types. The
pictures show people: they belong in no repository.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskrec.base.random import SeededDraws
from maskrec.faces.masks import MASK_TYPES, mask_index, put_on_masks
from maskrec.faces.masks.geometry import fit_camera
from maskrec.images.canvas import to_canvas
from maskrec.images.decoding import read_image

YAWS = (-45, -20, 0, 20, 45)
A_YAW = 4


def read_rows(faces: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Paths and landmarks ``(n, 5, 2)`` of all photos."""
    with (faces / "lfw_landmarks.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], np.array([row[6:16] for row in rows], dtype=float).reshape(-1, 5, 2)


def face_of(faces: Path, path: str, points: NDArray[np.float64], size: int) -> tuple[Tensor, Tensor]:
    """An aligned face and its landmarks."""
    image, moved = to_canvas(read_image(faces / path), points, size, "arcface")
    assert moved is not None
    return image, moved


def skin_of(image: Tensor) -> float:
    """Median luma of the upper cheeks of an aligned 112 px face, in [0, 255]."""
    cheeks = torch.cat([image[:, 60:70, 32:44].flatten(1), image[:, 60:70, 68:80].flatten(1)], 1).float()
    return float((cheeks * torch.tensor([[0.299], [0.587], [0.114]])).sum(0).median())


def pick(faces: Path, seed: int) -> list[tuple[str, NDArray[np.float64]]]:
    """Photos: ``A_YAW`` a yaw, half with light and half with dark cheeks."""
    paths, landmarks = read_rows(faces)
    yaw = np.degrees(np.arctan(fit_camera(torch.tensor(landmarks)).turn[:, 0].numpy()))
    generator = np.random.default_rng(seed)
    picked: list[tuple[str, NDArray[np.float64]]] = []
    for wanted in YAWS:
        near = np.flatnonzero(np.abs(yaw - wanted) < 4)
        some = generator.permutation(near)[:60]
        skin = [skin_of(face_of(faces, paths[i], landmarks[i], 112)[0]) for i in some]
        order = some[np.argsort(skin)]
        half = A_YAW // 2
        dark, light = order[2 : 2 + half], order[-len(order) // 3 :][:half]
        picked += [(paths[i], landmarks[i]) for i in (*dark, *light)]
    return picked


def label(tile: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """The tile with words in its corner."""
    cv2.putText(tile, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def save(path: Path, tiles: list[Tensor], columns: int, names: list[str], shown: int) -> None:
    """Writes tiles ``(3, S, S)`` in [0, 1] as a PNG, each enlarged to ``shown`` pixels."""
    cells = []
    for tile, name in zip(tiles, names, strict=True):
        pixels = (tile.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()[:, :, ::-1]
        if shown != pixels.shape[0]:
            pixels = cv2.resize(pixels, (shown, shown), interpolation=cv2.INTER_LINEAR)
        cells.append(label(np.ascontiguousarray(pixels), name))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    cv2.imwrite(str(path), np.vstack(rows))


def main() -> None:
    """Write the sheets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--types", nargs="+", default=list(MASK_TYPES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wear", action="store_true", help="half under the nose, half on the chin")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    picked = pick(given.faces, given.seed)
    pairs = [face_of(given.faces, path, points, given.size) for path, points in picked]
    images, points = torch.stack([a for a, _ in pairs]).float() / 255, torch.stack([b for _, b in pairs])
    degrees = [round(math.degrees(math.atan(float(value)))) for value in fit_camera(points).turn[:, 0]]
    some: list[Tensor] = [*images[:: A_YAW - 1]]
    names = ["bare"] * len(some)
    wear = {"under_nose": 0.5, "on_chin": 0.5} if given.wear else None
    for name in given.types:
        draws = SeededDraws(given.seed, 0, name, torch.arange(len(images)))
        worn = put_on_masks(images, points, torch.full((len(images),), mask_index(name)), draws, wear=wear)
        texts = [f"{name} {angle}" for angle in degrees]
        save(given.out / f"{name}_{given.size}.png", [*worn], A_YAW, texts, max(given.size, 224))
        some += [*worn[:: A_YAW - 1]]
        names += texts[:: A_YAW - 1]
    save(given.out / f"all_{given.size}.png", some, len(images[:: A_YAW - 1]), names, 160)


if __name__ == "__main__":
    main()
