"""What a model decides with: thresholds, the error rates behind them, and how a mask is recognized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maskrec.base.words import counted

if TYPE_CHECKING:
    from maskrec.contracts.evaluation import Threshold
    from maskrec.inference.photos.mask_probe import MaskProbe
    from maskrec.metrics.measured_galleries import MeasuredGalleries
    from maskrec.metrics.risk import Risk


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Decisions:
    """What was measured when a model was evaluated.

    Args:
        thresholds: the evaluators' decision thresholds, as ``LABEL.NAME``.
        risk: error rates for new people; None where none were measured.
        probe: recognizes masks by an aligned face; None where none was fitted.
        measured_on: the evaluation pairs, in words.
        stated_by: who says all this, where it was not measured here: ``the file`` that was opened, or a plugin.
        galleries: FPIR and FNIR of galleries drawn from the same people; None where none were searched.
        caveats: what must be said beside every figure on the evaluation pairs.
    """

    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    risk: Risk | None = None
    probe: MaskProbe | None = None
    measured_on: str = ""
    stated_by: str = ""
    galleries: MeasuredGalleries | None = None
    caveats: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Decisions({', '.join(self.words())}{f', stated by {self.stated_by}' if self.stated_by else ''})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What belongs beside every decision: who states all this, and the caveats of the evaluation pairs."""
        stated = f"thresholds and error rates are stated by {self.stated_by} and were not measured here"
        return (*([stated] if self.stated_by else []), *self.caveat_notes)

    @property
    def caveat_notes(self) -> tuple[str, ...]:
        """The caveats as sentences that say what they are of."""
        return tuple(f"about the evaluation pairs: {caveat}" for caveat in self.caveats)

    def words(self) -> list[str]:
        """What is known, in a few words each."""
        risk, probe = self.risk, self.probe
        rates = "error rates not measured" if risk is None else f"error rates of {counted(risk.people, 'person')}"
        return [counted(len(self.thresholds), "threshold"), rates, "no mask probe" if probe is None else "mask probe"]
