"""Each component of ``broken/`` fails the checks that its module lists in ``FAILS``, and passes every other one.

A file of ``broken/`` is a plugin file, as for ``--plugin``, with two more names: ``FAILS``, by component name the ids
of the checks that must fail, and ``OPTIONS``, the parameters that components are built with. ``heavy/`` is an installed
distribution, for what is asked of these alone.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from maskrec.plugin.from_file import import_file
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import checks_for
from maskrec.testing.plugin_candidates import candidates_of
from maskrec.testing.running_checks import run_checks

FOLDER = Path(__file__).parent / "broken"
PARTS = ("miner", "memory", "margin", "criterion", "head")


def declared(source: str | Path, module: Any) -> Iterator[tuple[Candidate, set[str]]]:
    found = candidates_of(source, getattr(module, "OPTIONS", {}))
    assert {candidate.name for candidate in found} == module.FAILS.keys(), source
    yield from ((candidate, module.FAILS[candidate.name]) for candidate in found)


def all_broken() -> list[tuple[Candidate, set[str]]]:
    found = [each for file in sorted(FOLDER.glob("*.py")) for each in declared(file, import_file(file))]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER / "heavy")
        return [*found, *declared("heavy-plugin", importlib.import_module("heavy_plugin"))]


BROKEN = all_broken()


@pytest.fixture(autouse=True)
def heavy_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER / "heavy")


@pytest.mark.parametrize(("candidate", "fails"), BROKEN, ids=[f"{each.entry.noun}-{each.name}" for each, _ in BROKEN])
def test_a_broken_component_fails_these_checks_and_no_other(candidate: Candidate, fails: set[str]) -> None:
    failed = {result.check.id: result.message for result in run_checks([candidate]) if result.outcome == "fail"}
    assert failed.keys() == fails, failed
    for message in failed.values():
        assert message, "a sentence"
        assert "\n" not in message
        assert candidate.name in message or candidate.entry.qualified in message


def test_no_two_checks_say_the_same() -> None:
    failing: dict[str, set[str]] = defaultdict(set)
    for candidate, fails in BROKEN:
        for check in fails:
            failing[check].add(f"{candidate.kind} {candidate.name}")
    known = {check.id for kind in KIND_OF_HOOK.values() for part in PARTS for check in checks_for(kind, part)}
    assert failing.keys() == known, "every check has a component that fails it"
    assert [pair for pair in combinations(sorted(known), 2) if failing[pair[0]] == failing[pair[1]]] == []
