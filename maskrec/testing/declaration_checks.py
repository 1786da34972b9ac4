"""What is asked of every component's declaration."""

from __future__ import annotations

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.signature import DeclarationError
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import DECLARATION, ContractError, contract_check

LONGEST_SUMMARY = 90


@contract_check(DECLARATION, since="0.1")
def summary_one_line(candidate: Candidate) -> None:
    """Its summary is one line, which `maskrec list` shows."""
    summary = candidate.entry.component.summary
    if not summary.strip() or "\n" in summary or len(summary) > LONGEST_SUMMARY:
        raise ContractError(
            f"the summary of {candidate.name} is {len(summary)} characters in {len(summary.splitlines())} lines; "
            f"write one line of 1 to {LONGEST_SUMMARY} characters"
        )


@contract_check(DECLARATION, since="0.1")
def builds(candidate: Candidate) -> None:
    """It is built from its options, as a recipe builds it."""
    try:
        candidate.build()
    except RecipeError as error:
        said = "; ".join(f"{each.message}{f' ({each.hint})' if each.hint else ''}" for each in error.problems)
        raise ContractError(f"{candidate.name} cannot be built from its options: {said}") from error
    except DeclarationError as error:
        raise ContractError(str(error)) from error
