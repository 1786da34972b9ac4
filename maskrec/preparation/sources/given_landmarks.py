"""Landmarks from a file beside the photos, instead of a detector's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problems
from maskrec.images.landmarks_file import read_landmarks
from maskrec.images.photos import place_of
from maskrec.preparation.sources.photo_source import FileReader, Source


def with_landmarks(source: Source, path: Path) -> Source:
    """The source with the landmarks (and boxes) of a CSV of ``path`` and ten numbers, optionally ``x1,y1,x2,y2``.

    Its paths are relative to its own folder or to the source's root; every photo of the source must be in it.

    Raises:
        UsageError: the source is not files, has its own landmarks, or has photos that the CSV lacks.
    """
    if not isinstance(source.reader, FileReader):
        raise UsageError(f"{source.path}: --landmarks names files, but this source is {source.kind}")
    if source.items.landmarks is not None:
        raise UsageError(f"{source.path}: already has landmarks; remove --landmarks")
    problems, root = Problems(), source.reader.root
    read = read_landmarks(path, root, problems)
    points, boxes = read.of([place_of(root, place) for place in source.items.places], problems)
    problems.raise_errors(str(path))
    return replace(source, items=replace(source.items, landmarks=points, boxes=boxes))
