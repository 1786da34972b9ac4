"""What an evaluation measured of searches, in sentences: the largest galleries of each condition that were drawn."""

from __future__ import annotations

from collections.abc import Iterator

from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.contracts.conditions import CONDITIONS
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.galleries.pair_scoring import POSSIBLE
from maskrec.inference.galleries.search_risk import risk_of_search

_SEARCHED = {
    "bare": "bare faces in galleries of {rows}",
    "one_masked": "masked faces in galleries of {rows} bare ones",
    "both_masked": "masked faces in galleries of {rows} masked ones",
}
"""Who searches where, as ``gallery_draws`` has it, by condition."""
FPIR = 0.01
"""At which searches are decided when nothing else is asked for."""


def measured_searches(decisions: Decisions) -> Iterator[str]:
    """A sentence for each condition whose galleries were searched.

    Args:
        decisions: with error rates and what galleries drawn from the evaluation's people gave, or without.
    """
    if decisions.galleries is None or decisions.risk is None:
        return
    for condition in CONDITIONS:
        for rows in decisions.galleries.sizes(condition)[-1:]:
            words = f"searches of {_SEARCHED[condition].format(rows=f'{rows:,}')}"
            try:
                risk = risk_of_search(decisions, "the model", {POSSIBLE.index((condition,)): rows}, FPIR)
            except UsageError:
                yield f"{words}: the evaluation's people do not carry a false positive identification rate of {FPIR:g}"
                continue
            if (measured := risk.measured_fpir) is not None:
                rates = f"{measured.rate:.2g} [{measured.low:.2g}, {measured.high:.2g}]"
                yield (
                    f"{words}: with the threshold for a false positive identification rate of {FPIR:g}, {rates} of the "
                    f"strangers were named, with a 95 % interval ({counted(measured.draws, 'draw')} from "
                    f"{counted(measured.people, 'person')})"
                )
