"""What evaluators answered in a run: from its evaluations, or from result.json where these are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.plain_json import read_json_object
from maskrec.report.plain_values import Row, counts, mapping, number, rows, text, whole

CONDITION_WORDS = {"all": "all pairs", "bare": "bare", "one_masked": "one masked", "both_masked": "both masked"}


@dataclass(frozen=True, slots=True)
class Histograms:
    """Distances of a pair set: bin k holds those over ``low + k * width`` and up to ``low + (k + 1) * width``.

    Args:
        low: left edge of the first bin.
        high: right edge of the last bin.
        bins: how many.
        conditions: by condition, the counts of the same and of the different pairs, each of ``bins`` numbers.
    """

    low: float
    high: float
    bins: int
    conditions: Mapping[str, tuple[list[int], list[int]]]


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """An evaluator's answer, as far as it is recorded.

    Args:
        label: of the evaluator.
        stage: ``evaluate`` (the pairs that choose thresholds) or ``test``.
        epoch: whose weights were measured, from 1; None for a model that was not trained here.
        metrics: finite numbers by name.
        thresholds: by name, each a map with ``value``.
        tables: by name.
        histograms: of the distances; None where they were not kept.
        worst: the worst mistakes; None where they were not kept.
        pairs: the pair set's label.
        caveat: what belongs beside its figures.
        rule: the name of the threshold that decides.
        distance: between embeddings, in words.
    """

    label: str
    stage: str
    epoch: int | None
    metrics: Mapping[str, float]
    thresholds: Mapping[str, Row]
    tables: Mapping[str, list[Row]]
    histograms: Histograms | None = None
    worst: list[Row] | None = None
    pairs: str = ""
    caveat: str = ""
    rule: str = ""
    distance: str = "distance"

    @property
    def deciding(self) -> float | None:
        """The threshold that decides all pairs."""
        return self.threshold_of("all")

    def threshold_of(self, condition: str) -> float | None:
        """The threshold that decides the pairs of a condition: its own, or that of all pairs."""
        own = self.thresholds.get(f"{self.rule}/{condition}", self.thresholds.get(self.rule, {}))
        return number(own.get("value"))

    @property
    def collapsed(self) -> bool:
        """Whether no threshold was found because the embeddings do not tell people apart."""
        marked = any(each.get("collapsed") is True for each in self.thresholds.values())
        return marked or self.metrics.get("collapsed") == 1.0


def read_answers(folder: Path, result: Mapping[str, Any]) -> tuple[list[AnswerFacts], list[str]]:
    """One answer a label and stage: on test pairs, and on evaluation pairs at the best epoch or else the last one.

    Returns:
        The answers, those on test pairs first, and what could not be read, in sentences.
    """
    problems: list[str] = []
    best = whole(mapping(result.get("best")).get("epoch"))
    found: dict[tuple[str, str], AnswerFacts] = {}
    for answer in _kept(folder / "evaluations", problems):
        key = (answer.label, answer.stage)
        before = found.get(key)
        if before is None or _nearer(answer.epoch, before.epoch, best):
            found[key] = answer
    for stage in ("test", "evaluate"):
        for label, plain in mapping(result.get(stage)).items():
            if (label, stage) not in found:
                found[label, stage] = _answer(label, stage, best, mapping(plain))
    return sorted(found.values(), key=lambda answer: answer.stage != "test"), problems


def _nearer(epoch: int | None, before: int | None, best: int | None) -> bool:
    """Whether an epoch's answer is the one to show rather than another's."""
    if best is not None and best in (epoch, before):
        return epoch == best
    return (epoch or 0) > (before or 0)


def _kept(folder: Path, problems: list[str]) -> Iterator[AnswerFacts]:
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            plain = read_json_object(path)
            label, stage = text(plain.get("label")), text(plain.get("stage"))
            if not label or stage not in ("evaluate", "test"):
                raise ValueError("it does not say which evaluator's answer it is")
        except (OSError, ValueError) as error:
            problems.append(f"evaluations/{path.name} cannot be read ({error})")
            continue
        yield _answer(label, stage, whole(plain.get("epoch")), plain)


def _answer(label: str, stage: str, epoch: int | None, plain: Mapping[str, Any]) -> AnswerFacts:
    details = mapping(plain.get("details"))
    metrics = {
        name: value for name, each in mapping(plain.get("metrics")).items() if (value := number(each)) is not None
    }
    normalized = "unit" if details.get("normalize") is not False else "raw"
    words = {"l2": "L2 distance", "squared_l2": "squared L2 distance", "cosine": "cosine distance"}
    return AnswerFacts(
        label=label,
        stage=stage,
        epoch=epoch,
        metrics=metrics,
        thresholds={name: mapping(each) for name, each in mapping(plain.get("thresholds")).items()},
        tables={name: rows(each) for name, each in mapping(plain.get("tables")).items()},
        histograms=_histograms(mapping(details.get("histograms"))),
        worst=rows(details["worst_pairs"]) if "worst_pairs" in details else None,
        pairs=text(details.get("pairs")),
        caveat=text(details.get("caveat")),
        rule=text(details.get("rule")) or "best",
        distance=f"{words.get(text(details.get('distance')), 'distance')} of {normalized} embeddings",
    )


def _histograms(plain: Mapping[str, Any]) -> Histograms | None:
    low, high, bins = number(plain.get("low")), number(plain.get("high")), whole(plain.get("bins"))
    if low is None or high is None or bins is None or not (low < high and 2 <= bins <= 5000):
        return None
    found = {}
    for name, both in mapping(plain.get("conditions")).items():
        same, different = (counts(mapping(both).get(kind), bins) for kind in ("same", "different"))
        if name in CONDITION_WORDS and same is not None and different is not None:
            found[name] = (same, different)
    return (
        Histograms(low, high, bins, {name: found[name] for name in CONDITION_WORDS if name in found}) if found else None
    )
