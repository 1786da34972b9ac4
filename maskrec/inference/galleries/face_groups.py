"""Unknown faces grouped by person: average linkage of calibrated log odds, cut at a false accept rate.

The margin of two faces is the log odds of their distance less those at their condition's threshold: 0 or more where a
single comparison would accept them. Two groups become one while the mean margin over all pairs of their faces is 0 or
more, the largest first (average linkage, Sokal and Michener 1958). So two single faces are decided like two photos in
``maskrec verify``; and where groups meet, one pair that is alike by chance does not chain two people together, as it
does where groups are joined by their nearest faces. Faces of one photo are never put together.

What follows for all faces: to put two people together, at least one of their pairs must be accepted wrongly, because a
mean of 0 or more has one term of 0 or more. So of N faces, with P = N (N - 1) / 2 pairs less those within a photo, at
most FAR x P wrong merges are to be expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskrec.base.errors import UsageError
from maskrec.base.unit_interval import outside_unit_interval
from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.inference.galleries.folder_faces import FolderFace
from maskrec.inference.galleries.pair_scoring import POSSIBLE, mask_number, pair_conditions
from maskrec.metrics import Risk, RiskThreshold, normalise
from maskrec.metrics.arrays import Floats
from maskrec.metrics.comparison_tiles import Indices
from maskrec.metrics.enough_people import worded

MOST_CONNECTED = 10_000  # faces that a chain of accepted pairs connects: their margins take 800 MB

_ROWS = 256  # compared with all others at once


@dataclass(frozen=True, slots=True, eq=False)
class FaceGroups:
    """Faces grouped by person.

    Args:
        labels: int64 ``(n,)``, the group of each face from 0, the largest group first, then as the faces were given.
        nearest: int64 ``(n,)``, the nearest face of the same group; -1 where it is alone.
        distances: float64 ``(n,)``, to that; NaN where it is alone.
        margins: float64 ``(n,)``, the mean margin with all others of the group; NaN where it is alone.
        thresholds: of each condition that occurs.
        pairs: how many pairs of faces were compared.
    """

    labels: Indices
    nearest: Indices
    distances: Floats
    margins: Floats
    thresholds: Mapping[str, RiskThreshold]
    pairs: int

    @property
    def wrong_merges(self) -> float:
        """How many merges of two people are to be expected at most: the highest measured FAR times the pairs."""
        return max((each.far for each in self.thresholds.values()), default=0.0) * self.pairs


def group_faces(embeddings: ArrayLike, masked: ArrayLike, photos: ArrayLike, risk: Risk, far: float) -> FaceGroups:
    """Group faces by person.

    Args:
        embeddings: ``(n, d)``.
        masked: int ``(n,)``: 1 masked, 0 bare, -1 not known.
        photos: int ``(n,)``, the photo that each face is in.
        risk: the model's.
        far: false accept rate of a comparison, inside (0, 1).

    Raises:
        UsageError: a rate out of range or that the people of the evaluation cannot carry, with how many could; a
            condition that was not measured; a chain of more than ``MOST_CONNECTED`` faces.
    """
    require_rate(risk, far)
    states, within = np.asarray(masked), np.asarray(photos)
    rows = normalise(embeddings) if len(states) else np.zeros((0, 1))
    margins = _Margins(rows, states, within, risk, far)
    parts = _connected(margins)
    labels = np.zeros(len(rows), np.int64)
    groups = [group for part in parts for group in _linked(part, margins)]
    groups.sort(key=lambda group: (-len(group), int(group[0])))
    nearest, distances, means = np.full(len(rows), -1), np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for number, group in enumerate(groups):
        labels[group] = number
        if len(group) > 1:
            apart = np.linalg.norm(rows[group][:, None] - rows[group][None], axis=2)
            np.fill_diagonal(apart, np.inf)
            nearest[group], distances[group] = group[apart.argmin(axis=1)], apart.min(axis=1)
            means[group] = margins.among(group).sum(axis=1) / (len(group) - 1)
    _, counts = np.unique(within, return_counts=True)
    pairs = (len(rows) * (len(rows) - 1) - int((counts * (counts - 1)).sum())) // 2
    return FaceGroups(labels, nearest, distances, means, margins.thresholds, pairs)


def group_folder_faces(faces: Sequence[FolderFace], risk: Risk, far: float, masked: bool | None = None) -> FaceGroups:
    """``group_faces`` of faces that were found in photos, at least one; ``masked`` says what all wear."""
    return group_faces(
        np.stack([each.row for each in faces]),
        np.array([mask_number(each.face.masked if masked is None else masked) for each in faces]),
        np.array([each.photo for each in faces]),
        risk,
        far,
    )


def require_rate(risk: Risk, far: float) -> None:
    """Refuse a rate that no condition's comparisons carry, before faces are found.

    Raises:
        UsageError: it is outside (0, 1), or the people of the evaluation cannot carry it, with how many could.
    """
    if said := outside_unit_interval(far, "a false accept rate"):
        raise UsageError(f"{said}; 0.0001 is one pair in ten thousand")
    refused: UsageError | None = None
    for condition in CONDITIONS:
        try:
            _threshold(risk, condition, far)
            return
        except UsageError as error:
            refused = refused or error
    if refused is not None:
        raise refused


class _Margins:
    """The margins of pairs of faces.

    Args:
        rows: float64 ``(n, d)`` of unit length.
        masked: ``(n,)``.
        photos: ``(n,)``.
        risk: the model's.
        far: false accept rate of a comparison.
    """

    def __init__(self, rows: Floats, masked: NDArray[np.int64], photos: Indices, risk: Risk, far: float) -> None:
        self.rows, self.masked, self.photos, self.risk = rows, masked, photos, risk
        states = np.unique(masked)
        self.numbers = np.unique(pair_conditions(states[:, None], states)).tolist() if len(rows) > 1 else []
        names = {name for number in self.numbers for name in POSSIBLE[number]}
        self.thresholds = {name: _threshold(risk, name, far) for name in CONDITIONS if name in names}

    def accepted(self, block: slice) -> NDArray[np.bool_]:
        """Which pairs of some faces with all a single comparison accepts."""
        distances = np.sqrt(np.maximum(2 - 2 * (self.rows[block] @ self.rows.T), 0.0))
        numbers = pair_conditions(self.masked[block, None], self.masked)
        limits = np.full(len(POSSIBLE), -1.0)
        for number in self.numbers:
            limits[number] = min(self.thresholds[name].value for name in POSSIBLE[number])
        # A little more than what is accepted: a pair too many is decided by its margin.
        near = distances <= limits[numbers] + 1e-6
        return np.asarray(near & (self.photos[block, None] != self.photos))

    def among(self, faces: Indices) -> Floats:
        """Margins among some faces: 0 of each with itself, minus infinity within a photo."""
        rows, numbers = self.rows[faces], pair_conditions(self.masked[faces][:, None], self.masked[faces])
        distances = np.sqrt(np.maximum(2 - 2 * (rows @ rows.T), 0.0))
        margins = np.full(distances.shape, np.inf)
        for number in np.unique(numbers).tolist():
            here = numbers == number
            for name in POSSIBLE[number]:
                margins[here] = np.minimum(margins[here], self._margin(name, distances[here]))
        margins[self.photos[faces][:, None] == self.photos[faces]] = -np.inf
        np.fill_diagonal(margins, 0.0)
        return np.asarray((margins + margins.T) / 2)  # a product of matrices is not always symmetric

    def _margin(self, condition: str, distances: Floats) -> Floats:
        limit = self.thresholds[condition].value
        margins = self.risk.log_likelihood_ratio(condition, distances) - float(
            self.risk.log_likelihood_ratio(condition, limit)
        )
        # The odds are constant at both ends, where a threshold may be.
        return np.where(distances <= limit, margins, np.minimum(margins, -1e-9))


def _threshold(risk: Risk, condition: str, far: float) -> RiskThreshold:
    if not risk.has(condition):
        raise UsageError(
            f"some faces are compared as {worded(condition)} ones, and the model was not measured on such pairs; "
            "evaluate it on some with `maskrec evaluate`, or say with --masked or --bare what all faces wear"
        )
    try:
        threshold = risk.threshold(condition, far)
        risk.log_likelihood_ratio(condition, threshold.value)
    except ValueError as error:
        raise UsageError(f"faces cannot be grouped: {error}") from error
    return threshold


def _connected(margins: _Margins) -> list[Indices]:
    """Faces that accepted pairs connect: nothing else can become one group."""
    count = len(margins.rows)
    roots = list(range(count))

    def root(place: int) -> int:
        while roots[place] != place:
            roots[place] = roots[roots[place]]
            place = roots[place]
        return place

    for start in range(0, count, _ROWS):
        near = margins.accepted(slice(start, start + _ROWS))
        for one, other in zip(*(part.tolist() for part in np.nonzero(near)), strict=True):
            first, second = root(start + one), root(other)
            roots[max(first, second)] = min(first, second)
    parts: dict[int, list[int]] = {}
    for place in range(count):
        parts.setdefault(root(place), []).append(place)
    longest = max(map(len, parts.values()), default=0)
    if longest > MOST_CONNECTED:
        raise UsageError(
            f"{counted(longest, 'face')} are connected by pairs that are alike, and at most {MOST_CONNECTED:,} can be "
            "grouped; choose a lower false accept rate"
        )
    return [np.array(part, np.int64) for part in parts.values()]


def _linked(faces: Indices, margins: _Margins) -> list[Indices]:
    """The groups of average linkage among some faces."""
    if len(faces) == 1:
        return [faces]
    means = margins.among(faces)
    np.fill_diagonal(means, -np.inf)
    members = [[int(face)] for face in faces]
    best, at = means.max(axis=1), means.argmax(axis=1)
    while (first := int(best.argmax())) >= 0 and best[first] >= 0:
        one, other = sorted((first, int(at[first])))
        sizes = len(members[one]), len(members[other])
        joined = (sizes[0] * means[one] + sizes[1] * means[other]) / sum(sizes)
        means[one], means[:, one] = joined, joined
        means[other], means[:, other] = -np.inf, -np.inf
        means[one, one] = -np.inf
        members[one], members[other] = members[one] + members[other], []
        changed = np.flatnonzero((at == one) | (at == other) | (np.arange(len(at)) == one))
        better = np.flatnonzero(means[one] > best)
        best[better], at[better] = means[one][better], one
        best[changed], at[changed] = means[changed].max(axis=1), means[changed].argmax(axis=1)
        best[other] = -math.inf
    return [np.array(sorted(group), np.int64) for group in members if group]
