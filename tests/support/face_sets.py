"""Small sets of faces on disk, as `maskrec data align` makes them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from maskrec.faces.alignment import arcface_template
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.tars.tarfiles import write_tar


def face_bytes(number: int, size: int = 32, ending: str = "jpg") -> bytes:
    """A picture that differs for each number."""
    rng = np.random.default_rng(number)
    rough = rng.integers(0, 256, (4, 4, 3), np.uint8)
    image = Image.fromarray(rough).resize((size, size), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, {"jpg": "jpeg"}.get(ending, ending), **({"quality": 95} if ending == "jpg" else {}))
    return stream.getvalue()


def write_face_set(folder: Path, people: int = 5, each: int = 6, size: int = 32) -> Path:
    """``folder/faces.csv`` and its images; landmarks near the template, every third face masked."""
    rng = np.random.default_rng(people * 100 + each)
    rows = []
    for number in range(people * each):
        name = f"person {number // each:02d}/é,{number:04d}.{'png' if number == 3 else 'jpg'}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(face_bytes(number, size, path.suffix[1:]))
        # The first ones lie on the template, as rounded landmarks of aligned faces do; the others are to be moved.
        points = arcface_template(size) + rng.uniform(-1, 1, (5, 2)) * (0.004 if number < 10 else 2.0)
        masked = number % 3 == 0
        kind = ("surgical_green", "cloth_black")[number % 2] if masked else ""
        rows.append([name, number // each, f"person {number // each:02d}", *points.ravel().round(2), int(masked), kind])
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "target", "identity", *LANDMARK_COLUMNS, "masked", "mask_type"])
        writer.writerows(sorted(rows, key=lambda row: str(row[0])))
    return folder


def write_tar_set(faces: Path, folder: Path, shards: int = 3) -> list[Path]:
    """The same faces in tars, each with a .json that holds its whole row."""
    with (faces / "faces.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    folder.mkdir(parents=True, exist_ok=True)
    paths, size = [], -(-len(rows) // shards)
    for shard in range(shards):
        files = []
        for row in rows[shard * size : (shard + 1) * size]:
            files.append((row["path"], (faces / row["path"]).read_bytes()))
            files.append((row["path"].rpartition(".")[0] + ".json", json.dumps(row).encode()))
        paths.append(folder / f"faces-{shard:06d}.tar")
        write_tar(paths[-1], files, durable=False)
    return paths
