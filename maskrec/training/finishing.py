"""The end of a run: test once with the best weights, write the results, report where they are."""

from __future__ import annotations

from typing import Any

from maskrec.base.files import write_json
from maskrec.contracts.collectives import rank
from maskrec.contracts.events import Ended
from maskrec.runtime.weight_files import load_weights, read_checkpoint
from maskrec.training.distributed import barrier
from maskrec.training.evaluating import apply_to_test_pairs, from_plain, to_plain
from maskrec.training.trainer import Trainer


def finish(trainer: Trainer) -> None:
    """Everything after the last epoch's checkpoint; a run that is killed during it starts here again."""
    plan, run, position = trainer.assembly.plan, trainer.run, trainer.position
    barrier()
    tested = _test(trainer) if position.best_epoch is not None else {}
    trainer.observers.tell("on_end", Ended(position.step, position.stopped))
    trainer.observers.report_detached()
    if rank() == 0:
        result = {
            "epochs": plan.train.epochs,
            "steps": position.step,
            "stopped": position.stopped,
            "demo": plan.demo,
            "demo_reason": plan.demo_reason,
            "remarks": trainer.assembly.remarks(),
            "best": {"epoch": position.best_epoch, "value": position.best_value},
            "evaluate": trainer.evaluations,
            "test": tested,
        }
        write_json(run.result, result)
    if position.stopped:
        trainer.display.line(f"stopped: {position.stopped}")
    trainer.display.line(f"finished: {position.step} steps; results in {run.result}")
    for remark in trainer.assembly.remarks():
        trainer.display.line(f"note: {remark}")
    if plan.demo_reason:
        trainer.display.line(f"DEMO: {plan.demo_reason}; these figures say nothing about real faces")


def _test(trainer: Trainer) -> dict[str, Any]:
    """Each evaluator's answer on its test pairs, with the best weights and what was found with them."""
    path = trainer.run.checkpoint("best")
    best = read_checkpoint(path)
    load_weights(trainer.stepper.evaluated, best["backbone"], str(path))
    chosen = {label: from_plain(plain) for label, plain in best["evaluations"].items()}
    answers = apply_to_test_pairs(trainer.assembly, trainer.embedder(), chosen)
    for label, evaluation in answers.items():
        trainer.tell_evaluation(label, "test", evaluation)
    return {label: to_plain(evaluation) for label, evaluation in answers.items()}
