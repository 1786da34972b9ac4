"""Tables of an evaluator's answer: by condition, by mask, at thresholds of other pairs, mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maskrec.report.answer_facts import CONDITION_WORDS, AnswerFacts
from maskrec.report.figure_words import count, distance, interval, rate
from maskrec.report.page_parts import PageTable
from maskrec.report.plain_values import Row, number, text, whole

_MOST_RATES = 3
_FEW = 10  # expected false accepts below which a rate says little, as evaluators and galleries have it


def accuracy_of(answer: AnswerFacts, condition: str) -> Row:
    """Accuracy with ``low`` and ``high`` of the pairs of a condition; only the accuracy where that is all there is."""
    for row in answer.tables.get("applied_thresholds", ()):
        if row.get("condition") == condition and text(row.get("name")).partition("/")[0] == answer.rule:
            return {**row, "low": row.get("accuracy_low"), "high": row.get("accuracy_high")}
    for row in answer.tables.get("accuracy", ()):
        if row.get("condition") == condition:
            return row
    return {"accuracy": answer.metrics.get("accuracy" if condition == "all" else f"accuracy/{condition}")}


def pairs_of(answer: AnswerFacts, condition: str) -> int | None:
    """How many pairs of a condition were compared."""
    row = accuracy_of(answer, condition)
    same, different = whole(row.get("same_pairs")), whole(row.get("different_pairs"))
    return None if same is None or different is None else same + different


def conditions_of(answer: AnswerFacts) -> list[str]:
    """The conditions for which there is an accuracy."""
    return [name for name in CONDITION_WORDS if number(accuracy_of(answer, name).get("accuracy")) is not None]


def summary_table(answer: AnswerFacts) -> PageTable | None:
    """Bare, one masked, both masked and all pairs with intervals; the metrics alone where there are no conditions."""
    found = conditions_of(answer)
    if not found:
        return metrics_table(answer, folded=False)
    fars = sorted({far for row in answer.tables.get("tar_at_far", ()) if (far := number(row.get("far"))) is not None})
    fars = fars[::-1][:_MOST_RATES]
    others = [name for name in ("eer", "iou") if name in answer.metrics]
    columns = ["pairs", "number", "accuracy [95 %]", *(f"TAR at FAR {far:g} [95 %]" for far in fars)]
    columns += [name.upper() for name in others]
    rows = []
    own = [name for name in found if name != "all"]
    for condition in own if len(own) == 1 else [*own, *(name for name in found if name == "all")]:
        tars = [interval(_tar(answer, condition, far), "tar", "low", "high") for far in fars]
        end = "" if condition == "all" else f"/{condition}"
        rows.append(
            [
                CONDITION_WORDS[condition],
                count(pairs_of(answer, condition)),
                interval(accuracy_of(answer, condition), "accuracy", "low", "high"),
                *tars,
                *(rate(answer.metrics.get(f"{name}{end}")) for name in others),
            ]
        )
    caption = f"{answer.label}, {stage_words(answer)}: accuracy and true accept rates with 95 % intervals"
    caption += "".join(f". {each}." for each in _rare_rates(answer, found, fars))
    return PageTable(caption, columns, rows, frozenset(range(1, len(columns))))


def _rare_rates(answer: AnswerFacts, conditions: Sequence[str], fars: Sequence[float]) -> Iterator[str]:
    """Which rates some of the rows have too few pairs for."""
    pairs = [whole(accuracy_of(answer, condition).get("different_pairs")) for condition in conditions]
    fewest = min((each for each in pairs if each is not None), default=None)
    rare = [far for far in fars if fewest is not None and fewest * far < _FEW]
    if rare:
        yield (
            f"The row with the fewest has {count(fewest)} different pairs: fewer than {_FEW} false accepts are to be "
            f"expected there at FAR {' and '.join(f'{far:g}' for far in rare)}, and such a rate says little"
        )


def stage_words(answer: AnswerFacts) -> str:
    """Which pairs were measured."""
    return "test pairs" if answer.stage == "test" else "evaluation pairs"


def _tar(answer: AnswerFacts, condition: str, far: float) -> Row:
    found = answer.tables.get("tar_at_far", ())
    return next((row for row in found if row.get("condition") == condition and row.get("far") == far), {})


def metrics_table(answer: AnswerFacts, folded: bool = True) -> PageTable | None:
    """Every metric that the evaluator returned; None where it returned none."""
    if not answer.metrics:
        return None
    rows = [[name, f"{value:.6g}"] for name, value in answer.metrics.items()]
    return PageTable(f"Every metric of {answer.label}", ["metric", "value"], rows, frozenset({1}), folded)


def classes_table(answer: AnswerFacts) -> PageTable | None:
    """Precision, recall and F1 of both classes."""
    rows = [
        [f"{text(row.get('class'))} person" if row.get("class") == "same" else "different people",
         *(rate(row.get(name)) for name in ("precision", "recall", "f1"))]
        for row in answer.tables.get("classes", ())
        if row.get("class") in ("same", "different")
    ]  # fmt: skip
    caption = "Precision, recall and F1 of each class"
    return PageTable(caption, ["pairs", "precision", "recall", "F1"], rows, frozenset({1, 2, 3})) if rows else None


def confusion_counts(answer: AnswerFacts) -> list[list[int]] | None:
    """Rows same and different, columns called same and called different; None where it was not counted."""
    by_kind = {row.get("pairs"): row for row in answer.tables.get("confusion", ())}
    columns = ("called_same", "called_different")
    found = [[whole(by_kind.get(kind, {}).get(name)) for name in columns] for kind in ("same", "different")]
    cells = [[cell for cell in row if cell is not None and cell >= 0] for row in found]
    return cells if all(len(row) == 2 for row in cells) else None


def transferred_table(answer: AnswerFacts) -> PageTable | None:
    """What each threshold costs the pairs of every condition; None where it was not counted."""
    rows = []
    for row in answer.tables.get("transferred_thresholds", ()):
        chosen, condition = text(row.get("chosen_on")), text(row.get("condition"))
        target = number(row.get("target_far"))
        own = " (its own)" if chosen == condition else ""
        rows.append(
            [
                CONDITION_WORDS.get(chosen, chosen),
                "highest accuracy" if target is None else f"FAR {target:g}",
                distance(row.get("threshold")),
                CONDITION_WORDS.get(condition, condition) + own,
                interval(row, "far", "far_low", "far_high"),
                interval(row, "frr", "frr_low", "frr_high"),
            ]
        )
    columns = ["chosen on", "for", "threshold", "met by", "FAR [95 %]", "FRR [95 %]"]
    caption = "False accept and false reject rates at thresholds of each condition, on the pairs of every condition"
    return PageTable(caption, columns, rows, frozenset({2, 4, 5})) if rows else None


def transfer_sentences(answer: AnswerFacts) -> Iterator[str]:
    """The most telling transfers in words: bare pairs' thresholds met by masked pairs, and the reverse."""
    rows = answer.tables.get("transferred_thresholds", ())
    by_key = {(row.get("rule"), row.get("chosen_on"), row.get("condition")): row for row in rows}
    for rule in dict.fromkeys(row.get("rule") for row in rows if number(row.get("target_far")) is not None):
        for chosen, met in (("bare", "both_masked"), ("bare", "one_masked"), ("both_masked", "bare")):
            row, own = by_key.get((rule, chosen, met)), by_key.get((rule, chosen, chosen))
            if row is None or own is None or number(row.get("far")) is None or number(own.get("far")) is None:
                continue
            yield (
                f"At the threshold that was chosen for a FAR of {number(row.get('target_far')):g} on "
                f"{CONDITION_WORDS[chosen]} pairs, {CONDITION_WORDS[chosen]} pairs of these people meet a FAR of "
                f"{rate(own.get('far'))} and {CONDITION_WORDS[met]} pairs one of {rate(row.get('far'))}."
            )


