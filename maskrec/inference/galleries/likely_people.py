"""The people that faces may be of, from the rows that are near: faces of one mask state are scored together.

A call of NumPy costs more than its work on the few rows of one face; for 64 faces at once that was a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.pair_scoring import POSSIBLE, pair_conditions, ranked, worded_conditions
from maskrec.inference.galleries.row_index import NearRows
from maskrec.inference.galleries.search_answer import GalleryCandidate
from maskrec.inference.galleries.search_risk import SearchRisk

if TYPE_CHECKING:
    from maskrec.metrics import Risk
    from maskrec.metrics.arrays import Floats
    from maskrec.metrics.comparison_tiles import Indices

_AT_ONCE = 4096  # rows that are scored at once, about: their copies in float64 take 16 MB


class SoughtFaces(NamedTuple):
    """Faces of one mask state that are searched.

    Args:
        rows: float32 ``(p, d)`` of unit length.
        state: 1 masked, 0 bare, -1 not known.
        risk: the model's.
        stated: what the decision risks.
        top: how many people are named.
    """

    rows: NDArray[np.float32]
    state: int
    risk: Risk
    stated: SearchRisk
    top: int


class LikelyPeople:
    """Scores people of a gallery, each by all of their rows.

    Args:
        faces: all of the gallery.
    """

    def __init__(self, faces: EnrolledFaces) -> None:
        self.faces = faces
        self._by_person = np.argsort(faces.people, kind="stable")
        self._starts = np.searchsorted(faces.people[self._by_person], np.arange(len(faces.names) + 1))

    def candidates(self, searched: SoughtFaces, near: Sequence[NearRows]) -> list[list[GalleryCandidate]]:
        """Who each face may be, the likeliest first.

        Args:
            searched: p faces.
            near: p of the index's answers.

        Raises:
            ValueError: candidates cannot be ranked, because too few pairs of one person were measured.
        """
        counts = [len(each.rows) for each in near]
        rows, distances = (np.concatenate(parts) for parts in zip(*near, strict=True))
        conditions = pair_conditions(self.faces.masked[rows], searched.state)
        order, _ = ranked(distances, conditions, searched.risk, np.repeat(np.arange(len(near)), counts))
        people = np.split(self.faces.people[rows[order]], np.cumsum(counts)[:-1])
        within = np.split((distances <= _values(searched.stated, conditions))[order], np.cumsum(counts)[:-1])
        named = [list(dict.fromkeys(each.tolist()))[: searched.top] for each in people]
        scored = iter(self._scored(searched, [(face, person) for face, some in enumerate(named) for person in some]))
        answer = [[next(scored) for _ in some] for some in named]
        others = [
            (face, int(people[face][np.argmax(each)]))
            for face, each in enumerate(within)
            if each.any() and not any(candidate.found for candidate in answer[face])
        ]
        for (face, _), candidate in zip(others, self._scored(searched, others), strict=True):
            answer[face].append(candidate)
        return answer

    def _scored(self, searched: SoughtFaces, pairs: Sequence[tuple[int, int]]) -> Iterator[GalleryCandidate]:
        """Pairs of a face and a person."""
        some: list[tuple[int, NDArray[np.int64]]] = []
        waiting = 0
        for face, person in pairs:
            own = self._by_person[self._starts[person] : self._starts[person + 1]]
            if some and waiting + len(own) > _AT_ONCE:
                yield from self._scored_at_once(searched, some)
                some, waiting = [], 0
            some.append((face, own))
            waiting += len(own)
        if some:
            yield from self._scored_at_once(searched, some)

    def _scored_at_once(
        self, searched: SoughtFaces, pairs: Sequence[tuple[int, Indices]]
    ) -> Iterator[GalleryCandidate]:
        """Pairs of a face and all rows of a person."""
        counts = [len(own) for _, own in pairs]
        rows, numbers = np.concatenate([own for _, own in pairs]), np.repeat(np.arange(len(pairs)), counts)
        probes = searched.rows[[face for face, _ in pairs]].astype(np.float64)
        distances = np.linalg.norm(self.faces.embeddings[rows].astype(np.float64) - probes[numbers], axis=1)
        conditions = pair_conditions(self.faces.masked[rows], searched.state)
        thresholds = _values(searched.stated, conditions)
        order, odds = ranked(distances, conditions, searched.risk, numbers)
        for best in np.split(order, np.cumsum(counts)[:-1]):
            within = distances[best] <= thresholds[best]
            decides = int(best[np.argmax(within)])
            row = int(rows[decides])
            yield GalleryCandidate(
                self.faces.names[self.faces.people[row]], bool(within.any()), float(odds[best[0]]),
                float(distances[decides]), float(thresholds[decides]), worded_conditions(int(conditions[decides])),
                self.faces.photo_names[row],
            )  # fmt: skip


def _values(stated: SearchRisk, conditions: NDArray[np.int8]) -> Floats:
    """The threshold of each pair."""
    values = np.full(len(POSSIBLE), np.nan)
    for number, each in stated.thresholds.items():
        values[number] = each.value
    return values[conditions]
