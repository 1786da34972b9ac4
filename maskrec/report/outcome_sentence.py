"""What came of a run, in one sentence, and what must be known before any figure is read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from maskrec.base.words import counted
from maskrec.contracts.guessing import near_guessing
from maskrec.report.answer_facts import AnswerFacts
from maskrec.report.evaluation_tables import accuracy_of, pairs_of
from maskrec.report.figure_words import percent
from maskrec.report.plain_values import mapping, number, text, texts, whole
from maskrec.report.run_facts import RunFacts


def outcome(facts: RunFacts, shown: Sequence[AnswerFacts]) -> str:
    """How far the run came, and the accuracy of the first answer with its interval.

    Args:
        facts: of the run.
        shown: its answers, the most important one first.
    """
    measured = _measured(facts, shown[0]) if shown else _not_measured(facts)
    return f"{_progress(facts)}{measured}."


def _progress(facts: RunFacts) -> str:
    state = facts.state
    of = f" of {state.epochs:,}" if state.epochs else ""
    where = f"step {state.step:,}, with {state.epoch:,}{of} epochs finished"
    if state.word == "measured":
        return "Evaluated; "
    if state.word == "running":
        return f"Still running ({state.reason}), at {where}; so far, "
    if state.word == "unfinished":
        resume = shlex.join(["maskrec", "resume", str(facts.path)])
        if state.reason:
            return f"Did not finish: {state.reason.rstrip('.')}. That was after {where} (continue with {resume}); "
        return f"Did not finish: it was killed after {where} (continue with {resume}); "
    done = f"{counted(state.epoch, 'epoch')} and {counted(state.step, 'step')}"
    return f"Stopped early, after {done}: {state.reason}; " if state.word == "stopped" else f"Finished after {done}; "


def _measured(facts: RunFacts, answer: AnswerFacts) -> str:
    row, pairs = accuracy_of(answer, "all"), pairs_of(answer, "all")
    accuracy = number(row.get("accuracy"))
    which = f" with the weights of epoch {answer.epoch}" if answer.epoch is not None else ""
    on = "test pairs" if answer.stage == "test" else "evaluation pairs"
    if accuracy is None:
        said = ", ".join(f"{name} {value:.4f}" for name, value in [*answer.metrics.items()][:2]) or "without metrics"
        return f"{answer.label} answered{which}: {said}"
    low, high = number(row.get("low")), number(row.get("high"))
    ends = f" (95 % interval {percent(low)} to {percent(high)})" if low is not None and high is not None else ""
    of = f"the {pairs:,} {on}" if pairs else f"the {on}"
    return f"{percent(accuracy)} of {of} of {answer.label} are decided correctly{which}{ends}"


def _not_measured(facts: RunFacts) -> str:
    asked = any(value.path.startswith("evaluate.") for value in facts.recipe)
    if not asked and facts.recipe:
        return "nothing was measured, as the recipe has no evaluators"
    return "nothing has been measured yet" if facts.state.word == "running" else "it ended before anything was measured"


def warnings(facts: RunFacts, shown: Sequence[AnswerFacts]) -> Iterator[str]:
    """Demo, a distilled start, collapse, skipped steps, missing test, caveats, damaged files: each a sentence."""
    if facts.demo_reason:
        reason = f"{facts.demo_reason}, so the recipe fell back to its demo"
        yield f"DEMO: {reason}; these figures say nothing about real faces."
    elif facts.demo:
        yield "Demo: the recipe's demo overrides are applied; this run shows that the program works, and no more."
    start = mapping(facts.record.get("start"))
    if start.get("kind") == "distilled start":
        yield f"{_sentence(text(start.get('words')))}."
    for answer in shown:
        if answer.collapsed:
            yield (
                f"{answer.label}: the embeddings have collapsed, or nearly so: no threshold separates same from "
                "different people, and the figures are at the best threshold of the evaluation pairs instead."
            )
        elif said := near_guessing(answer.metrics):
            yield f"{answer.label}: {said}."
        if answer.stage == "evaluate":
            yield (
                f"{answer.label}: no test pairs were measured. Its thresholds were chosen on the same evaluation "
                "pairs, so the figures at these thresholds are too good."
            )
    for label, sentence in mapping(facts.result.get("failed")).items():
        yield f"{label} could not be measured: {text(sentence).rstrip('.')}."
    skipped = sum(whole(row.get("skipped")) or 0 for row in facts.metrics.of_kind("step"))
    if skipped:
        yield f"{counted(skipped, 'step')} changed nothing, because something in them was not finite."
    yield from (f"{_sentence(each)}." for each in facts.caveats)
    if notes := texts(facts.result.get("notes")):
        yield f"{counted(len(notes), 'note')} on these pairs, which may name people, in result.json."
    yield from (f"Not shown: {each}." for each in facts.problems)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".")
