"""Another evaluator's false accepts and misses by groups of people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.evaluation import Evaluation
from maskrec.contracts.kinds import Evaluator
from maskrec.contracts.problem import Problem, refuse
from maskrec.evaluators.condition_tables import Row
from maskrec.evaluators.people_groups import read_groups
from maskrec.metrics.enough_people import FEWEST_EVENTS
from maskrec.metrics.errors_of_people import ErrorsOfPeople
from maskrec.metrics.group_rates import GroupRatio, group_ratios
from maskrec.metrics.people_intervals import people_interval

if TYPE_CHECKING:
    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.evaluation import Embed

_UNKNOWN = "unknown: fewer than ten expected false accepts"


class ByGroup:
    """Splits a protocol by groups of people: is anybody taken for somebody else more often than the others?

    One threshold is chosen for everybody, as in use. Then, for each group: the false accept rate of its people with
    each other, the rate of its people with everybody, how many times the mean of the other groups' rates the first is,
    and the true accept rate. Bounds of the ratio are one-sided 95 % bounds over people, divided by the number of
    groups. A group with fewer than ten expected false accepts is unknown: nothing is said of it. With ``at_most`` a
    group whose lower bound is above it has failed, and ``maskrec evaluate`` exits with 1.

    Args:
        of: the evaluator that is split, ``masked_gallery`` or ``identification``.
        groups: a CSV with the columns ``identity`` (names as in the pairs) and ``column``; others are ignored. A row
            for each person, or for each photo of them.
        column: whose values are the groups; who has none is in no group.
        at_most: how many times the mean rate of the other groups a group's may be, at least 1; None asks nothing.

    Raises:
        ValueError: ``at_most`` below 1.
        UsageError: the CSV cannot be read or puts a person into two groups, or the evaluator cannot be split.
    """

    def __init__(self, of: Evaluator, groups: Path, column: str, at_most: float | None = None) -> None:
        refuse(self.check({"at_most": at_most}))
        if not callable(getattr(of, "errors_of_people", None)):
            raise UsageError(
                f"of: {type(of).__name__} cannot be split by people (it has no method errors_of_people); use "
                "masked_gallery or identification"
            )
        self.of, self.at_most = of, at_most
        self.groups = read_groups(groups, column)

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext | None = None) -> Iterable[Problem]:
        """Problems of the parameters."""
        most = values.get("at_most")
        if most is not None and not most >= 1:
            yield Problem(f"at_most must be at least 1, the rate of the other groups itself, not {most:g}", "at_most")

    @staticmethod
    def metrics(values: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
        """``tar/lowest_group``: the lowest true accept rate of a group, over everything that is compared.

        Of searches it is the share that find the own person first and at or below the threshold.
        """
        return {"tar/lowest_group": "max"}

    def evaluate(self, embed: Embed) -> Evaluation:
        """The table ``groups``, the worst group of each comparison in words, and whether one is above ``at_most``."""
        measured: Sequence[ErrorsOfPeople] = self.of.errors_of_people(embed)  # type: ignore[attr-defined]
        if not measured:
            raise MaskrecError(
                "nothing to split by groups: nobody can be taken for somebody else at these rates; choose higher ones"
            )
        rows: list[Row] = []
        failed: list[str] = []
        names, numbers, notes = self.groups.numbers(measured[0].names)
        group_of = np.array(numbers)
        for errors in measured:
            ratios = _ratios(errors, group_of, len(names))
            rows += [
                _row(errors, name, each, group_of == number)
                for number, (name, each) in enumerate(zip(names, ratios, strict=True))
            ]
            notes += list(_worst(errors, names, ratios))
            failed += list(self._failed(errors, names, ratios))
        rates = [row["tar"] for row in rows if row["tar"] is not None]
        if not rates:
            raise MaskrecError("no group has two images of one person to compare; use pairs with several photos each")
        return Evaluation({"tar/lowest_group": min(rates)}, tables={"groups": rows}, notes=notes, failed=failed)

    def test(self, embed: Embed, evaluation: Evaluation) -> Evaluation | None:
        """None: the split is of what is evaluated."""
        return None

    def _failed(self, errors: ErrorsOfPeople, names: Sequence[str], ratios: Sequence[GroupRatio]) -> Iterator[str]:
        for name, each in zip(names, ratios, strict=True):
            if self.at_most is not None and each.above(self.at_most):
                yield (
                    f"{errors.name}: false accepts within the group {name!r} are {each.ratio:.2f} times as frequent as "
                    f"in the others on average, at least {each.low:.2f} times with 95 %, and at most {self.at_most:g} "
                    "times was asked for"
                )


def _ratios(errors: ErrorsOfPeople, group_of: NDArray[np.int64], groups: int) -> list[GroupRatio]:
    return group_ratios([errors.among(group_of == number) for number in range(groups)], errors.rate)


def _row(errors: ErrorsOfPeople, name: str, found: GroupRatio, chosen: NDArray[np.bool_]) -> Row:
    events, trials = errors.involving(chosen)
    hits, mated = errors.hits[chosen], errors.mated[chosen]
    tar = hits.sum() / mated.sum() if mated.sum() else None
    low, high = people_interval(hits, mated) if mated.sum() else (None, None)
    return {
        "compared": errors.name,
        "group": name,
        "people": int(np.count_nonzero(chosen)),
        "far": found.rate,
        "far_low": found.rate_low,
        "far_high": found.rate_high,
        "expected": found.expected,
        "far_everybody": events / trials if trials else None,
        "ratio": found.ratio,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "tar": None if tar is None else float(tar),
        "tar_low": low,
        "tar_high": high,
        "note": "" if found.known else _UNKNOWN,
    }


def _worst(errors: ErrorsOfPeople, names: Sequence[str], ratios: Sequence[GroupRatio]) -> Iterator[str]:
    """The group with the highest ratio, in a sentence."""
    known = [(each.ratio, number) for number, each in enumerate(ratios) if each.ratio is not None]
    if len(known) < 2:
        few = f"fewer than two have {FEWEST_EVENTS:g} expected false accepts"
        yield f"{errors.name}: the groups cannot be compared: {few}"
        return
    worst = max(known)[1]
    each = ratios[worst]
    yield (
        f"{errors.name}: false accepts are most frequent within the group {names[worst]!r}: {each.ratio:.2f} times the "
        f"mean of the others, between {each.low:.2f} and {each.high:.2f} with 95 % either way"
    )
