"""The checks as a parametrized test. pytest is imported here only, when a test asks for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.words import did_you_mean
from maskrec.testing.contract_check import ContractError, Skipped
from maskrec.testing.plugin_candidates import Options, candidates_of
from maskrec.testing.running_checks import BoundCheck, bound_checks

ExpectedFailures = Mapping[str, Mapping[str, str]]


class NewCheckWarning(FutureWarning):
    """A check that came with this minor release fails; from the next one on it is an error."""


def parametrize_with_checks(
    source: str | Path,
    *,
    options: Options | None = None,
    expected_failures: ExpectedFailures | None = None,
    files: Sequence[Path] = (),
    kinds: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for a test of one argument ``check``, which calls it.

    >>> @parametrize_with_checks("maskrec-example-loss")  # doctest: +SKIP
    ... def test_contract(check):
    ...     check()

    ``pytest -k "my_loss and bfloat16"`` selects by component and check.

    Args:
        source: a distribution's name, or the path of a ``.py`` file that declares components.
        options: by component name, parameters as a recipe would set them: those that are required, or a small size.
        expected_failures: by component name and check id, why the check fails. One that passes after all fails the
            test, so that the list never grows old.
        files: further files that declare what the options name.
        kinds: only components of these kinds (``loss``, ``part``, ...); empty for all.

    Raises:
        UsageError: the source declares no component, or a component or check that is named does not exist.
        PluginError: the plugin cannot be loaded.
    """
    import pytest

    __tracebackhide__ = True
    expected = expected_failures or {}
    try:
        candidates = [each for each in candidates_of(source, options, files) if not kinds or each.kind in kinds]
        bound = bound_checks(candidates)
        _refuse_unknown(bound, expected)
    except MaskrecError as error:
        raise _alone(error) from None
    cases = []
    for each in bound:
        reason = expected.get(each.candidate.name, {}).get(each.check.id)
        marks = [pytest.mark.xfail(reason=reason, raises=ContractError, strict=True)] if reason is not None else []
        cases.append(pytest.param(_Call(each), id=each.id, marks=marks))
    return pytest.mark.parametrize("check", cases)


@dataclass(frozen=True, slots=True, repr=False)
class _Call:
    """What a test calls; pytest prints it beside a failure."""

    bound: BoundCheck

    def __repr__(self) -> str:
        return self.bound.id

    def __call__(self) -> None:
        import pytest

        __tracebackhide__ = True
        try:
            self.bound()
        except Skipped as reason:
            pytest.skip(str(reason))
        except ContractError as error:
            if not self.bound.check.only_warns:
                raise _alone(error) from None
            message = f"{self.bound.id} fails, which will be an error in the next minor release of maskrec: {error}"
            warnings.warn(message, NewCheckWarning, stacklevel=2)


def _alone(error: MaskrecError | ContractError) -> MaskrecError | ContractError:
    """The error without the way to it through maskrec's source: its sentence names the author's line."""
    return error.with_traceback(None)


def _refuse_unknown(bound: Sequence[BoundCheck], expected: ExpectedFailures) -> None:
    """Names in ``expected_failures`` that mean nothing would hide a failure's return."""
    ids: dict[str, set[str]] = {}
    for each in bound:
        ids.setdefault(each.candidate.name, set()).add(each.check.id)
    for name, checks in expected.items():
        if name not in ids:
            hint = did_you_mean(name, ids, f"it declares {', '.join(ids)}")
            raise UsageError(f"expected_failures names the component {name!r}, which is not declared; {hint}")
        for check in checks:
            if check not in ids[name]:
                hint = did_you_mean(check, ids[name], f"its checks are {', '.join(sorted(ids[name]))}")
                raise UsageError(f"expected_failures of {name} names the check {check!r}, which does not exist; {hint}")
