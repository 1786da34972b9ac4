"""``MeasuredGalleries`` as an ``.npz`` file of numbers only, and back from a file that somebody else may have made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.count_arrays import CountsForm, Shape, WrongFileError, counts_bytes, read_counts
from maskrec.metrics.distance_counts import BINS
from maskrec.metrics.effective_searches import GRID_POINTS
from maskrec.metrics.gallery_counts import GalleryCounts
from maskrec.metrics.measured_galleries import MeasuredGalleries

LARGEST_GALLERIES = 8 << 20  # bytes of the file; those of LFW take a quarter of a megabyte
_MOST_SIZES = 32
_CONDITIONS = len(CONDITIONS)
_FORM = CountsForm(1, LARGEST_GALLERIES, ("sizes", "people", "draws", "nearest", "own", "first", "grid", "effective"))


def galleries_bytes(galleries: MeasuredGalleries) -> bytes:
    """The file's content; equal counts give equal bytes."""
    counts = galleries.counts
    arrays = {name: np.asarray(getattr(counts, name), np.int64) for name in _FORM.arrays}
    return counts_bytes(_FORM, arrays)


def read_galleries(content: bytes, name: str) -> MeasuredGalleries:
    """Read what ``galleries_bytes`` made.

    Args:
        content: of the file, at most ``LARGEST_GALLERIES`` bytes.
        name: of the file, for messages.

    Raises:
        ValueError: it is not such a file, is of another version, or its counts contradict each other; one sentence.
    """
    try:
        arrays = read_counts(content, _FORM, _shapes)
        counts = GalleryCounts(**{**arrays, "draws": int(arrays["draws"])})  # type: ignore[arg-type]
        for problem in _contradictions(counts):
            raise WrongFileError(problem)
    except WrongFileError as error:
        raise ValueError(
            f"{name} is not a file of searched galleries: {error}; write it again with `maskrec evaluate`"
        ) from None
    return MeasuredGalleries(counts)


def _shapes(stated: Callable[[str], Shape]) -> Mapping[str, Shape]:
    sizes = stated("sizes")
    if len(sizes) != 1 or not 1 <= sizes[0] <= _MOST_SIZES:
        raise WrongFileError(f"its galleries are not of 1 to {_MOST_SIZES} sizes")
    histogram, grid = (_CONDITIONS, *sizes, BINS), (2, _CONDITIONS, *sizes, GRID_POINTS)
    return {
        "sizes": sizes,
        "people": (_CONDITIONS,),
        "draws": (),
        "nearest": histogram,
        "own": histogram,
        "first": histogram,
        "grid": grid,
        "effective": grid,
    }


def _contradictions(counts: GalleryCounts) -> Iterator[str]:
    """Which counts cannot be of one set of searches, as ends of a sentence."""
    sizes = counts.sizes
    if sizes[0] < 1 or (np.diff(sizes) < 1).any():
        yield "its sizes do not rise from 1"
        return
    if (np.diff(counts.grid, axis=3) < 0).any() or counts.grid.max() > BINS:
        yield f"its thresholds do not rise within 0 to {BINS}"
    searches = np.stack([counts.nearest.sum(axis=2), counts.own.sum(axis=2)])
    if ((searches[0] > 0) & (2 * sizes > counts.people[:, None])).any():
        yield "a gallery has more rows than people outside"
    if (np.diff((searches[0] > 0).astype(np.int64), axis=1) > 0).any():
        yield "a size is left out below one that was measured"
    if (searches[0] > counts.draws * counts.people[:, None]).any() or (searches[1] > counts.draws * sizes).any():
        yield "it has more searches than its galleries allow"
    if (counts.first > counts.own).any():
        yield "more searches find their own row first than there are"
    if ((counts.effective < 1) & (searches[..., None] > 0)).any() or (counts.effective > searches[..., None]).any():
        yield "its searches are worth fewer than one or more than all"
