"""What a network recovers by training on masks, beside the plain formula on pairs by hand."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from scripts import REAL_FACES, script_module

from maskrec.metrics.people_resamples import PeopleOfPairs

TYPES = ("kn95", "scarf")
CONDITIONS = ("one_masked", "both_masked")
Rates = dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module(REAL_FACES / "masked_network.py")


def decisions(bare: float, masked: float, seed: int, pairs: int = 1000) -> dict[tuple[str, str], np.ndarray]:
    """Exactly these shares of the pairs are decided rightly, of ``both_masked`` a tenth more than of ``one_masked``."""
    draw = np.random.default_rng(seed)
    shares = {("bare", "bare"): bare}
    shares |= {(kind, one): masked + 0.05 * (kind == "scarf") for kind in TYPES for one in CONDITIONS[:1]}
    shares |= {(kind, CONDITIONS[1]): shares[kind, CONDITIONS[0]] + 0.01 for kind in TYPES}
    found = {}
    for key, share in shares.items():
        right = np.zeros(pairs, np.float32)
        right[: round(share * pairs)] = 1
        found[key] = draw.permutation(right)
    return found


def people(pairs: int = 1000) -> PeopleOfPairs:
    draw = np.random.default_rng(9)
    return PeopleOfPairs(draw.integers(0, 300, pairs), draw.integers(0, 300, pairs))


def test_the_share_is_the_formula_over_types_and_seeds(script: ModuleType) -> None:
    before, after = decisions(0.99, 0.90, 1), [decisions(0.985, 0.94, seed) for seed in (2, 3)]
    value, row = script.measured(script.recovered("one_masked", TYPES), before, after, people())
    assert value == pytest.approx(((0.94 - 0.90) / (0.99 - 0.90) + (0.99 - 0.95) / (0.99 - 0.95)) / 2, abs=1e-6)
    assert row.count("[") == 2


def test_the_interval_over_people_holds_what_new_people_give(script: ModuleType) -> None:
    before, after = decisions(0.99, 0.90, 1), [decisions(0.985, 0.94, 2)]
    _, row = script.measured(script.change(("kn95", "one_masked")), before, after, people())
    low, high = (float(each) for each in row.split("[")[1].split("]")[0].split(","))
    error = (after[0]["kn95", "one_masked"] - before["kn95", "one_masked"]).std() / np.sqrt(1000)
    assert low < 0.04 - error < 0.04 + error < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.5)


@pytest.mark.parametrize(
    ("bare", "masked", "met"), [(0.99, 0.95, True), (0.98, 0.95, False), (0.99, 0.91, False)], ids=str
)
def test_goals(script: ModuleType, bare: float, masked: float, met: bool, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = decisions(0.99, 0.90, 1), [decisions(bare, masked, seed) for seed in (2, 3, 4)]
    assert script.print_tables(before, after, people()) is met
    said = capsys.readouterr().out
    assert ("MISSED" in said) is not met
    assert "scarf, both masked" in said
