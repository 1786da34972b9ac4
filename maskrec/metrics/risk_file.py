"""``Risk`` as an ``.npz`` file of numbers only, and back from a file that somebody else may have made.

``count_arrays`` reads no more than the numbers that are expected; here the counts must agree with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from maskrec.base.files import write_bytes
from maskrec.contracts.conditions import CONDITIONS
from maskrec.metrics.count_arrays import CountsForm, Shape, WrongFileError, counts_bytes, read_counts
from maskrec.metrics.distance_counts import BINS, GRID, MOST_PEOPLE, DistanceCounts
from maskrec.metrics.risk import Risk

LARGEST_RISK = 64 << 20  # bytes of the file; LFW's 5,749 people take about one
_CONDITIONS = len(CONDITIONS)
_FORM = CountsForm(1, LARGEST_RISK, ("genuine", "impostor", "grid", "false", "comparisons"))


def write_risk(path: Path, risk: Risk) -> None:
    """Write the file, atomically.

    Raises:
        MaskrecError: it cannot be written.
    """
    write_bytes(path, risk_bytes(risk))


def risk_bytes(risk: Risk) -> bytes:
    """The file's content; equal counts give equal bytes."""
    counts = risk.counts
    arrays = {
        "genuine": counts.genuine,
        "impostor": counts.impostor,
        "grid": counts.grid,
        "false": np.diff(counts.false, axis=2, prepend=0),  # mostly zeros, which take no space
        "comparisons": counts.comparisons,
    }
    return counts_bytes(_FORM, arrays)


def read_risk(content: bytes, name: str) -> Risk:
    """Read what ``write_risk`` wrote.

    Args:
        content: of the file, at most ``LARGEST_RISK`` bytes.
        name: of the file, for messages.

    Raises:
        ValueError: it is not such a file, is of another version, or its counts contradict each other; one sentence.
    """
    try:
        arrays = read_counts(content, _FORM, _shapes)
        counts = DistanceCounts(
            arrays["genuine"],
            arrays["impostor"],
            arrays["grid"],
            np.cumsum(arrays["false"], axis=2),
            arrays["comparisons"],
        )
        for problem in _contradictions(counts):
            raise WrongFileError(problem)
    except WrongFileError as error:
        raise ValueError(
            f"{name} is not a file of error rates: {error}; write it again with `maskrec evaluate`"
        ) from None
    return Risk(counts)


def _shapes(stated: Callable[[str], Shape]) -> Mapping[str, Shape]:
    comparisons = stated("comparisons")
    if len(comparisons) != 2 or not 1 <= comparisons[1] <= MOST_PEOPLE:
        raise WrongFileError(f"its comparisons are not those of 1 to {MOST_PEOPLE} people")
    people = comparisons[1]
    return {
        "genuine": (_CONDITIONS, BINS),
        "impostor": (_CONDITIONS, BINS),
        "grid": (_CONDITIONS, GRID),
        "false": (_CONDITIONS, people, GRID),
        "comparisons": (_CONDITIONS, people),
    }


def _contradictions(counts: DistanceCounts) -> Iterator[str]:
    """Which counts cannot be of one set of comparisons, as ends of a sentence."""
    if (np.diff(counts.grid, axis=1) < 0).any() or counts.grid.max() > BINS:
        yield f"its thresholds do not rise within 0 to {BINS}"
        return
    every = counts.impostor.sum(axis=1)
    if (counts.comparisons.sum(axis=1) != 2 * every).any():
        yield "its people's comparisons do not add up to the histograms"
    below = np.concatenate([np.zeros((_CONDITIONS, 1), np.int64), np.cumsum(counts.impostor, axis=1)], axis=1)
    if (counts.false.sum(axis=1) != 2 * np.take_along_axis(below, counts.grid, axis=1)).any():
        yield "its people's false accepts do not add up to the histograms"
    if (counts.false[:, :, -1] > counts.comparisons).any():
        yield "a person has more false accepts than comparisons"
