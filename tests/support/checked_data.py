"""Small data for the contract checks of the built-in data sets and pair sets, one folder for each."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from face_sets import face_bytes, write_face_set, write_tar_set
from PIL import Image

from maskrec.images.tars.index import write_tar_index
from maskrec.preparation.packing.packing import Packing, pack
from maskrec.preparation.sources.opening import open_source
from tests.support.record_writing import write_records

_MASKED = ("AFDB_masked_face_dataset", "AFDB_face_dataset")


def data_options(folder: Path) -> dict[str, dict[str, Any]]:
    """The options of each built-in component that reads files, for data that `write_data` has written."""
    return {
        "image_csv": {"path": folder / "faces" / "faces.csv"},
        "image_folder": {"path": folder / "people"},
        "image_packed": {"path": folder / "packed"},
        "image_record": {"path": folder / "records" / "train.rec"},
        "image_tar": {"path": folder / "tars"},
        "pairs_csv": {"path": folder / "listed" / "pairs.csv"},
        "lfw_pairs": {"path": folder / "lfw" / "pairs.txt", "root": folder / "lfw"},
        "bin_pairs": {"path": folder / "listed" / "pairs.bin", "folds": 2},
        "mfr2": {"root": folder / "mfr2"},
        "mlfw": {name: folder / "mlfw" / file for name, file in _MLFW.items()},
        "rmfrd": {"root": folder / "rmfrd", "pairs": 8, "folds": 2},
    }


_MLFW = {"path": "pairs.txt", "root": "aligned", "mask_list": "mask_list.txt"}


def write_data(folder: Path) -> None:
    """Write all of it below ``folder``."""
    faces = write_face_set(folder / "faces", people=3, each=4)
    for number, person in enumerate(sorted(path for path in faces.iterdir() if path.is_dir())):
        shutil.copytree(person, folder / "people" / person.name / ("masked" if number == 1 else ""))
    write_tar_set(faces, folder / "tars", shards=2)
    write_tar_index(folder / "tars")
    pack(Packing(open_source(faces), folder / "packed"))
    (folder / "records").mkdir()
    write_records(folder / "records" / "train.rec", [(number // 3, face_bytes(number)) for number in range(9)])
    _write_pairs(folder)


def _write_pairs(folder: Path) -> None:
    columns = "path,target,identity,pair_path,pair_target,pair_identity,masked,pair_masked,fold"
    rows = ["a1,0,A,a2,0,A,0,1,0", "a1,0,A,b1,1,B,0,0,0", "c1,2,C,c2,2,C,1,1,1", "c1,2,C,d1,3,D,1,0,1"]
    _photos(folder / "listed", [f"{name}.png" for name in ("a1", "a2", "b1", "c1", "c2", "d1")])
    lines = [",".join(f"{word}.png" if word[0] in "abcd" else word for word in row.split(",")) for row in rows]
    (folder / "listed" / "pairs.csv").write_text("\n".join([columns, *lines, ""]))
    images = [face_bytes(number) for number in (0, 1, 0, 2, 3, 4, 5, 4)]
    (folder / "listed" / "pairs.bin").write_bytes(pickle.dumps((images, [True, False, True, False]), 2))

    _photos(
        folder / "lfw", [f"{name}/{name}_{number:04d}.jpg" for name in ("Ann", "Bo", "Cy", "Di") for number in (1, 2)]
    )
    (folder / "lfw" / "pairs.txt").write_text("2\t1\nAnn\t1\t2\nAnn\t1\tBo\t1\nCy\t1\t2\nCy\t1\tDi\t2\n")

    _photos(folder / "mfr2", [f"{name}/{name}_{number:04d}.png" for name in ("Ann", "Bo") for number in (1, 2)])
    (folder / "mfr2" / "mfr2_labels.txt").write_text("Ann, 1, no-mask\nAnn, 2, cloth\nBo, 1, no-mask\nBo, 2, n95\n")
    (folder / "mfr2" / "pairs.txt").write_text("Ann 1 2\nBo 1 2\nAnn 1 Bo 1\nAnn 2 Bo 2\n")

    photos = ["Ann_0001_0001.jpg", "Ann_0004_0001.jpg", "Bo_0001_0000.jpg", "Bo_0002_0003.jpg"]
    _photos(folder / "mlfw" / "aligned", photos)
    pairs = [(0, 1, 1), (2, 3, 1), (0, 3, 0)]
    (folder / "mlfw" / "pairs.txt").write_text("".join(f"{photos[a]}\t{photos[b]}\t{same}\n" for a, b, same in pairs))
    (folder / "mlfw" / "mask_list.txt").write_text(f"{photos[0]}\n{photos[3]}\n")

    people = ("aidai", "bo", "chen", "dong")
    names = [f"{place}/{who}/{number}_{who}.jpg" for place in _MASKED for who in people for number in range(3)]
    _photos(folder / "rmfrd", names)


def _photos(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 9 * number, np.uint8)).save(path)
