"""Numbers of masks by name, for broadcasting over pixels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Numbers:
    """Views of a matrix of numbers.

    Args:
        matrix: ``(n, B)``.
        places: of each name's row.
        rows: which faces.
    """

    def __init__(self, matrix: Tensor, places: Mapping[str, int], rows: slice = slice(None)) -> None:
        self._matrix, self._places = matrix[:, rows, None, None], places
        self._given = (matrix[:, rows], places)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self._matrix.device

    def __getitem__(self, name: str) -> Tensor:
        """``(B, 1, 1)``."""
        return self._matrix[self._places[name]]

    def together(self, first: str, count: int, step: int = 1) -> Tensor:
        """Several numbers from the given one on: ``(count, B, 1, 1)``."""
        start = self._places[first]
        return self._matrix[start : start + (count - 1) * step + 1 : step]

    def channels(self, first: str) -> Tensor:
        """A colour, from the number of its red on: ``(B, 3, 1, 1)``."""
        return self.together(first, 3).transpose(0, 1)

    def of(self, rows: slice) -> Numbers:
        """Those of some faces."""
        return Numbers(*self._given, rows)
