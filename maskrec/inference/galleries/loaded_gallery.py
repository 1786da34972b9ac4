"""A gallery in memory, searched: for each face the people that it may be of, the likeliest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.inference.galleries.enrolled import EnrolledFaces
from maskrec.inference.galleries.likely_people import LikelyPeople, SoughtFaces
from maskrec.inference.galleries.pair_scoring import mask_number, pair_conditions
from maskrec.inference.galleries.row_index import RowIndex
from maskrec.inference.galleries.search_answer import SearchedFace
from maskrec.inference.galleries.search_risk import SearchRisk, check_fpir, require_risk, risk_of_search

if TYPE_CHECKING:
    from maskrec.inference.deciding.decisions import Decisions
    from maskrec.inference.photos.found_face import Face


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
        states: how many faces of each mask state are searched, where ``faces`` are the nearest of more; None: these.
    """

    def __init__(
        self, faces: EnrolledFaces, decisions: Decisions, model: str, states: Mapping[int, int] | None = None
    ) -> None:
        self.faces, self.decisions, self.model = faces, decisions, model
        self._index = RowIndex(faces.embeddings, faces.people, faces.masked)
        if states is None:
            states = {state: int(np.count_nonzero(faces.masked == state)) for state in self._index.states}
        self._states = states
        self._people = LikelyPeople(faces)
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
        near = self._index.nearest(rows, settings.top)
        states = np.array([mask_number(face.masked) for face in faces], np.int64)
        answers: dict[int, SearchedFace | UsageError] = {}
        for state in np.unique(states).tolist():  # of one state, so either all are decided or none is
            places = np.flatnonzero(states == state)
            stated = self._risk(state, settings.fpir)
            if isinstance(stated, UsageError):
                answers |= dict.fromkeys(places.tolist(), stated)
                continue
            searched = SoughtFaces(rows[places], state, risk, stated, settings.top)
            try:
                found = self._people.candidates(searched, [near[place] for place in places])
            except ValueError as error:  # too few pairs of one person were measured
                answers |= dict.fromkeys(places.tolist(), UsageError(f"candidates cannot be ranked: {error}"))
                continue
            for place, candidates in zip(places.tolist(), found, strict=True):
                answers[place] = SearchedFace(faces[place], tuple(candidates), stated)
        return [answers[place] for place in range(len(faces))]

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
            for each, count in self._states.items():
                rows_of[int(pair_conditions(each, state))] += count
            try:
                self._risks[state, fpir] = risk_of_search(self.decisions, self.model, rows_of, fpir)
            except UsageError as error:
                self._risks[state, fpir] = error.with_traceback(None)
        return self._risks[state, fpir]
