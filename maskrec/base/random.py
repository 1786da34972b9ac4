"""Random numbers determined by a sample's position in the epoch, not by worker, rank, batch or device.

A counter-based hash: SplitMix64 (Steele, Lea and Flood, 2014) over (seed, epoch, label, name, position, element) in
int64 tensors, whose additions and multiplications wrap like unsigned ones; a mask makes the shifts logical.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_BITS_24 = 40


def _signed(value: int) -> int:
    """The int64 with the same bits as ``value`` modulo 2**64."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _shift_right(values: Tensor, bits: int) -> Tensor:
    """A logical shift of int64."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def mix64(values: Tensor) -> Tensor:
    """SplitMix64's finaliser on every element of an int64 tensor."""
    values = _mix_upper(values)
    return values ^ _shift_right(values, 31)


def _mix_upper(values: Tensor) -> Tensor:
    """``mix64`` without its last shift, which leaves the upper 31 bits as they are."""
    values = (values ^ _shift_right(values, 30)) * _signed(_MIX_1)
    return (values ^ _shift_right(values, 27)) * _signed(_MIX_2)


def key_of(*parts: int | str) -> int:
    """A signed 64-bit key from numbers and names; equal parts give equal keys on every machine."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return _signed(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def seed_of(*parts: int | str) -> int:
    """``key_of`` without its sign, for generators that take a seed of 0 to 2^63 - 1."""
    return key_of(*parts) & (2**63 - 1)


def _uniform(streams: Tensor) -> Tensor:
    """float32 in [0, 1) from what ``mix64`` would finalise."""
    return _shift_right(_mix_upper(streams), _BITS_24).to(torch.float32) * 2.0**-24


Columns = tuple[tuple[str, int], ...]


@lru_cache(maxsize=64)
def _streams(seed: int, epoch: int, label: str, columns: Columns, device: torch.device) -> tuple[Tensor, Tensor]:
    """Key and counter of each column of ``SeededDraws.matrix``; the same for all batches of an epoch."""
    keys = [key_of(seed, epoch, label, name) for name, count in columns for _ in range(count)]
    counters = [_signed((i + 1) * _GOLDEN) for _, count in columns for i in range(count)]
    return torch.tensor(keys, device=device), torch.tensor(counters, device=device)


class SeededDraws:
    """One transform's numbers for the samples of a batch.

    Args:
        seed: the run's.
        epoch: from 0 (or any number that names the occasion).
        label: the transform's label in the recipe, so that two transforms never share numbers.
        positions: int64 ``(B,)``, each sample's position in the global epoch; results are on its device.
    """

    def __init__(self, seed: int, epoch: int, label: str, positions: Tensor) -> None:
        self.seed, self.epoch, self.label, self.positions = seed, epoch, label, positions
        self._matrices: dict[Columns, Tensor] = {}

    def _streams(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """int64 ``(B, *shape)``: what SplitMix64 finalises."""
        elements = math.prod(shape)
        counters = torch.arange(1, elements + 1, dtype=torch.int64, device=self.positions.device) * _signed(_GOLDEN)
        streams = mix64(self.positions * _signed(_GOLDEN) + key_of(self.seed, self.epoch, self.label, name))
        return (streams[:, None] + counters).reshape(len(self.positions), *shape)

    def bits(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """int64 ``(B, *shape)`` with 64 random bits in each."""
        return mix64(self._streams(name, shape))

    def permutations(self, name: str, count: int) -> Tensor:
        """int64 ``(B, count)``, each row the numbers 0 to ``count - 1`` in an order of its own."""
        return self.bits(name, (count,)).argsort(dim=-1, stable=True)

    def uniform(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """float32 ``(B, *shape)`` in [0, 1), multiples of 2**-24; bitwise the same on every device."""
        return _uniform(self._streams(name, shape))

    def matrix(self, columns: Columns) -> Tensor:
        """float32 ``(B, sum of counts)``: what ``uniform(name, (count,))`` gives, of all names side by side.

        In one go, which is faster than name by name; kept, so that asking again costs nothing.

        Args:
            columns: name and count of each.
        """
        if columns not in self._matrices:
            keys, counters = _streams(self.seed, self.epoch, self.label, columns, self.positions.device)
            streams = mix64(torch.add(keys, self.positions[:, None], alpha=_signed(_GOLDEN)))
            self._matrices[columns] = _uniform(streams + counters)
        return self._matrices[columns]

    def integers(self, name: str, low: int, high: int, shape: tuple[int, ...] = ()) -> Tensor:
        """int64 ``(B, *shape)`` from ``low`` to ``high - 1``; ``high - low`` under 2**31.

        Raises:
            ValueError: an empty or too wide range.
        """
        if not 0 < high - low < 2**31:
            raise ValueError(f"draws.integers({name!r}) needs a range of 1 to 2**31 - 1 numbers, not {high - low}")
        return low + _shift_right(_shift_right(self.bits(name, shape), 32) * (high - low), 32)

    def normal(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """float32 ``(B, *shape)``, standard normal (Box-Muller in float64, then rounded)."""
        pair = _shift_right(self.bits(name, (*shape, 2)), 11).to(torch.float64)
        radius = torch.sqrt(-2.0 * torch.log((pair[..., 0] + 0.5) * 2.0**-53))
        return (radius * torch.cos(2.0 * math.pi * pair[..., 1] * 2.0**-53)).to(torch.float32)
