"""The last line of a command on the photos that it rejected: how many, why, and what adds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from maskrec.base.words import counted


def rejected_photos(where: object, reasons: Counter[str], options: Mapping[str, str], advice: Mapping[str, str]) -> str:
    """``144 photos in rejected.csv (several_faces 144); run the same command again with --central to ...``.

    Args:
        where: the list of them.
        reasons: how many photos have each reason.
        options: by reason, the option of the command that adds such photos, and that it does so.
        advice: by reason, what else can be done.
    """
    listed = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    parts = [f"{counted(reasons.total(), 'photo')} in {where}" + (f" ({listed})" if listed else "")]
    if adding := [option for reason, option in options.items() if reasons[reason]]:
        parts.append(f"run the same command again with {' or with '.join(adding)}")
    return "; ".join([*parts, *(text for reason, text in advice.items() if reasons[reason])])
