"""How near the embeddings of one picture in two files are, and how near two photos of one person come by themselves.

    python benchmarks/real_faces/copied_photos.py MODEL --lfw lfw --landmarks lfw_landmarks.csv \\
        [--galleries 150] [--cache embeddings.npz]

``maskrec gallery check`` notes photos of one person that are so near that they may be one picture in two files. Copies
of ``--galleries`` photos of LFW (drawn by a seed, from people with two or more) are made as photos are copied: stored
anew as JPEG, made smaller, cut, made brighter; the face is found anew in the photo and in each copy, as ``gallery add``
finds it. Beside them stand all pairs of one person's photos (the first ten of each), aligned by LFW's landmarks: two
photos, but for pictures that LFW has twice. The nearest pairs are named, so that these can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from gallery_faults import MOST_PHOTOS, Lfw, photos_of_several, read_arguments, read_lfw
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.images.decoding import read_image
from maskrec.inference.face_model import FaceModel
from maskrec.inference.open_face_model import open_face_model
from maskrec.inference.photos.face_finding import choose_face

SEED, NAMED = 17, 40
BOUNDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)

Pixels = NDArray[np.uint8]


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Stored and read again."""
    written = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(written, cv2.IMREAD_COLOR)[..., ::-1])


def resized(pixels: Pixels, factor: float) -> Pixels:
    """Smaller or larger."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how))


def cut(pixels: Pixels, share: float) -> Pixels:
    """Without this share of its width and height, most of it at one side, so that pixels move on every grid."""
    height, width = pixels.shape[:2]
    top, left = int(height * share * 0.7), int(width * share * 0.3)
    return np.ascontiguousarray(pixels[top : top + int(height * (1 - share)), left : left + int(width * (1 - share))])


def brighter(pixels: Pixels, factor: float) -> Pixels:
    """By a factor."""
    return np.clip(pixels.astype(np.float32) * factor, 0, 255).astype(np.uint8)


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG 95": lambda pixels: as_jpeg(pixels, 95),
    "JPEG 80": lambda pixels: as_jpeg(pixels, 80),
    "JPEG 50": lambda pixels: as_jpeg(pixels, 50),
    "JPEG 30": lambda pixels: as_jpeg(pixels, 30),
    "0.75 as large": lambda pixels: resized(pixels, 0.75),
    "half as large": lambda pixels: resized(pixels, 0.5),
    "1.5 as large": lambda pixels: resized(pixels, 1.5),
    "cut by 10 %": lambda pixels: cut(pixels, 0.1),
    "brighter by 15 %": lambda pixels: brighter(pixels, 1.15),
    "half, JPEG 60": lambda pixels: as_jpeg(resized(pixels, 0.5), 60),
    "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
}


def main() -> None:
    """Print a row for each kind of copy, one for pairs of one person's photos, and the nearest of these."""
    arguments = read_arguments(__doc__ or "")
    model = open_face_model(str(arguments.model), device="cpu")
    paths = [str(path) for mine in photos_of_several(arguments.lfw) for path in mine]
    photos = [paths[place] for place in np.random.default_rng(SEED).permutation(len(paths))[: arguments.galleries]]
    rows = [model_row(model, photo, None) for photo in photos]
    print("distance               |      n | median |   99 % | within " + " ".join(f"{bound:5.2f}" for bound in BOUNDS))
    for kind, change in COPIES.items():
        apart = []
        for photo, row in zip(photos, rows, strict=True):
            copy = None if row is None else model_row(model, photo, change)
            if row is not None and copy is not None:
                apart.append(float(np.linalg.norm(row - copy)))
        print(line(kind, np.array(apart)), flush=True)
    lfw = read_lfw(model, arguments)
    one, other, apart_own = own_pairs(lfw)
    print(line("two photos of a person", apart_own))
    for pair in np.argsort(apart_own)[:NAMED].tolist():
        print(f"{apart_own[pair]:.4f} {lfw.paths[one[pair]]} {lfw.paths[other[pair]]}")


def model_row(model: FaceModel, path: str, change: Callable[[Pixels], Pixels] | None) -> NDArray[np.float64] | None:
    """The embedding of the central face, found anew; None where none is found."""
    pixels = read_image(path)
    if change is not None:
        pixels = change(pixels)
    try:
        face = choose_face(model.find(pixels), (pixels.shape[0], pixels.shape[1]), "central", path)
    except UsageError:
        return None
    return model.unit_rows(face.image[None])[0].astype(np.float64)


def own_pairs(lfw: Lfw) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of one person's first photos, and their distances."""
    left, right = [], []
    for person in range(int(lfw.people.max()) + 1):
        places = lfw.of(person)[:MOST_PHOTOS]
        one, other = np.triu_indices(len(places), 1)
        left.append(places[one])
        right.append(places[other])
    one, other = np.concatenate(left), np.concatenate(right)
    rows = lfw.rows.astype(np.float64)
    return one, other, np.linalg.norm(rows[one] - rows[other], axis=1)


def line(kind: str, apart: NDArray[np.float64]) -> str:
    """A row of the table."""
    within = " ".join(f"{np.mean(apart <= bound):5.3f}" for bound in BOUNDS)
    return f"{kind:22} | {len(apart):6,} | {np.median(apart):.4f} | {np.quantile(apart, 0.99):.4f} |        {within}"


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"error: {error}") from None
