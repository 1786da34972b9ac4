"""The answer of ``verify``: the distance of two faces and what is decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maskrec.base.words import counted

if TYPE_CHECKING:
    from maskrec.inference.deciding.decision import Decision
    from maskrec.inference.photos.found_face import Face

_SAID = {True: "the same person", False: "different people", None: "no decision"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyResult:
    """Two faces compared.

    Args:
        distance: L2 between their unit embeddings, in [0, 2].
        decisions: one where the pair's condition is known (or was given); one a condition where a mask's presence is
            not known; none where the model has no thresholds.
        condition: ``bare``, ``one_masked`` or ``both_masked``; None where it is not known.
        faces: the two faces.
        notes: what the user should know: weak photos, an uncertain condition, thresholds that a file states.
    """

    distance: float
    decisions: tuple[Decision, ...]
    condition: str | None
    faces: tuple[Face, Face]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """Whether both are one person; None without a decision, or where the decisions of the conditions differ."""
        answers = {decision.same for decision in self.decisions}
        return answers.pop() if len(answers) == 1 else None

    def to_plain(self) -> dict[str, Any]:
        """The answer as JSON knows it, without pictures."""
        decisions = [{name: getattr(each, name) for name in each.__slots__} for each in self.decisions]
        boxes = [list(face.box) for face in self.faces]
        return {
            "same": self.same,
            "distance": self.distance,
            "condition": self.condition,
            "decisions": decisions,
            "boxes": boxes,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        decisions = [f"{each.condition} threshold {each.threshold:.4f}" for each in self.decisions]
        parts = [f"{_SAID[self.same]}: distance {self.distance:.4f}", *decisions]
        parts += [counted(len(self.notes), "note")] if self.notes else []
        return f"VerifyResult({', '.join(parts)})"

    def lines(self) -> list[str]:
        """The answer in words, a line a thing."""
        lines = [f"{_SAID[self.same]}: distance {self.distance:.4f}"]
        sources = {decision.source for decision in self.decisions if decision.far is not None}
        once = len(self.decisions) > 1 and len(sources) == 1
        lines += [line for decision in self.decisions for line in _decision_lines(decision, not once)]
        lines += [f"  measured on {source}" for source in sources if once]
        return lines + [f"note: {note}" for note in self.notes]


def _decision_lines(decision: Decision, with_source: bool) -> list[str]:
    pair = {"bare": "both bare", "one_masked": "one masked", "both_masked": "both masked"}[decision.condition]
    verb = "at or below" if decision.same else "above"
    lines = [f"  {pair}: {verb} the threshold {decision.threshold:.4f}"]
    if not decision.same and decision.frr is not None:
        compared = counted(decision.frr_comparisons or 0, "comparison")
        lines.append(f"  false reject rate {decision.frr:.2g}, of {compared} of one person's images")
    if decision.far is None:
        lines.append(f"  its false accept rate was not measured; the threshold is of {decision.source}")
    else:
        interval = ""
        if decision.far_low is not None and decision.far_high is not None:
            interval = f", for other people {decision.far_low:.2g} to {decision.far_high:.2g} (95 %)"
        lines.append(f"  false accept rate {decision.far:.2g}{interval}")
        lines += [f"  measured on {decision.source}"] if with_source else []
    if decision.probability is not None:
        lines.append(f"  probability of being one person {_probability(decision.probability)}")
        if decision.same != (decision.probability >= 0.5) and decision.far is not None and decision.prior is not None:
            lines.append(
                f"  both are right: the decision keeps to a false accept rate of {decision.far:.2g}, "
                f"and the probability weighs this distance against a prior of {decision.prior:.2g}"
            )
    return lines


def _probability(value: float) -> str:
    """Never 0 or 1 where it is not."""
    if 0.9999 < value < 1:
        return "over 0.9999"
    return "under 0.0001" if 0 < value < 0.0001 else f"{value:.4f}"
