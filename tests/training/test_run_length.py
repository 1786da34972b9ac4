"""The run sets the length of its schedule: what a recipe may omit, what does not fit, and what a longer run does."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from run_comparison import rows_without_times
from small_recipe import PIECES, write_recipe

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.plan import Scheduler
from maskrec.recipe.torch_optim import scheduler_class
from maskrec.runtime.run_plan import read_plan
from maskrec.training.run_length import RunLength
from maskrec.training.steps.schedule import Schedule

Train = Callable[..., Path]
Cli = Callable[..., subprocess.CompletedProcess[str]]
LENGTH = RunLength(epochs=12, steps_per_epoch=3)
LR = (0.1, 0.5)
# By scheduler: its parameters, and what the run fills in by itself.
SCHEDULERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "constant": ({}, ()),
    "multistep": ({"milestones": [2, 5]}, ()),
    "step": ({"step_size": 2}, ()),
    "exponential": ({"gamma": 0.9}, ()),
    "linear": ({}, ()),
    "polynomial": ({"total_iters": 9, "power": 2.0}, ()),
    "cosineannealing": ({"T_max": None, "eta_min": 0.01}, ("T_max",)),
    "cosineannealingwarmrestarts": ({"T_0": 4, "T_mult": 2}, ()),
    "cyclic": ({"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3}, ()),
    "onecycle": ({"max_lr": 0.3, "total_steps": None, "epochs": None, "steps_per_epoch": None}, ("total_steps",)),
}
PLANS = [
    Scheduler(use, parameters, every, warmup)
    for use, (parameters, _) in SCHEDULERS.items()
    for every in ("step", "epoch")
    for warmup in (0, 1, 2, 7, 20)
]
NAMED = [f"{plan.use}, every {plan.every}, warm-up {plan.warmup_steps}" for plan in PLANS]


def sgd() -> torch.optim.SGD:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr} for lr in LR]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def rates_of(optimizer: torch.optim.Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def walk(schedule: Schedule, length: RunLength, start: int = 0, end: int | None = None) -> Iterator[list[float]]:
    """The rates of steps ``start`` to ``end``, from a schedule that is there."""
    for step in range(start, length.total_steps if end is None else end):
        schedule.optimizer.step()
        yield rates_of(schedule.optimizer)
        schedule.step_ended()
        if (step + 1) % length.steps_per_epoch == 0:
            schedule.epoch_ended()


def expected(plan: Scheduler, length: RunLength) -> Iterator[list[float]]:
    """The same from torch's scheduler alone, over as many steps or epochs as are left to it."""
    optimizer, warmup = sgd(), plan.warmup_steps
    own = length.total_steps - warmup if plan.every == "step" else length.epochs
    parameters = {**plan.parameters, **dict.fromkeys(SCHEDULERS[plan.use][1], own)}
    alone = None if plan.use == "constant" else scheduler_class(plan.use)(optimizer, **parameters)
    before = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    for step in range(length.total_steps):
        share = min(1.0, (step + 1) / warmup) if warmup else 1.0
        warming = plan.every == "step" and step < warmup
        yield [rate * share for rate in (before if warming else rates_of(optimizer))]
        ends = not warming if plan.every == "step" else (step + 1) % length.steps_per_epoch == 0
        if alone is not None and ends and step + 1 < length.total_steps:
            optimizer.step()
            alone.step()


@pytest.mark.parametrize("plan", PLANS, ids=NAMED)
def test_rates_are_torchs_own_behind_or_under_a_linear_warm_up(plan: Scheduler) -> None:
    found = list(walk(Schedule(plan, sgd(), LENGTH), LENGTH))[:-1]
    for one, other in zip(found, list(expected(plan, LENGTH))[:-1], strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=0)


@pytest.mark.parametrize("plan", PLANS, ids=NAMED)
def test_a_schedule_that_goes_on_has_the_same_rates_bit_for_bit(plan: Scheduler) -> None:
    whole = list(walk(Schedule(plan, sgd(), LENGTH), LENGTH, end=35))
    for stop in (1, 8, 30):
        first, second = (Schedule(plan, sgd(), LENGTH) for _ in range(2))
        begun = list(walk(first, LENGTH, end=stop))
        second.optimizer.load_state_dict(first.optimizer.state_dict())
        second.load_state_dict(first.state_dict())
        assert second.note == ""
        assert [*begun, *walk(second, LENGTH, stop, 35)] == whole


@pytest.mark.parametrize("every", ["step", "epoch"])
@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("use", ["cosineannealing", "onecycle"])
def test_a_longer_run_goes_on_where_a_run_of_the_new_length_is(use: str, warmup: int, every: Any) -> None:
    plan, longer = Scheduler(use, SCHEDULERS[use][0], every, warmup), RunLength(20, 3)
    first = Schedule(plan, sgd(), LENGTH)
    list(walk(first, LENGTH, end=35))
    second = Schedule(plan, sgd(), longer)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    assert "new length" in second.note
    whole = list(walk(Schedule(plan, sgd(), longer), longer, end=59))
    for one, other in zip(walk(second, longer, 35, 59), whole[35:], strict=True):
        assert one == pytest.approx(other, rel=1e-12)


def test_a_run_needs_no_number_and_its_cosine_ends_with_it(train: Train) -> None:
    run = train("run", {"scheduler": {"use": "cosineannealing", "every": "step", "warmup_steps": 2}}, "train.epochs=3")
    rates = [row["learning_rate"] for row in rows_without_times(run) if row["kind"] == "step"]
    cosine = [0.05 * (1 + math.cos(math.pi * step / 7)) / 2 for step in range(7)]
    assert rates == pytest.approx([0.025, 0.05, *cosine])


