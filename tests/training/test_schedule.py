"""The learning rate of every step: schedules by epoch and by step, warm-up, and all of it after a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from probe_runs import PROBES, column, probe, state

from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.training.runner import resume

BY_EPOCH = {"use": "multistep", "milestones": [2], "gamma": 0.1, "every": "epoch"}
BY_STEP = {"use": "multistep", "milestones": [2, 5], "gamma": 0.1, "every": "step"}
# Nine steps in three epochs, the rates as multiples of the optimizer's.
EVERY: dict[str, tuple[dict[str, Any] | None, list[float]]] = {
    "constant": (None, [1] * 9),
    "said to be constant": ({"use": "constant"}, [1] * 9),
    "by epoch when nothing is said": ({"use": "step", "step_size": 1, "gamma": 0.5}, [1] * 3 + [0.5] * 3 + [0.25] * 3),
    "by epoch": (BY_EPOCH, [1] * 6 + [0.1] * 3),
    "by step": (BY_STEP, [1] * 2 + [0.1] * 3 + [0.01] * 4),
    "warm-up alone": ({"use": "constant", "warmup_steps": 4}, [0.25, 0.5, 0.75, *[1] * 6]),
    "warm-up of one step is none": ({"use": "constant", "warmup_steps": 1}, [1] * 9),
}


@pytest.mark.parametrize("case", EVERY)
def test_the_rate_of_every_step(case: str, tmp_path: Path) -> None:
    scheduler, factors = EVERY[case]
    run = probe(tmp_path, {"scheduler": scheduler}, "train.epochs=3")
    assert column(run, "learning_rate") == pytest.approx([0.01 * factor for factor in factors])


@pytest.mark.parametrize("case", ["by epoch", "by step", "warm-up alone"])
def test_a_run_that_goes_on_has_the_rates_of_one_that_never_stopped(case: str, tmp_path: Path) -> None:
    scheduler, factors = EVERY[case]
    run = probe(tmp_path, {"scheduler": scheduler}, "train.epochs=1")
    assert column(run, "learning_rate") == pytest.approx([0.01 * factor for factor in factors[:3]])
    resume(run, discover([PROBES]), {"epochs": 3})
    assert column(run, "learning_rate") == pytest.approx([0.01 * factor for factor in factors])


def test_the_rate_that_is_reported_is_the_one_the_step_was_taken_with(tmp_path: Path) -> None:
    """In the first step of a warm-up over two, weights change half as much as without it."""
    one = ("data.people=2", "train.epochs=1")  # one step
    ends = {
        name: state(probe(tmp_path, {"scheduler": scheduler}, *one, *lr, name=name))["backbone"]["matrix.weight"]
        for name, scheduler, lr in (
            ("still", None, ["optimizer.lr=0.0"]),
            ("half", {"use": "constant", "warmup_steps": 2}, []),
            ("whole", None, []),
        )
    }
    half, whole = (float((ends[name] - ends["still"]).abs().max()) for name in ("half", "whole"))
    assert 0 < half == pytest.approx(whole / 2, rel=1e-4)


def test_every_group_warms_up(tmp_path: Path) -> None:
    groups = {"loss": {"lr": 0.4}}
    scheduler = {"use": "constant", "warmup_steps": 2}
    optimizer = {"use": "sgd", "lr": 0.0, "groups": groups}
    one = ("data.people=2", "train.epochs=1")
    ends = {
        name: state(probe(tmp_path, changes, *one, name=name))["loss"]["direction"]
        for name, changes in (
            ("still", {"optimizer": {"use": "sgd", "lr": 0.0}}),
            ("half", {"optimizer": optimizer, "scheduler": scheduler}),
            ("whole", {"optimizer": optimizer}),
        )
    }
    half, whole = (float((ends[name] - ends["still"]).abs().max()) for name in ("half", "whole"))
    assert 0 < half == pytest.approx(whole / 2, rel=1e-4)


@pytest.mark.parametrize(("every", "needed"), [("step", "9 steps"), ("epoch", "3 epochs")])
def test_a_schedule_shorter_than_the_run_is_refused_with_what_it_needs(every: str, needed: str, tmp_path: Path) -> None:
    number = int(needed.split()[0])
    cycle = {"use": "onecycle", "max_lr": 0.1, "total_steps": number - 1, "every": every}
    with pytest.raises(RecipeError, match=f"`total_steps` is {number - 1} and this run has {needed}") as raised:
        probe(tmp_path, {"scheduler": cycle}, "train.epochs=3")
    (problem,) = raised.value.problems
    assert problem.path == "scheduler.total_steps"
    assert f"scheduler.total_steps={number}" in problem.hint
    probe(tmp_path, {"scheduler": {**cycle, "total_steps": number}}, "train.epochs=3", name="fits")
