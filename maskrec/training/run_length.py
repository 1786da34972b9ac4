"""How long a run is, and whether the numbers that a recipe gives its schedule fit it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from maskrec.base.errors import UsageError
from maskrec.base.words import one_line
from maskrec.contracts.problem import Problem
from maskrec.recipe.plan import Plan, Scheduler, Train
from maskrec.recipe.torch_optim import LENGTHS, try_out, try_schedule
from maskrec.runtime.run_directory import RunDirectory, read_json


@dataclass(frozen=True, slots=True)
class RunLength:
    """A run in epochs and in optimizer steps.

    Args:
        epochs: ``train.epochs``.
        steps_per_epoch: optimizer steps in each; the last one of an epoch may be made of fewer batches.
    """

    epochs: int
    steps_per_epoch: int

    @classmethod
    def of(cls, train: Train, batches: int) -> RunLength:
        """The length of a run whose sampler yields ``batches`` batches an epoch."""
        return cls(train.epochs, math.ceil(batches / train.accumulate))

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    def for_schedule(self, scheduler: Scheduler) -> dict[str, int]:
        """The values of the scheduler's arguments that are lengths (``torch_optim.LENGTHS``), by name.

        ``total_steps`` and ``T_max`` count in the unit of ``every``. By step the schedule begins where the warm-up
        ends, so the warm-up's steps are taken off; by epoch it counts the run's epochs, whatever the warm-up does.
        """
        whole = self.total_steps - scheduler.warmup_steps if scheduler.every == "step" else self.epochs
        known = {
            "total_steps": whole,
            "T_max": whole,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }
        return {name: known[name] for name in LENGTHS.get(scheduler.use, ())}


def refuse_fewer_epochs(run: RunDirectory, epochs: object) -> None:
    """Refuse to continue a finished run with fewer epochs than it was given: nothing would be done.

    Raises:
        UsageError: it is finished, and ``epochs`` is a smaller number.
    """
    planned = read_json(run.result).get("epochs", 0) if run.result.exists() else 0
    if type(epochs) is int and epochs < planned:
        raise UsageError(
            f"train.epochs={epochs}: {run.path} is finished with train.epochs {planned}; a greater number continues "
            "it, and a shorter run is a new one: `maskrec run` with another --run-dir"
        )


def schedule_problems(plan: Plan, length: RunLength) -> list[Problem]:
    """What a schedule with a length has against this run: a number that is not the run's, or no steps left for it.

    One-cycle raises at the step after its last, and stops near its highest rate when the run is shorter; a cosine that
    is shorter than the run climbs again, and one that is longer never comes down.
    """
    scheduler = plan.scheduler
    lengths = length.for_schedule(scheduler)
    if not lengths or length.total_steps == 0:
        return []
    if scheduler.every == "step" and length.total_steps <= scheduler.warmup_steps:
        message = (
            f"the warm-up takes {scheduler.warmup_steps} steps and this run has {length.total_steps}, "
            f"so none is left for {scheduler.use}"
        )
        hint = f"set scheduler.warmup_steps below {length.total_steps}, or train longer"
        return [_problem(plan, message, "warmup_steps", hint)]
    wrong = [name for name, needed in lengths.items() if scheduler.parameters.get(name) not in (None, needed)]
    if not wrong:
        return _refused(plan, lengths)
    return [
        _problem(
            plan,
            f"`{name}` is {scheduler.parameters[name]} and this run has {_in_words(scheduler, name, lengths[name])}",
            name,
            f"leave `{name}` out, and the run's own is used; or set scheduler.{name}={lengths[name]}",
        )
        for name in wrong
    ]


def _refused(plan: Plan, lengths: dict[str, int]) -> list[Problem]:
    """Torch checks some ranges against the length only, such as one-cycle's share of rising steps."""
    optimizer, scheduler = plan.optimizer, plan.scheduler
    try:
        made = try_out((optimizer.use, optimizer.parameters), optimizer.groups)
        try_schedule(scheduler.use, scheduler.parameters, made, lengths)
    except Exception as error:  # whatever torch raises for a value
        run = ", ".join(f"{name} {value}" for name, value in lengths.items())
        message = f"scheduler {scheduler.use} refuses its parameters in this run ({run}): {one_line(error)}"
        return [Problem(message, "scheduler", "", plan.marks.get("scheduler"))]
    return []


def _problem(plan: Plan, message: str, name: str, hint: str) -> Problem:
    path = f"scheduler.{name}"
    return Problem(message, path, hint, plan.marks.get(path, plan.marks.get("scheduler")))


def _in_words(scheduler: Scheduler, name: str, needed: int) -> str:
    unit = {"epochs": "epoch", "steps_per_epoch": "step"}.get(name, scheduler.every)
    after = " an epoch" if name == "steps_per_epoch" else ""
    if name in ("total_steps", "T_max") and scheduler.every == "step" and scheduler.warmup_steps:
        after = " after its warm-up"
    return f"{needed} {unit}{'' if needed == 1 else 's'}{after}"
