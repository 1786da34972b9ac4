"""Small valid files of every kind, which ``mutate.py`` damages."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from record_writing import write_records

from maskrec.images.insightface.record_labels import MAGIC
from maskrec.images.tars.tarfiles import write_tar
from maskrec.runtime.tree_structure import encode_tree


def records(folder: Path) -> list[tuple[bytes, bytes]]:
    """Pairs of .rec and .idx: with and without people's records, one label and two, the magic word within an image."""
    found = []
    magic = MAGIC.to_bytes(4, "little")
    rows: list[list[tuple[float | tuple[float, ...], bytes]]] = [
        [(0.0, b"jpeg" * 9), (0.0, b"x"), (1.0, b"y" * 33)],
        [((0.0, 2.0), b"abcd" + magic + b"efgh" + magic), ((1.0, 2.0), magic * 3)],
    ]
    for number, images in enumerate(rows * 2):
        write_records(folder / "w.rec", images, people=number < 2)
        found.append(((folder / "w.rec").read_bytes(), (folder / "w.idx").read_bytes()))
    return found


def bins() -> list[bytes]:
    """Verification files of all protocols, of bytes and of numpy arrays, and one of Python 2."""
    images, same = [b"\xff\xd8" + bytes(30), b"b" * 300, b"", b"d"], [True, False]
    arrays = [np.frombuffer(image, np.uint8).copy() for image in images]
    contents = [(images, same), (arrays, same), (images, np.array(same)), (images, [np.True_, np.False_])]
    python2 = b"\x80\x02]q\x00(U\x02\xff\xd8U\x01ae]\x88a\x86."
    return [python2, *(pickle.dumps(content, protocol) for content in contents for protocol in range(6))]


def tars(folder: Path) -> list[bytes]:
    """Tars: pax, GNU and ustar."""
    files = [
        ("a/1.jpg", b"j" * 700),
        ("a/1.cls", b"3"),
        ("a/1.json", b'{"identity": "Ann"}'),
        ("é" * 70 + ".jpg", b"k"),
    ]
    found = []
    for form in (None, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        path = folder / "w.tar"
        if form is None:
            write_tar(path, files)
        else:
            with tarfile.open(path, "w", format=form) as archive:
                for name, content in files[:3]:
                    (folder / "member").write_bytes(content)
                    archive.add(folder / "member", name)
        found.append(path.read_bytes())
    return found


def photos() -> list[bytes]:
    """Images of every format that is decoded, and of the modes that are converted."""
    y, x = np.mgrid[0:24, 0:32]
    colours = Image.fromarray(np.stack([x * 8, y * 10, x + y], 2).astype(np.uint8))
    alpha, deep = colours.convert("RGBA"), Image.fromarray((x * 2000 + y).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    made = [(colours, ending) for ending in ("jpeg", "png", "webp", "bmp", "tiff", "gif")]
    made += [(alpha, "png"), (alpha, "webp"), (deep, "png"), (deep, "tiff"), (colours.convert("CMYK"), "jpeg")]
    made += [(colours.convert("P"), "png"), (colours.convert("1"), "tiff")]
    found = []
    for image, ending in made:
        stream = io.BytesIO()
        image.save(stream, ending, **({"exif": exif} if ending in ("jpeg", "png", "webp") else {}))
        found.append(stream.getvalue())
    return found


def checkpoint_structures() -> list[bytes]:
    """The structure of a checkpoint as it is written for the best epoch, and of one from which a run continues."""
    threshold = {"value": 1.0, "distance": "l2", "normalize": True, "source": "pairs " * 40, "far": None}
    evaluation = {"metrics": {"auc": 0.5}, "thresholds": {"t": threshold}, "tables": {}}
    best = {"run_id": "a" * 200, "backbone": {"w": torch.arange(6.0)}, "evaluations": {"e": evaluation}}
    position = {"epoch": 1, "batches": 0, "step": 3, "loss_sum": 0.0, "loss_steps": 0, "stopped": "it " * 90}
    state = {"loss": {}, "optimizer": {}, "schedule": {}, "position": position, "observers": {}, "metrics_bytes": 3}
    going_on = {**best, **state, "best": {"epoch": 0, "value": 0.5}, "shards": []}
    return [encode_tree(tree)[0].encode() for tree in (best, going_on)]


PROVENANCES = [
    b'{"run_id": "0123", "name": "n", "data_root": ".", "demo": false, "components": {"loss": {"sources": "s"}}, '
    b'"data": {"data.labels": "x"}, "history": [{"at": "now"}], "more": [1, -2.5e3, null, "\\u00e9\\ud83d\\ude00"], '
    b'"recipe": ["' + b"words of a recipe, many of them; " * 30 + b'"]}',
]
POINTS = ",".join(f"{p}_{q}" for p in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for q in "xy")
FACES = f"path,target,identity,source,{POINTS},score,masked\n" + "".join(
    f"{name}.jpg,{target},{who},s{name},38.3,51.7,73.5,51.5,56.0,71.7,41.5,92.4,70.7,92.2,0.99,0\n"
    for name, target, who in (("a", 0, "Ann"), ('"b"', 0, "Ann"), ("c", 1, '"Bob, the"'))
)
TABLES = ["path,target\na.jpg,0\nb.jpg,0\nc.jpg,1\n", "path,target,masked,note\r\na.jpg,0,1,x\r\nb.jpg,1,0,\r\n"]
PAIRS = [
    "path,target,pair_path,pair_target\na.jpg,0,b.jpg,0\na.jpg,0,c.jpg,1\n",
    "path,target,pair_path,pair_target,masked,pair_masked,fold,identity,pair_identity\n"
    "a.jpg,0,b.jpg,0,0,1,0,Ann,Ann\na.jpg,0,c.jpg,1,0,1,1,Ann,Bob\nb.jpg,0,c.jpg,1,1,1,0,Ann,Bob\n",
]
