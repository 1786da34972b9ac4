"""Each component of ``broken/`` fails the checks that its file lists in ``FAILS``, and passes every other one.

A file of ``broken/`` is a plugin file, as for ``--plugin``, with two more names: ``FAILS``, by component name the ids of
the checks that must fail, and ``OPTIONS``, the parameters that components are built with.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from maskrec.plugin.from_file import import_file
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.testing.candidate import Candidate
from maskrec.testing.candidates import candidates_of
from maskrec.testing.contract_check import checks_for
from maskrec.testing.running_checks import run_checks

FILES = sorted((Path(__file__).parent / "broken").glob("*.py"))
PARTS = ("miner", "memory", "margin", "criterion", "head")


@cache
def module(file: Path) -> Any:
    return import_file(file)


def candidates() -> list[tuple[Candidate, set[str]]]:
    found = []
    for file in FILES:
        each = candidates_of(file, getattr(module(file), "OPTIONS", {}))
        assert {candidate.name for candidate in each} == module(file).FAILS.keys(), file
        found += [(candidate, module(file).FAILS[candidate.name]) for candidate in each]
    return found


BROKEN = candidates()


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
