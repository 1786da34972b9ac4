"""The first and the last lines of a run."""

from __future__ import annotations

from maskrec.contracts.collectives import rank, world_size
from maskrec.contracts.guessing import near_guessing
from maskrec.runtime.run_directory import read_json
from maskrec.training.checks.global_batches import has_batch_norm
from maskrec.training.trainer import Trainer


def introduce(trainer: Trainer) -> None:
    """Say what starts or continues, where, and what the user should know about it."""
    plan, line, step = trainer.assembly.plan, trainer.log.display.line, trainer.state.position.step
    if plan.demo_reason:
        line(f"DEMO: {plan.demo_reason}; this run trains on embedded faces and says nothing about real ones")
    for caveat in trainer.assembly.caveats():
        line(f"note: {caveat}")
    for note in (*plan.notes, *trainer.assembly.notes()):
        line(note)
    where = f"continuing at step {step}" if step else "starting"
    stepper = trainer.stepper
    if stepper.schedule.note:
        line(f"note: {stepper.schedule.note}")
    line(f"{where}: {plan.name} in {trainer.run.path} on {stepper.compute.device} in {stepper.compute.precision}")
    if world_size() > 1 and has_batch_norm(stepper.backbone) and not plan.train.sync_batchnorm:
        line(f"note: batch norm uses the samples of each of the {world_size()} processes separately")


def conclude(trainer: Trainer) -> None:
    """Say how the run ended, where its results are, and what belongs beside every figure."""
    plan, line, position = trainer.assembly.plan, trainer.log.display.line, trainer.state.position
    if position.stopped:
        line(f"stopped: {position.stopped}")
    line(f"finished: {position.step} steps; results in {trainer.run.result}")
    result = read_json(trainer.run.result) if rank() == 0 else {}
    for label, answer in (result.get("test") or result.get("evaluate") or {}).items():
        if said := near_guessing(answer["metrics"]):
            line(f"note: {label}: {said}; lower the learning rate, train longer, or train on more people")
    for caveat in trainer.assembly.caveats():
        line(f"note: {caveat}")
    if plan.demo_reason:
        line(f"DEMO: {plan.demo_reason}; these figures say nothing about real faces")
