"""Draws against a plain SplitMix64 in Python integers, and the promises that transforms rely on."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.random import SeededDraws, key_of, mix64, seed_of

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def plain_mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def plain_bits(seed: int, epoch: int, label: str, name: str, position: int, element: int) -> int:
    key = key_of(seed, epoch, label, name) & MASK
    stream = plain_mix((position * GOLDEN + key) & MASK)
    return plain_mix((stream + (element + 1) * GOLDEN) & MASK)


def test_the_finaliser_gives_splitmix64s_published_sequence_from_zero() -> None:
    counters = torch.tensor([(i * GOLDEN & MASK) - ((i * GOLDEN & MASK) >> 63 << 64) for i in (1, 2, 3)])
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [value & MASK for value in mix64(counters).tolist()] == expected


@given(
    seed=st.integers(0, 2**63), epoch=st.integers(0, 10**6), position=st.integers(0, 2**40), name=st.text(max_size=8)
)
@settings(deadline=None, max_examples=50)
def test_all_numbers_follow_from_the_plain_hash(seed: int, epoch: int, position: int, name: str) -> None:
    draws = SeededDraws(seed, epoch, "transforms.flip", torch.tensor([position]))
    bits = [plain_bits(seed, epoch, "transforms.flip", name, position, element) for element in range(6)]
    uniform = draws.uniform(name, (2, 3))
    assert uniform.dtype == torch.float32
    assert uniform.flatten().tolist() == [(value >> 40) / 2**24 for value in bits]
    assert draws.integers(name, -3, 9, (6,)).flatten().tolist() == [-3 + ((value >> 32) * 12 >> 32) for value in bits]
    radius = math.sqrt(-2 * math.log(((bits[0] >> 11) + 0.5) / 2**53))
    normal = radius * math.cos(2 * math.pi * (bits[1] >> 11) / 2**53)
    assert draws.normal(name).item() == pytest.approx(normal, rel=1e-6, abs=1e-7)


@given(cut=st.integers(1, 63), order=st.permutations(range(16)))
@settings(deadline=None, max_examples=20)
def test_a_samples_numbers_do_not_depend_on_its_batch(cut: int, order: list[int]) -> None:
    positions = torch.arange(64)
    whole = SeededDraws(7, 2, "a", positions).uniform("x", (4,))
    parts = [SeededDraws(7, 2, "a", part).uniform("x", (4,)) for part in (positions[:cut], positions[cut:])]
    assert torch.equal(whole, torch.cat(parts))
    shuffled = torch.tensor(order)
    assert torch.equal(SeededDraws(7, 2, "a", shuffled).uniform("x", (4,)), whole[shuffled])


def test_every_part_of_the_key_matters() -> None:
    positions = torch.arange(8)
    draws = [
        SeededDraws(1, 0, "a", positions).uniform("x"),
        SeededDraws(2, 0, "a", positions).uniform("x"),
        SeededDraws(1, 1, "a", positions).uniform("x"),
        SeededDraws(1, 0, "b", positions).uniform("x"),
        SeededDraws(1, 0, "a", positions).uniform("y"),
        SeededDraws(1, 0, "a", positions + 8).uniform("x"),
    ]
    for index, one in enumerate(draws):
        for other in draws[:index]:
            assert not bool((one == other).any())


def test_uniforms_are_uniform_and_uncorrelated() -> None:
    values = SeededDraws(3, 0, "a", torch.arange(50_000)).uniform("x", (4,)).double()
    assert float(values.min()) >= 0
    assert float(values.max()) < 1
    assert torch.allclose(values.mean(0), torch.full((4,), 0.5).double(), atol=0.006)
    assert torch.allclose(values.var(0), torch.full((4,), 1 / 12).double(), atol=0.002)
    correlation = torch.corrcoef(torch.cat([values[1:].T, values[:-1, :1].T])) - torch.eye(5)
    assert float(correlation.abs().max()) < 0.02
    counts = torch.histc(values, bins=64, min=0, max=1)
    expected = values.numel() / 64
    assert float(((counts - expected) ** 2 / expected).sum()) < 120  # chi-square with 63 degrees: p about 2e-5


@pytest.mark.parametrize(("low", "high"), [(0, 0), (3, 2), (0, 2**31 + 1)])
def test_integers_refuse_ranges_that_they_cannot_give(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="range"):
        SeededDraws(0, 0, "a", torch.arange(2)).integers("x", low, high)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_gives_the_same_bits() -> None:
    cpu, cuda = (SeededDraws(5, 1, "a", torch.arange(1000, device=device)) for device in ("cpu", "cuda"))
    assert torch.equal(cpu.uniform("x", (3,)), cuda.uniform("x", (3,)).cpu())
    assert torch.equal(cpu.integers("x", 0, 999), cuda.integers("x", 0, 999).cpu())


def test_a_seed_is_the_key_without_its_sign() -> None:
    keys, seeds = ([each("part", number) for number in range(64)] for each in (key_of, seed_of))
    assert min(keys) < 0
    assert seeds == [key % 2**63 for key in keys]