def mask_table(answer: AnswerFacts) -> PageTable | None:
    """Figures by type of mask; None where no pair wears one."""
    rows = [
        [
            text(row.get("mask")).replace("_", " "),
            CONDITION_WORDS.get(text(row.get("condition")), text(row.get("condition"))),
            count((whole(row.get("same_pairs")) or 0) + (whole(row.get("different_pairs")) or 0)),
            interval(row, "accuracy", "accuracy_low", "accuracy_high"),
            interval(row, "far", "far_low", "far_high"),
            interval(row, "frr", "frr_low", "frr_high"),
        ]
        for row in answer.tables.get("decisions_by_mask", ())
    ]
    columns = ["mask", "pairs", "number", "accuracy [95 %]", "FAR [95 %]", "FRR [95 %]"]
    return (
        PageTable("By type of mask; pairs with two types are in both rows", columns, rows, frozenset({2, 3, 4, 5}))
        if rows
        else None
    )


def mistakes_table(worst: list[Row]) -> PageTable:
    """The worst mistakes without faces and names."""
    rows = [
        [mistake_words(row), CONDITION_WORDS.get(text(row.get("condition")), ""), distance(row.get("distance")),
         distance(row.get("threshold")), count(row.get("pair"))]
        for row in worst
    ]  # fmt: skip
    columns = ["mistake", "pairs", "distance", "threshold", "place in the set"]
    return PageTable("The worst mistakes", columns, rows, frozenset({2, 3, 4}), folded=True)


def mistake_words(row: Row) -> str:
    """Which mistake it is."""
    return "one person, called two" if row.get("same") is True else "two people, called one"
