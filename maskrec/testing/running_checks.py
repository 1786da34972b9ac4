"""Runs checks and says how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from maskrec.base.errors import MaskrecError
from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import one_line
from maskrec.contracts.call_into import failure_of, place_of
from maskrec.contracts.problem import RecipeError
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import DECLARATION, ContractCheck, ContractError, Skipped, checks_for

Outcome = Literal["pass", "fail", "warn", "skip"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a check of a component ended.

    Args:
        candidate: the component.
        check: what was checked.
        outcome: ``warn`` for a failure of a check that is new in this minor release.
        message: one sentence: what is wrong, or why the check does not apply; empty for a pass.
        cause: of a failure; equal for those that one change to the component would end.
    """

    candidate: Candidate
    check: ContractCheck
    outcome: Outcome
    message: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class BoundCheck:
    """A check and the component that it is for; called without arguments.

    Args:
        candidate: the component.
        check: the check.
        can_be_built: asked before every check but those of the declaration, so that a component that cannot be built
            fails once and not in all of them.
    """

    candidate: Candidate
    check: ContractCheck
    can_be_built: Callable[[], bool]

    @property
    def id(self) -> str:
        """``loss-my_loss-bfloat16``: the same in every process and at every start."""
        return f"{self.candidate.entry.noun}-{self.candidate.name}-{self.check.id}"

    def __call__(self) -> None:
        """Check.

        Raises:
            ContractError: the contract is not kept, or the component failed on the way.
            Skipped: it does not apply.
        """
        if DECLARATION not in self.check.kinds and not self.can_be_built():
            raise Skipped("it cannot be built; see the check `builds`")
        try:
            self.check.function(self.candidate)
        except (ContractError, Skipped, *INTERRUPTS):
            raise
        except MaskrecError as error:
            raise _failed(self.candidate, error) from error
        except BaseException as error:  # also SystemExit: a component must not end the program
            raise _failed(self.candidate, failure_of(self.candidate.entry.qualified, "failed", error), error) from error

    def result(self) -> CheckResult:
        """Check, and say how it ended."""
        try:
            self()
        except Skipped as reason:
            return CheckResult(self.candidate, self.check, "skip", str(reason))
        except ContractError as error:
            outcome: Outcome = "warn" if self.check.only_warns else "fail"
            return CheckResult(self.candidate, self.check, outcome, str(error), error.cause)
        return CheckResult(self.candidate, self.check, "pass")


def _failed(candidate: Candidate, error: MaskrecError, raised: BaseException | None = None) -> ContractError:
    """What a component fails with on the way, whichever check it was: named once, and the same cause for one place."""
    root = raised or error.__cause__ or error
    said = error.sentence() if isinstance(error, RecipeError) else one_line(error)
    said = said.replace(f"{candidate.name}: {candidate.entry.qualified}", candidate.entry.qualified)
    place = place_of(root)
    named = said if candidate.name in said else f"{candidate.name}: {said}"
    return ContractError(named, f"{type(root).__name__} at {place}" if place else "")


def bound_checks(candidates: Iterable[Candidate]) -> list[BoundCheck]:
    """All checks of all candidates, in the order of the candidates."""
    found = []
    for each in candidates:
        can_be_built = cache(partial(_can_be_built, each))
        found += [BoundCheck(each, check, can_be_built) for check in checks_for(each.kind, each.part)]
    return found


def _can_be_built(candidate: Candidate) -> bool:
    try:
        candidate.build()
    except INTERRUPTS:
        raise
    except BaseException:  # whatever it is, the check `builds` says it
        return False
    return True


def run_checks(candidates: Iterable[Candidate]) -> Iterator[CheckResult]:
    """How each check of each candidate ends, as soon as it is known."""
    for bound in bound_checks(candidates):
        yield bound.result()
