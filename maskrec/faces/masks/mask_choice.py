"""The choice of a face's mask and how it is worn, as given in recipes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from maskrec.base.words import did_you_mean
from maskrec.faces.masks.types import MASK_TYPES, REFERENCE_TYPES


def type_problems(types: Sequence[str] | Mapping[str, float] | None) -> Iterable[str]:
    """Faults in a choice of types, as sentences.

    Args:
        types: names (chosen evenly), weights by name, or None for the five reference types evenly.
    """
    if types is None:
        return
    if not types:
        yield f"types is empty; list some of {', '.join(MASK_TYPES)}"
    for name in types:
        if name not in MASK_TYPES:
            hint = did_you_mean(name, MASK_TYPES, f"known mask types are {', '.join(MASK_TYPES)}")
            yield f"unknown mask type {name!r}; {hint}"
    if isinstance(types, Mapping):
        if not all(math.isfinite(weight) and weight >= 0 for weight in types.values()) or (
            types and not sum(types.values()) > 0
        ):
            yield f"the weights of mask types must be 0 or more, and one above 0, not {dict(types)}"
    elif len(set(types)) != len(types):
        yield f"a mask type is listed twice in {list(types)}; give weights as a map instead"


def choose_types(uniform: Tensor, types: Sequence[str] | Mapping[str, float] | None) -> Tensor:
    """A mask type per sample: int64 ``(B,)``, index into ``MASK_TYPES``.

    Args:
        uniform: float32 ``(B,)`` in [0, 1).
        types: as in ``type_problems``.

    Raises:
        ValueError: types that have problems.
    """
    for sentence in type_problems(types):
        raise ValueError(sentence)
    names = REFERENCE_TYPES if types is None else types
    weights = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, 1.0)
    indices, edges = _shares(tuple(weights.items()), uniform.device)
    return indices[(uniform[:, None] >= edges).sum(1)]


@lru_cache(maxsize=32)
def _shares(weights: tuple[tuple[str, float], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """The types that have a weight, and the upper edges of their shares of [0, 1), the last one's left out."""
    worn = [(name, weight) for name, weight in weights if weight > 0]
    total, so_far, edges = sum(weight for _, weight in worn), 0.0, []
    for _, weight in worn[:-1]:
        so_far += weight / total
        edges.append(so_far)
    indices = torch.tensor([MASK_TYPES.index(name) for name, _ in worn], device=device)
    return indices, torch.tensor(edges, dtype=torch.float64, device=device)


WAYS = ("under_nose", "on_chin")
HIGHEST = 0.8
HIGHEST_ON_CHEEKS = 0.5


def cheek_problems(cheeks: Sequence[float]) -> Iterable[str]:
    """A fault in a range of how far the top edge is pulled up on the cheeks, as a sentence."""
    if len(cheeks) != 2 or not 0.0 <= cheeks[0] <= cheeks[1] <= HIGHEST_ON_CHEEKS:
        yield f"cheeks must be two ascending numbers from 0 to {HIGHEST_ON_CHEEKS}, not {list(cheeks)}"


def wear_problems(height: Sequence[float], wear: Mapping[str, float] | None) -> Iterable[str]:
    """Faults in a range of heights and in probabilities of wearing a mask low, as sentences."""
    if len(height) != 2 or not 0.0 <= height[0] <= height[1] <= HIGHEST:
        yield f"height must be two ascending numbers from 0 to {HIGHEST}, not {list(height)}"
    for name in wear or {}:
        if name not in WAYS:
            hint = did_you_mean(name, WAYS, f"there are {' and '.join(WAYS)}")
            yield f"{name!r} is not a way to wear a mask; {hint}"
    chances = list((wear or {}).values())
    if not all(math.isfinite(chance) and chance >= 0 for chance in chances) or sum(chances) > 1.0 + 1e-9:
        yield f"the probabilities in wear must be 0 or more and sum to at most 1, not {dict(wear or {})}"
