"""The learning rate's schedule."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim.lr_scheduler import LinearLR, LRScheduler, SequentialLR

from maskrec.base.errors import UsageError
from maskrec.recipe.plan import Scheduler
from maskrec.recipe.torch_optim import CONSTANT, UnknownNameError, make_scheduler
from maskrec.training.run_length import RunLength


class Schedule:
    """The learning rate over a run: a linear warm-up by optimizer step, and torch's scheduler by step or by epoch.

    By step, torch's ``SequentialLR`` puts one after the other. It counts its own calls, so it cannot hold a warm-up
    of 500 steps before a scheduler that is called once an epoch: by epoch, torch's ``LinearLR`` warms up alone and
    its factor is kept on the rates of a scheduler that counts the run's epochs from the start.

    Args:
        plan: the recipe's ``scheduler`` section.
        optimizer: the optimizer whose rates are set.
        length: of the run.

    Raises:
        UsageError: parameters that the scheduler refuses.
    """

    def __init__(self, plan: Scheduler, optimizer: torch.optim.Optimizer, length: RunLength) -> None:
        self.optimizer, self.note = optimizer, ""
        self.lengths = length.for_schedule(plan)
        main = _build_scheduler(plan, optimizer, self.lengths)
        self.unwarmed = self._rates()
        warmup = _warm_up(optimizer, plan.warmup_steps)
        self.by_step, self.by_epoch = warmup, main
        if plan.every == "step":
            self.by_step, self.by_epoch = _one_after_the_other(warmup, main, plan.warmup_steps), None
        self.first = self._rates()

    @property
    def rate(self) -> float:
        """The first group's rate for the next optimizer step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step_ended(self, moved: bool = True) -> None:
        """Call after each optimizer step.

        Args:
            moved: False where the optimizer was not called, because the step was skipped.
        """
        if self.by_step is not None and moved:
            self.by_step.step()
        elif self.by_step is not None:
            with _without_call():
                self.by_step.step()

    def epoch_ended(self) -> None:
        """Call after each epoch."""
        if self.by_epoch is None:
            return
        # Some of torch's schedulers set rates and others change the ones they find, so it is called on its own rates.
        factors = [rate / own if own else 1.0 for rate, own in zip(self._rates(), self.unwarmed, strict=True)]
        self._set(self.unwarmed)
        self.by_epoch.step()
        self.unwarmed = self._rates()
        self._set([own * factor for own, factor in zip(self.unwarmed, factors, strict=True)])

    def state_dict(self) -> dict[str, Any]:
        """The state that a resume needs."""
        return {
            "lengths": dict(self.lengths),
            "unwarmed": list(self.unwarmed),
            "by_step": self.by_step.state_dict() if self.by_step is not None else None,
            "by_epoch": self.by_epoch.state_dict() if self.by_epoch is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state; the optimizer's state must be loaded before.

        A run that is now longer or shorter continues where a run of the new length would be; ``note`` says so.
        """
        if state["lengths"] != self.lengths:
            self._replay(*(each["last_epoch"] if each else 0 for each in (state["by_step"], state["by_epoch"])))
            before, now = (
                ", ".join(f"{name} {value}" for name, value in lengths.items())
                for lengths in (state["lengths"], self.lengths)
            )
            self.note = f"the schedule continues as in a run of the new length ({now}; it had {before})"
            return
        self.unwarmed = list(state["unwarmed"])
        if self.by_step is not None:
            self.by_step.load_state_dict(state["by_step"])
        if self.by_epoch is not None:
            self.by_epoch.load_state_dict(state["by_epoch"])

    def _replay(self, steps: int, epochs: int) -> None:
        self._set(self.first)
        with _without_call():
            for _ in range(steps):
                self.step_ended()
            for _ in range(epochs):
                self.epoch_ended()

    def snapshot(self) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """Everything that `step_ended` changes, for `restore`; None where that is nothing."""
        if self.by_step is None:
            return None
        groups = [{n: v for n, v in group.items() if n != "params"} for group in self.optimizer.param_groups]
        return _copied(self.state_dict()), groups

    def restore(self, snapshot: tuple[dict[str, Any], list[dict[str, Any]]] | None) -> None:
        """Put everything back to what it was at `snapshot`, the rates of the optimizer too."""
        if snapshot is None:
            return
        state, groups = snapshot
        for group, before in zip(self.optimizer.param_groups, groups, strict=True):
            group.update(before)
        self.load_state_dict(state)

    def _rates(self) -> list[Any]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set(self, rates: Sequence[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def _copied(state: Any) -> Any:
    """A copy of the dicts and lists; what is in them (numbers, words, counters of milestones) no step changes."""
    if type(state) is dict:
        return {name: _copied(value) for name, value in state.items()}
    return [_copied(value) for value in state] if type(state) is list else state


@contextmanager
def _without_call() -> Iterator[None]:
    """Torch's warning that no optimizer has been called is not for what is done here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
        yield


def _build_scheduler(
    plan: Scheduler, optimizer: torch.optim.Optimizer, lengths: Mapping[str, int]
) -> LRScheduler | None:
    if plan.use == CONSTANT:
        return None
    try:
        scheduler: LRScheduler = make_scheduler(plan.use, plan.parameters, optimizer, lengths)
    except (TypeError, ValueError, ZeroDivisionError, UnknownNameError) as error:
        raise UsageError(f"scheduler: {plan.use} refuses its parameters: {error}") from error
    return scheduler


def _warm_up(optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler | None:
    """From 1 / ``steps`` of the rate at the first step to all of it at the last."""
    return LinearLR(optimizer, 1 / steps, total_iters=max(1, steps - 1)) if steps else None


def _one_after_the_other(warmup: LRScheduler | None, main: LRScheduler | None, steps: int) -> LRScheduler | None:
    if warmup is None or main is None:
        return warmup or main
    return SequentialLR(warmup.optimizer, [warmup, main], milestones=[steps])
