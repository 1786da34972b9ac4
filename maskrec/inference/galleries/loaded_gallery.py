"""A gallery in memory, searched: for each face the people that it may be of, the likeliest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.pair_scoring import (
    POSSIBLE,
    mask_number,
    pair_conditions,
    ranked,
    worded_conditions,
)
from maskrec.inference.galleries.row_index import NearRows, RowIndex
from maskrec.inference.galleries.search_answer import GalleryCandidate, SearchedFace
from maskrec.inference.galleries.search_risk import SearchRisk, check_fpir, require_risk, risk_of_search

if TYPE_CHECKING:
    from maskrec.inference.deciding.decisions import Decisions
    from maskrec.inference.photos.found_face import Face
    from maskrec.metrics import Risk


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How faces are searched.

    Args:
        fpir: the false positive identification rate to decide at, of each face, inside (0, 1).
        top: how many people are named, at least 1. Where none of them is found and another one is, that one comes last.
        masked: whether masks are worn, instead of what is seen.
        aligned: whether the photos are aligned faces already.
    """

    fpir: float = 0.01
    top: int = 5
    masked: bool | None = None
    aligned: bool = False


def checked_settings(fpir: float, top: int, masked: bool | None, aligned: bool) -> SearchSettings:
    """The settings.

    Raises:
        UsageError: a rate that is not inside (0, 1), or fewer than one person to name.
    """
    check_fpir(fpir)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise UsageError(f"top must be at least 1, not {top!r}; it is how many people are named")
    return SearchSettings(fpir, top, masked, aligned)


class LoadedGallery:
    """A gallery's faces with what searches take.

    Args:
        faces: all of them.
        decisions: of the model.
        model: it, in words.
    """

    def __init__(self, faces: EnrolledFaces, decisions: Decisions, model: str) -> None:
        self.faces, self.decisions, self.model = faces, decisions, model
        self._index = RowIndex(faces.embeddings, faces.people, faces.masked)
        self._by_person = np.argsort(faces.people, kind="stable")
        self._starts = np.searchsorted(faces.people[self._by_person], np.arange(len(faces.names) + 1))
        self._risks: dict[tuple[int, float], SearchRisk | UsageError] = {}

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self, faces: Sequence[Face], rows: NDArray[np.float32], settings: SearchSettings
    ) -> list[SearchedFace | UsageError]:
        """The people that each face may be of, or why its search is not decided.

        Args:
            faces: p of them.
            rows: float32 ``(p, d)``, their embeddings, of unit length.
            settings: as above.

        Raises:
            UsageError: the model's error rates were not measured.
        """
        risk = require_risk(self.decisions, self.model)
        answers: list[SearchedFace | UsageError] = []
        for face, row, near in zip(faces, rows, self._index.nearest(rows, settings.top), strict=True):
            stated = self._risk(mask_number(face.masked), settings.fpir)
            if isinstance(stated, UsageError):
                answers.append(stated)
            else:
                answers.append(self._searched(face, row, near, risk, stated, settings.top))
        return answers

    def nearest(self, rows: NDArray[np.float32]) -> list[tuple[int, float]]:
        """The nearest face to each of some embeddings, whatever it wears: its place in ``faces``, and its L2 distance.

        Args:
            rows: float32 ``(p, d)`` of unit length.
        """
        found = self._index.nearest(rows, 1)
        least = [int(np.argmin(near.distances)) for near in found]
        return [(int(near.rows[one]), float(near.distances[one])) for near, one in zip(found, least, strict=True)]

    def _risk(self, state: int, fpir: float) -> SearchRisk | UsageError:
        """What searches with a face of this mask state risk, or why they are not decided; worked out once."""
        if (state, fpir) not in self._risks:
            rows_of: Counter[int] = Counter()
            for each in self._index.states:
                rows_of[int(pair_conditions(each, state))] += int((self.faces.masked == each).sum())
            try:
                self._risks[state, fpir] = risk_of_search(self.decisions, self.model, rows_of, fpir)
            except UsageError as error:
                self._risks[state, fpir] = error.with_traceback(None)
        return self._risks[state, fpir]

    def _searched(
        self, face: Face, row: NDArray[np.float32], near: NearRows, risk: Risk, stated: SearchRisk, top: int
    ) -> SearchedFace | UsageError:
        state = mask_number(face.masked)
        conditions = pair_conditions(self.faces.masked[near.rows], state)
        try:
            order, _ = ranked(near.distances, conditions, risk)
        except ValueError as error:  # too few pairs of one person were measured
            return UsageError(f"candidates cannot be ranked: {error}")
        ordered = self.faces.people[near.rows[order]]
        people = _distinct(ordered)[:top].tolist()
        candidates = self._candidates(people, row, state, risk, stated)
        if not any(each.found for each in candidates):
            within = near.distances[order] <= _values(stated, conditions[order])
            if within.any():
                candidates += self._candidates([int(ordered[np.argmax(within)])], row, state, risk, stated)
        return SearchedFace(face, tuple(candidates), stated)

    def _candidates(
        self, people: Sequence[int], row: NDArray[np.float32], state: int, risk: Risk, stated: SearchRisk
    ) -> list[GalleryCandidate]:
        """People by all of their rows."""
        own = [self._by_person[self._starts[person] : self._starts[person + 1]] for person in people]
        rows = np.concatenate(own)
        distances = np.linalg.norm(self.faces.embeddings[rows].astype(np.float64) - row.astype(np.float64), axis=1)
        conditions = pair_conditions(self.faces.masked[rows], state)
        thresholds = _values(stated, conditions)
        order, odds = ranked(distances, conditions, risk)
        of_person = self.faces.people[rows[order]]
        found = []
        for person in people:
            best = order[of_person == person]
            within = distances[best] <= thresholds[best]
            decides = int(best[np.argmax(within)])
            found.append(
                GalleryCandidate(
                    self.faces.names[person], bool(within.any()), float(odds[best[0]]), float(distances[decides]),
                    float(thresholds[decides]), worded_conditions(int(conditions[decides])),
                    self.faces.photo_names[rows[decides]],
                )
            )  # fmt: skip
        return found


def _values(stated: SearchRisk, conditions: NDArray[np.int8]) -> NDArray[np.float64]:
    """The threshold of each pair."""
    values = np.full(len(POSSIBLE), np.nan)
    for number, each in stated.thresholds.items():
        values[number] = each.value
    return values[conditions]


def _distinct(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each person once, in the order in which they come first."""
    _, firsts = np.unique(people, return_index=True)
    return people[np.sort(firsts)]