def test_the_resolved_recipe_says_that_the_length_is_the_runs(train: Train) -> None:
    run = train("run", {"scheduler": {"use": "cosineannealing"}}, "train.epochs=1")
    assert "T_max: null" in (run / "recipe.yaml").read_text()
    plan, _ = read_plan(run, discover([PIECES]))
    assert plan.scheduler == Scheduler("cosineannealing", {"T_max": None, "eta_min": 0.0}, "epoch", 0)


def test_a_run_made_longer_says_that_its_schedule_is_another(
    train: Train, go_on: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("run", {"scheduler": {"use": "cosineannealing"}})
    assert "new length" not in capsys.readouterr().out
    go_on(run, epochs=4)
    lines = capsys.readouterr().out.splitlines()
    assert "note: the schedule continues as in a run of the new length (T_max 4; it had T_max 2)" in lines
    rates = [row["learning_rate"] for row in rows_without_times(run) if row["kind"] == "step"]
    assert rates == pytest.approx([*[0.05] * 3, *[0.025] * 3, *[0.025] * 3, *[0.05 * (1 - math.sqrt(0.5)) / 2] * 3])


CYCLE = {"use": "onecycle", "max_lr": 0.1, "every": "step"}
COSINE = {"use": "cosineannealing"}
# The scheduler, and of its problem the path, the message and what the hint would set; the small recipe has 2 epochs of
# 3 steps.
UNFIT: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "cycle too short": ({**CYCLE, "total_steps": 5}, "total_steps", "is 5 and this run has 6 steps", 6),
    "cycle too long": ({**CYCLE, "total_steps": 7}, "total_steps", "is 7 and this run has 6 steps", 6),
    "cycle by epoch": (
        {**CYCLE, "every": "epoch", "total_steps": 6},
        "total_steps",
        "is 6 and this run has 2 epochs",
        2,
    ),
    "cycle's epochs": ({**CYCLE, "epochs": 3}, "epochs", "is 3 and this run has 2 epochs", 2),
    "cycle's steps": (
        {**CYCLE, "epochs": 2, "steps_per_epoch": 4},
        "steps_per_epoch",
        "is 4 and this run has 3 steps an epoch",
        3,
    ),
    "cycle that forgets its warm-up": (
        {**CYCLE, "total_steps": 6, "warmup_steps": 2},
        "total_steps",
        "is 6 and this run has 4 steps after its warm-up",
        4,
    ),
    "cosine too short": ({**COSINE, "T_max": 1}, "T_max", "is 1 and this run has 2 epochs", 2),
    "cosine too long": ({**COSINE, "T_max": 3}, "T_max", "is 3 and this run has 2 epochs", 2),
    "cosine of nothing": ({**COSINE, "T_max": 0}, "T_max", "is 0 and this run has 2 epochs", 2),
    "warm-up as long as the run": ({**CYCLE, "warmup_steps": 6}, "warmup_steps", "none is left for onecycle", 6),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_number_that_does_not_fit_the_run_is_an_error(case: str, train: Train) -> None:
    scheduler, name, words, needed = UNFIT[case]
    with pytest.raises(RecipeError) as raised:
        train("run", {"scheduler": scheduler})
    (problem,) = raised.value.problems
    assert problem.path == f"scheduler.{name}"
    assert words in problem.message
    assert problem.mark is not None
    assert f"scheduler.{name}{' below ' if name == 'warmup_steps' else '='}{needed}" in problem.hint


def test_a_range_that_depends_on_the_length_is_an_error_before_training(train: Train) -> None:
    with pytest.raises(RecipeError, match="onecycle refuses its parameters in this run"):
        train("run", {"scheduler": {**CYCLE, "pct_start": 0.5}}, "train.epochs=1", "data.identities=4")


FITTING: list[dict[str, Any]] = [
    {**CYCLE, "total_steps": 6},
    {**CYCLE, "epochs": 2, "steps_per_epoch": 3},
    {**CYCLE, "total_steps": 4, "warmup_steps": 2},
    {**COSINE, "T_max": 2, "warmup_steps": 5},
    {"use": "cosineannealingwarmrestarts", "T_0": 50},
    {"use": "polynomial", "total_iters": 5},
]


@pytest.mark.parametrize("scheduler", FITTING, ids=[str(number) for number in range(len(FITTING))])
def test_a_number_that_fits_the_run_or_is_no_length_of_it_is_kept(
    scheduler: dict[str, Any], train: Train, tmp_path: Path
) -> None:
    run = train("run", {"scheduler": scheduler, "evaluate": None})
    plan, _ = read_plan(run, discover([PIECES]))
    assert scheduler.items() <= {"use": plan.scheduler.use, **plan.scheduler.parameters, **_own(plan.scheduler)}.items()


def _own(plan: Scheduler) -> dict[str, Any]:
    return {"every": plan.every, "warmup_steps": plan.warmup_steps}


def test_accumulated_batches_make_fewer_steps(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, {"scheduler": CYCLE})
    plan = resolve(recipe, catalog=discover([PIECES]), overrides=["train.accumulate=2"], data_root=tmp_path)
    assert RunLength.of(plan.train, batches=3) == RunLength(epochs=2, steps_per_epoch=2)


@pytest.mark.slow
def test_the_quickstart_keeps_its_schedule_when_its_epochs_change(maskrec_cli: Cli) -> None:
    words = ("check", "maskrec:quickstart", "--demo", "train.epochs=2")
    done = maskrec_cli(*words)
    assert done.returncode == 0, done.stderr
    for steps in (40, 10):
        done = maskrec_cli(*words, f"scheduler.total_steps={steps}")
        assert done.returncode == 2
        assert f"`total_steps` is {steps} and this run has 20 steps" in done.stderr
        assert "leave `total_steps` out" in done.stderr
