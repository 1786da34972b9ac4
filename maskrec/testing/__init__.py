"""Contract checks for authors of components: in pytest by `parametrize_with_checks`, in the terminal by
``maskrec check-plugin``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskrec.testing.candidate import Candidate
    from maskrec.testing.contract_check import ContractError, Skipped, checks_for
    from maskrec.testing.pytest_checks import NewCheckWarning, parametrize_with_checks
    from maskrec.testing.running_checks import run_checks

_HOMES = {
    "Candidate": "maskrec.testing.candidate",
    "ContractError": "maskrec.testing.contract_check",
    "NewCheckWarning": "maskrec.testing.pytest_checks",
    "Skipped": "maskrec.testing.contract_check",
    "checks_for": "maskrec.testing.contract_check",
    "parametrize_with_checks": "maskrec.testing.pytest_checks",
    "run_checks": "maskrec.testing.running_checks",
}

__all__ = [
    "Candidate",
    "ContractError",
    "NewCheckWarning",
    "Skipped",
    "checks_for",
    "parametrize_with_checks",
    "run_checks",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'maskrec.testing' has no attribute {name!r}")
