"""A training set laid out as one folder per person."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskrec.base.regular_files import is_folder
from maskrec.base.words import os_reason
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.problem import Problem, Problems
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.datasets.batch_reading import read_into
from maskrec.datasets.options import canvas_of
from maskrec.images.folder_layout import WORN, worn_by_folder
from maskrec.images.landmarks_file import read_landmarks
from maskrec.images.photos import PHOTO_ENDINGS, Photos, file_problem, place_of


class ImageFolder:
    """``PATH/<person>/<photo>``: folders sorted by name are the people, 0, 1, ...; photos are sorted by name too.

    Photos in a folder called ``masked`` (``PATH/<person>/masked/<photo>`` or ``PATH/masked/<person>/<photo>``) wear a
    mask already, and never get a second one; a folder ``bare`` may stand beside it. Photos are files ending in .jpg,
    .jpeg, .png, .bmp, .webp, .tif, .tiff, .gif or .avif, in any case. Names that start with a dot (and Thumbs.db) are
    ignored; anything else inside a person's folder is an error, as is a photo beside the folders and a folder without
    photos. Files that are not photos may be beside the folders.

    The backbone's ``input_spec.alignment`` decides how faces are placed on the canvas. **Without landmarks the photos
    are treated as already aligned**: the middle square is cropped and resized, for ``box`` the whole photo stretched.

    Args:
        path: the folder of folders.
        context: the runner's.
        image_size: side of the canvas in pixels.
        minimum_images: people with fewer photos are skipped.
        landmarks: a CSV of ``path`` and the five landmarks (and optionally boxes ``x1,y1,x2,y2``), paths relative to
            its own folder or to ``path``; every photo must be in it.

    Raises:
        UsageError: at opening, with everything wrong with the folder; with the path, for a photo that does not decode.
        ValueError: ``minimum_images`` below 1.
    """

    def __init__(
        self,
        path: Path,
        context: Context,
        image_size: int,
        minimum_images: int = 1,
        landmarks: Path | None = None,
    ) -> None:
        for problem in self.check({"minimum_images": minimum_images}, CheckContext()):
            raise ValueError(problem.message)
        problems = Problems()
        people = {name: photos for name, photos in _people(path, problems).items() if len(photos) >= minimum_images}
        if not people and not problems.errors:
            problems.add(path, f"no folder with {minimum_images} or more photos; expected one folder per person")
        paths = [photo for photos in people.values() for photo in photos]
        points, boxes = None, None
        if landmarks is not None:
            points, boxes = read_landmarks(landmarks, path, problems).of(paths, problems)
        problems.raise_errors(str(path))
        self.identities = list(people)
        self.labels = [label for label, photos in enumerate(people.values()) for _ in photos]
        self.num_classes = len(people)
        self.has_landmarks = points is not None
        start = len(place_of(path, ""))
        self.masked = np.array([bool(worn_by_folder(photo[start:])[1]) for photo in paths], np.bool_)
        self._photos = Photos(paths, canvas_of(image_size), context.alignment, points, boxes)

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Check ``minimum_images``."""
        if values["minimum_images"] < 1:
            yield Problem(f"minimum_images must be at least 1, not {values['minimum_images']}", "minimum_images")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        """One sample; UsageError with the path when its photo does not decode."""
        return self._photos.open(index, self.labels[index], bool(self.masked[index]))

    def read_into(self, indices: Sequence[int], images: NDArray[np.uint8]) -> SampleColumns:
        """Write the samples' images into ``images`` and return their columns; see ``contracts.protocols.Dataset``."""
        return read_into(
            self.__getitem__, self.labels, self._photos.aligner, self._photos.put, indices, images, self.masked
        )

    def read_stored(self, index: int) -> bytes:
        """The bytes of a sample's file or record, not decoded; UsageError with the path when they cannot be read."""
        return self._photos.stored(index)


def _people(root: Path, problems: Problems, below: str = "") -> dict[str, list[str]]:
    """Each person's photos; those of folders called ``masked`` or ``bare`` beside or inside the person's folder too."""
    people: dict[str, list[str]] = {}
    entries = _entries(root / below, problems)
    if around := _around_everything(entries):
        problems.add(around, "one folder around everything, but a folder is a person; name this folder as the path")
        return people
    for entry in entries:
        if is_folder(entry) and not below and entry.name.lower() in WORN:
            for name, photos in _people(root, problems, f"{entry.name}/").items():
                people.setdefault(name, []).extend(photos)
        elif is_folder(entry):
            people.setdefault(entry.name, []).extend(_photos(entry, f"{below}{entry.name}", root, problems))
        elif entry.name.lower().endswith(PHOTO_ENDINGS):
            problems.add(entry.path, "a photo beside the folders has no identity; move it to its person's folder")
    return {name: sorted(people[name]) for name in sorted(people)}


def _around_everything(entries: Sequence[os.DirEntry[str]]) -> str:
    """The only folder, where it holds nothing but people's folders; else empty."""
    folders = [entry for entry in entries if is_folder(entry)]
    if len(folders) != 1 or folders[0].name.lower() in WORN:
        return ""
    inside = _entries(Path(folders[0].path), Problems())
    people = all(is_folder(entry) and entry.name.lower() not in WORN for entry in inside)
    return folders[0].path if inside and people else ""


def _photos(folder: os.DirEntry[str], place: str, root: Path, problems: Problems) -> list[str]:
    photos = []
    for entry in _entries(Path(folder.path), problems):
        if is_folder(entry) and entry.name.lower() in WORN and folder.name.lower() not in WORN:
            photos += _photos(entry, f"{place}/{entry.name}", root, problems)
        elif is_folder(entry):
            problems.add(entry.path, "a folder within a person's folder; photos must be directly in it")
        elif not entry.name.lower().endswith(PHOTO_ENDINGS):
            problems.add(entry.path, f"not a photo by its name (photos end in {', '.join(PHOTO_ENDINGS)}); remove it")
        elif said := file_problem(entry.path):
            problems.add(entry.path, said)
        else:
            photos.append(place_of(root, f"{place}/{entry.name}"))
    if not photos:
        problems.add(folder.path, "no photos in this folder; fill it or remove it")
    return photos


def _entries(folder: Path, problems: Problems) -> list[os.DirEntry[str]]:
    """The contents of a folder, sorted by name, without hidden files."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not entry.name.startswith(".") and entry.name != "Thumbs.db"),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        problems.add(folder, f"cannot be read as a folder ({os_reason(error)})")
        return []
