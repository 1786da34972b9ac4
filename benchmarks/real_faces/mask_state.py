"""How well the mask probe tells masked faces from bare ones, on people and mask types that it was not fitted on.

    python benchmarks/real_faces/mask_state.py --lfw lfw --landmarks lfw_landmarks.csv --photos pins \\
        --weights mobilefacenet.safetensors --cartoons
    python benchmarks/real_faces/mask_state.py --lfw lfw --landmarks lfw_landmarks.csv --mfr2 mfr2 --csv my/faces.csv

LFW's people, a photo of each, are split in halves, and mask types too: by families of types that are cut alike, and
the five reference types against all others. A probe is fitted on one half, bare and with the one types, and measured on
the other half, bare and with the other types. ``--photos`` is a folder per person, such as Pins (tight crops, half of
the canvas is black): measured by LFW's probe, and by one that is fitted on half of its own people. Real masks are
measured by the probe that is fitted on all types. Intervals are over people (bootstrap). Canvases are MobileFaceNet's:
ArcFace's alignment, 112 pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError
from maskrec.base.random import SeededDraws
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.problem import Problems
from maskrec.datasets.image_csv import ImageCsv
from maskrec.faces.masks import MASK_TYPES, REFERENCE_TYPES, put_on_masks
from maskrec.faces.masks.types import FAMILIES
from maskrec.faces.synthetic.album import Album
from maskrec.images.canvas import pixels_on_canvas
from maskrec.images.decoding import read_image
from maskrec.images.landmarks_file import read_landmarks
from maskrec.inference.photos.face_finding import choose_face, find_in
from maskrec.inference.photos.mask_probe import MaskProbe, mask_state
from maskrec.inference.photos.mask_probe_fitting import fit_mask_probe
from maskrec.inference.photos.photo_input import read_photo
from maskrec.pairs.mfr2 import mfr2

SPEC = InputSpec(112, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb", "arcface")
SPLITS = 2
PHOTOS_A_PERSON = 8
RESAMPLES = 2000
HEADER = f"{'fitted on -> measured on':47} | people |  bare | masked | balanced accuracy [95 %] | unknown | wrong"


@dataclass(frozen=True)
class Faces:
    """Bare faces on the canvas.

    Args:
        images: uint8 RGB ``(n, S, S, 3)``.
        landmarks: float32 ``(n, 5, 2)``.
        people: ``n`` names.
    """

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    people: NDArray[np.str_]

    def of(self, which: Any) -> Faces:
        """A selection."""
        return Faces(self.images[which], self.landmarks[which], self.people[which])

    def masked(self, types: Sequence[str], seed: int) -> NDArray[np.uint8]:
        """The faces with masks on, their types in turn."""
        drawn = np.empty_like(self.images)
        for start in range(0, len(drawn), 64):
            indices = torch.arange(start, min(start + 64, len(drawn)))
            kinds = torch.tensor([MASK_TYPES.index(types[index % len(types)]) for index in indices.tolist()])
            images = torch.from_numpy(self.images[indices]).permute(0, 3, 1, 2).float() / 255
            draws = SeededDraws(seed, 0, "mask state", indices)
            images = put_on_masks(images, torch.from_numpy(self.landmarks[indices]), kinds, draws)
            drawn[indices] = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        return drawn


@dataclass(frozen=True)
class Measured:
    """Faces of known mask state with a probe's probabilities.

    Args:
        masked: bool ``(n,)``.
        probabilities: ``(n,)``.
        people: ``n`` names.
    """

    masked: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    people: NDArray[np.str_]


def main() -> None:
    """Read faces, fit and measure split by split, print a row for each."""
    arguments = read_arguments()
    torch.set_num_threads(1)
    lfw = lfw_faces(arguments.lfw, arguments.landmarks, 2 * arguments.people, arguments.seed)
    half = np.arange(len(lfw.people)) < len(lfw.people) // 2
    other = found_faces(arguments.photos) if arguments.photos else None
    print("The probe reads pixels and not embeddings, so it is the same before and after masked distillation.")
    print(HEADER, flush=True)
    for name, fitted, measured in type_splits(arguments.seed):
        probe = fit(lfw.of(half), fitted, arguments.seed)
        show(f"LFW, {name} -> LFW", measure(probe, lfw.of(~half), measured, arguments.seed))
        if other is not None:
            there = arguments.photos.name
            show(f"LFW, {name} -> {there}", measure(probe, other, measured, arguments.seed))
            first = np.isin(other.people, np.unique(other.people)[::2])
            probe = fit(other.of(first), fitted, arguments.seed)
            show(f"{there}, {name} -> {there}", measure(probe, other.of(~first), measured, arguments.seed))
        if arguments.weights and "families" not in name:
            found = measure_embeddings(arguments.weights, lfw, half, fitted, measured, arguments.seed)
            show(f"  embeddings, {name} -> LFW", found)
    everything = fit(lfw, MASK_TYPES, arguments.seed)
    for name, found in real_masks(everything, arguments):
        show(f"LFW, all types -> {name}, real masks", found)
    if arguments.cartoons:
        probe = fit(cartoon_faces(arguments.people), MASK_TYPES, arguments.seed)
        show("cartoon faces, all types -> LFW", measure(probe, lfw.of(~half), MASK_TYPES, arguments.seed))


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lfw", type=Path, required=True, help="a folder per person")
    parser.add_argument("--landmarks", type=Path, required=True, help="CSV of path and five points")
    parser.add_argument("--people", type=int, default=700, help="of each half")
    parser.add_argument("--photos", type=Path, help="a folder per person of loose photos, nobody of LFW")
    parser.add_argument("--csv", type=Path, nargs="*", default=[], help="sets with real masks: path, masked, landmarks")
    parser.add_argument("--mfr2", type=Path, help="the folder of MFR2")
    parser.add_argument("--mfr2-landmarks", type=Path, help="CSV of its landmarks; without it photos count as aligned")
    parser.add_argument("--weights", type=Path, help="MobileFaceNet's: also fit probes on its embeddings")
    parser.add_argument("--cartoons", action="store_true", help="also fit a probe on cartoon faces")
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def type_splits(seed: int) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """A name, the types to fit on, the types to measure on."""
    draw = np.random.default_rng(seed)
    for number in range(SPLITS):
        order = draw.permutation(len(FAMILIES))
        first, second = order[: len(order) // 2], order[len(order) // 2 :]
        sides = [[name for place in side for name in FAMILIES[place]] for side in (first, second)]
        yield f"families {number + 1}", sides[0], sides[1]
        yield f"families {number + 1} turned", sides[1], sides[0]
    others = [name for name in MASK_TYPES if name not in REFERENCE_TYPES]
    yield "reference types", REFERENCE_TYPES, others
    yield "other types", others, REFERENCE_TYPES


def lfw_faces(folder: Path, landmarks: Path, most: int, seed: int) -> Faces:
    """A photo of each of some people, chosen by the seed."""
    draw = np.random.default_rng(seed)
    people = sorted(place for place in folder.iterdir() if place.is_dir())
    chosen = [people[number] for number in draw.permutation(len(people))[:most]]
    photos = [str(draw.choice(sorted(map(str, person.iterdir())))) for person in chosen]
    problems = Problems()
    points, _ = read_landmarks(landmarks, folder, problems).of(photos, problems)
    problems.raise_errors(str(landmarks))
    return on_canvas([read_image(photo) for photo in photos], points, [person.name for person in chosen])


def found_faces(folder: Path) -> Faces:
    """The most central face of some photos of each person."""
    pixels, points, people = [], [], []
    for person in sorted(place for place in folder.iterdir() if place.is_dir()):
        files = sorted(person.iterdir())
        photos = [read_photo(file) for file in files[:: max(1, len(files) // PHOTOS_A_PERSON)][:PHOTOS_A_PERSON]]
        for photo, faces in zip(photos, find_in(photos, SPEC, None), strict=True):
            if faces:
                face = choose_face(faces, photo.pixels.shape[:2], "central", photo.name)
                pixels.append(photo.pixels)
                points.append(face.landmarks)
                people.append(person.name)
    return on_canvas(pixels, np.array(points), people)


def on_canvas(photos: Sequence[NDArray[np.uint8]], points: NDArray[np.float64], people: Sequence[str]) -> Faces:
    """Photos with their landmarks, aligned."""
    placed = [pixels_on_canvas(*each, SPEC.size, SPEC.alignment) for each in zip(photos, points, strict=True)]
    return Faces(np.stack([pixels for pixels, _ in placed]), np.stack([moved for _, moved in placed]), np.array(people))


def cartoon_faces(most: int) -> Faces:
    """Drawn people, aligned as photos are."""
    album = Album(0, 160, most, 1)
    drawn = [album[index] for index in range(most)]
    photos = [image.permute(1, 2, 0).contiguous().numpy() for image, _ in drawn]
    points = np.stack([landmarks.numpy().astype(np.float64) for _, landmarks in drawn])
    return on_canvas(photos, points, [album.person_name(index) for index in range(most)])


def fit(faces: Faces, types: Sequence[str], seed: int) -> MaskProbe:
    """A probe on faces, each bare and with one mask."""
    images, masked, people = bare_and_masked(faces, types, seed)
    return fit_mask_probe(images, masked, people.tolist(), seed)


def bare_and_masked(
    faces: Faces, types: Sequence[str], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.str_]]:
    """The faces bare, then each with a mask, the types in turn."""
    images = np.concatenate([faces.images, faces.masked(types, seed)])
    return images, np.arange(len(images)) >= len(faces.people), np.tile(faces.people, 2)


def measure(probe: MaskProbe, faces: Faces, types: Sequence[str], seed: int) -> Measured:
    """The probe on faces bare and with a mask."""
    images, masked, people = bare_and_masked(faces, types, seed + 1)
    return Measured(masked, probe.probability(images), people)


def measure_embeddings(
    weights: Path, lfw: Faces, half: NDArray[np.bool_], fitted: Sequence[str], measured: Sequence[str], seed: int
) -> Measured:
    """The same with a logistic regression on MobileFaceNet's unit embeddings, before any distillation."""
    from maskrec_insightface.mobilefacenet import MobileFaceNet
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    network = MobileFaceNet(weights).eval()

    @torch.no_grad()
    def embed(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = []
        for start in range(0, len(images), 64):
            batch = torch.from_numpy(images[start : start + 64]).permute(0, 3, 1, 2).float() / 255
            rows.append(network((batch - torch.tensor(SPEC.mean).view(3, 1, 1)) / torch.tensor(SPEC.std).view(3, 1, 1)))
        return torch.nn.functional.normalize(torch.cat(rows)).numpy()

    images, masked, _ = bare_and_masked(lfw.of(half), fitted, seed)
    scale = StandardScaler().fit(rows := embed(images))
    model = LogisticRegression(C=0.1, max_iter=1000).fit(scale.transform(rows), masked)
    images, masked, people = bare_and_masked(lfw.of(~half), measured, seed + 1)
    return Measured(masked, model.predict_proba(scale.transform(embed(images)))[:, 1], people)


def real_masks(probe: MaskProbe, arguments: argparse.Namespace) -> Iterator[tuple[str, Measured]]:
    """Sets whose faces wear photographed masks, where the user has them."""
    sets: list[tuple[str, Any, Any]] = []
    for path in arguments.csv:
        data = ImageCsv(path, Context(input_spec=SPEC, path="data"), SPEC.size)
        sets.append((path.parent.name, data, [str(label) for label in data.labels]))
    if arguments.mfr2:
        context = Context(input_spec=SPEC, path="mfr2")
        pairs = mfr2(arguments.mfr2, context, SPEC.size, landmarks=arguments.mfr2_landmarks)
        sets.append(("MFR2", pairs.images, pairs.identities))
    for name, samples, people in sets:
        faces = [samples[index] for index in range(len(samples))]
        images = np.stack([face.image.permute(1, 2, 0).contiguous().numpy() for face in faces])
        masked = np.array([face.masked for face in faces])
        yield name, Measured(masked, probe.probability(images), np.array(people))


def show(name: str, found: Measured) -> None:
    """Print a row; ``wrong`` is the share of errors among the faces whose state is not unknown."""
    states = np.array([-1 if (state := mask_state(each)) is None else state for each in found.probabilities.tolist()])
    known = states >= 0
    wrong = np.mean(states[known] != found.masked[known])
    right = (found.probabilities > 0.5) == found.masked
    low, high = interval(found, right)
    accuracy = (right[found.masked].mean() + right[~found.masked].mean()) / 2
    counts = f"{len(set(found.people)):6} | {int((~found.masked).sum()):5} | {int(found.masked.sum()):6}"
    rates = f"{accuracy:.4f} [{low:.4f}, {high:.4f}]  | {1 - known.mean():7.3f} | {wrong:.4f}"
    print(f"{name:47} | {counts} | {rates}", flush=True)


def interval(found: Measured, right: NDArray[np.bool_]) -> tuple[float, float]:
    """95 % of the balanced accuracies of resampled people."""
    names, places = np.unique(found.people, return_inverse=True)
    counts = np.zeros((4, len(names)))  # right and all, masked and bare
    for row, weights in enumerate((found.masked & right, found.masked, ~found.masked & right, ~found.masked)):
        counts[row] = np.bincount(places, weights, len(names))
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    sums = drawn @ counts.T
    low, high = np.quantile((sums[:, 0] / sums[:, 1] + sums[:, 2] / sums[:, 3]) / 2, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    try:
        main()
    except MaskrecError as error:
        raise SystemExit(f"mask_state.py: {error}") from None
