"""The end of a run: the best weights on the test pairs, and the outcome as ``result.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskrec.base import interrupts
from maskrec.base.errors import MaskrecError, PluginError
from maskrec.contracts.call_into import own_words
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.embedder import Embedder
from maskrec.inference.evaluating.evaluation_values import from_plain, to_plain
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.weight_files import load_weights, read_checkpoint
from maskrec.training.assemble import Assembly
from maskrec.training.checkpoints.best_decisions import measure_best
from maskrec.training.checkpoints.train_state import TrainState
from maskrec.training.evaluating import apply_to_test_pairs
from maskrec.training.records.run_log import RunLog


def test_best(
    run: RunDirectory, log: RunLog, assembly: Assembly, state: TrainState, embed: Embedder, pairs: Sequence[PairSet]
) -> dict[str, Any]:
    """Each evaluator's answer on its test pairs, with the best weights and what was found with them.

    Error rates of the evaluation pairs are counted before, once for these weights.

    Args:
        run: whose best checkpoint is tested.
        log: of the run.
        assembly: whose evaluators answer.
        state: of the run; without a best epoch nothing is tested.
        embed: over the network that is evaluated; it gets the best weights.
        pairs: on which the evaluators have chosen their thresholds.

    Raises:
        MaskrecError: an evaluator failed; the message says how to do it again.
    """
    if state.best.epoch is None:
        return {}
    path = run.checkpoint("best")
    best = read_checkpoint(path, run.run_id)
    load_weights(embed.model.network, best["backbone"], str(path))
    chosen = {label: from_plain(plain) for label, plain in best["evaluations"].items()}
    try:
        measure_best(run, pairs, embed, best["evaluations"], log.display.line)
        answers = apply_to_test_pairs(assembly, embed, chosen)
    except MaskrecError as error:
        raise resumable(error) from error
    metric = assembly.plan.train.best.metric if assembly.plan.train.best else None
    for label, evaluation in answers.items():
        log.tested(state.best.epoch, state.position.step, label, evaluation, metric)
    return {label: to_plain(evaluation) for label, evaluation in answers.items()}


def resumable(error: MaskrecError) -> MaskrecError:
    """The error of an evaluation, with the way to do it again: an evaluator that was fixed has changed."""
    kept = own_words(error)
    drift = " --allow-drift" if isinstance(kept, PluginError) else ""
    kept.args = (f"{error}; the epoch is saved, so fix this and {interrupts.advice()}{drift}",)
    return kept


def result_of(assembly: Assembly, state: TrainState, tested: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome; ``tested`` is what `test_best` returned."""
    plan, best = assembly.plan, state.best.epoch
    return {
        "epochs": plan.train.epochs,
        "steps": state.position.step,
        "stopped": state.position.stopped,
        "demo": plan.demo,
        "demo_reason": plan.demo_reason,
        "caveats": assembly.caveats(),
        "best": {"epoch": None if best is None else best + 1, "value": state.best.value},
        "evaluate": state.evaluations,
        "test": dict(tested),
    }
