"""All numbers of a mask that depend on its type and one draw each, in one operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from maskrec.faces.masks.look_numbers import entries_of
from maskrec.faces.masks.types import TYPES


@dataclass(frozen=True, slots=True)
class FirstTable:
    """The constants of all types on a device.

    Args:
        draws: int64 ``(n,)`` column of ``DRAWN`` of each number.
        terms: float64 ``(types, 2, n)``: base and slope.
        low, high: float64 ``(n,)``.
    """

    draws: Tensor
    terms: Tensor
    low: Tensor
    high: Tensor


@lru_cache(maxsize=32)
def first_table(height: tuple[float, float], device: torch.device) -> FirstTable:
    """The constants for a range of heights."""
    rows = [entries_of(kind, height) for kind in TYPES.values()]
    terms = [[[entry.base for entry in row], [entry.slope for entry in row]] for row in rows]
    # Bounds and draws are those of every type.
    return FirstTable(
        torch.tensor([max(entry.draw, 0) for entry in rows[0]], device=device),
        torch.tensor(terms, dtype=torch.float64, device=device),
        torch.tensor([entry.low for entry in rows[0]], dtype=torch.float64, device=device),
        torch.tensor([entry.high for entry in rows[0]], dtype=torch.float64, device=device),
    )


NAMES: tuple[str, ...] = tuple(entry.name for entry in entries_of(next(iter(TYPES.values())), (0.0, 0.0)))
PLACES: dict[str, int] = {name: place for place, name in enumerate(NAMES)}


def first_numbers(uniform: Tensor, rows: Tensor | None, types: Tensor, height: tuple[float, float]) -> Tensor:
    """Every number that depends on a type and one draw only: float64 ``(B, len(NAMES))``.

    Args:
        uniform: float32, ``DRAWN`` of the whole batch.
        rows: the faces' places in it; None for all.
        types: int64 ``(B,)``, of these faces.
        height: range of the top edge's height on the nose.
    """
    table = first_table(height, uniform.device)
    draws = uniform.index_select(1, table.draws) if rows is None else uniform[rows[:, None], table.draws]
    terms = table.terms[types]
    return torch.addcmul(terms[:, 0], terms[:, 1], draws).clamp_(table.low, table.high)


def columns(numbers: Tensor, first: str, last: str | None = None) -> Tensor:
    """A view of neighbouring columns: ``(B, k)`` of ``(B, n)``."""
    return numbers[:, PLACES[first] : PLACES[last or first] + 1]
