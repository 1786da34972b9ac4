"""The training loop's own work a step, over a bare loop with the same batches, tiny network, loss and optimizer.

    python benchmarks/bench_loop.py [rounds] [steps]

A matrix over 8 x 8 pixels with ArcFace, batch 8, SGD with momentum, one thread. Ours is a run's whole epoch as
`maskrec run` makes it. The bare loop loads the same batches by the same loader, and is the fewest lines that train on
them; both end with the same weights, bit for bit, or this program fails.

The loop's own work is all that ours does beyond that: the finite guard, what a step would be undone by (random
generators, schedule), the check of what each component has left behind, the loss's diagnostics, progress, a row every
ten steps, and the checkpoint at the epoch's end, shared out among its steps.

Ours and bare in turn, ``rounds`` times (9), ``steps`` (300) each, by the clock and in processor time, which other work
on the machine disturbs less; each row has the median of the differences. The number of function calls (Python's and
those of C functions from Python, by ``sys.setprofile``) is the same on each machine with these versions of Python and
torch; it is that of a step alone, without an epoch's beginning and end.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rows import report
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from probe_runs import PROBES, probe_plan

from maskrec.base.files import write_json
from maskrec.faces.normalising import normalise
from maskrec.plugin.host import discover
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.runtime.run_directory import RunDirectory
from maskrec.training.assemble import Assembly, assemble
from maskrec.training.checkpoints.train_state import TrainState
from maskrec.training.records.display import Display
from maskrec.training.records.observing import Observers
from maskrec.training.records.recording import Recorder
from maskrec.training.records.run_log import RunLog
from maskrec.training.steps.optimizing import build_optimizer
from maskrec.training.steps.train_step import TrainStep
from maskrec.training.trainer import Trainer
from maskrec.training.worker_choice import WorkerChoice

BATCH, MOST_MS, MOST_CALLS = 8, 1.0, 450
SHORT = 100  # steps whose calls are counted


@dataclass(frozen=True)
class Cost:
    """Of some steps.

    Args:
        clock: seconds.
        processor: seconds of this process's processor time.
        calls: functions called.
    """

    clock: float
    processor: float
    calls: int

    @classmethod
    def of(cls, work: Callable[[], None], counted: bool) -> Cost:
        """What a piece of work costs; calls are counted only where asked, because that takes time itself."""
        calls = itertools.count()
        clock, processor = time.perf_counter(), time.process_time()
        if counted:
            sys.setprofile(lambda _, event, __: next(calls) if event in ("call", "c_call") else None)
        try:
            work()
        finally:
            sys.setprofile(None)
        return cls(time.perf_counter() - clock, time.process_time() - processor, next(calls))


def tiny(folder: Path, steps: int) -> Assembly:
    """One epoch of ``steps`` batches."""
    changes: dict[str, Any] = {
        "data": {"use": "noise", "people": steps * BATCH // 4},
        "sampler": {"use": "shuffled", "batch_size": BATCH},
        "loss": {"use": "arcface", "scale": 16.0, "margin": 0.2},
        "optimizer": {"use": "sgd", "lr": 0.01, "momentum": 0.9},
        **dict.fromkeys(("transforms", "evaluate", "observe")),
    }
    plan = probe_plan(folder, changes, "train.log_every=10")
    return assemble(plan, discover([PROBES]), folder, folder)


def ours(folder: Path, steps: int, counted: bool = False) -> tuple[Cost, nn.Module]:
    """A run's epoch, and the network."""
    assembly, run = tiny(folder, steps), RunDirectory(folder)
    stepper = TrainStep(assembly)
    write_json(run.provenance, {"run_id": "bench"})
    run.checkpoint("last").parent.mkdir()
    with Recorder(run.metrics, 0) as recorder, Display(1, steps, 0, Console(quiet=True)) as display:
        log = RunLog(recorder, Observers({}, display.line), display, run.figures, run.evaluations)
        workers = WorkerChoice(0, stepper.compute, display.line)
        trainer = Trainer(assembly, stepper, run, log, TrainState(), workers)
        return Cost.of(trainer.train, counted), stepper.backbone


def bare(folder: Path, steps: int, counted: bool = False) -> tuple[Cost, nn.Module]:
    """The fewest lines that train on the same batches, and the network."""
    assembly = tiny(folder, steps)
    network, loss, spec = assembly.backbone, assembly.loss, assembly.backbone.input_spec
    optimizer = build_optimizer(assembly.plan.optimizer, network, loss)

    def train() -> None:
        for loaded in load(assembly.dataset, epoch_places(assembly.sampler, 0), 0, False):
            optimizer.zero_grad(set_to_none=True)
            loss(network(normalise(loaded.images.float() / 255, spec)), loaded.labels).backward()
            optimizer.step()

    return Cost.of(train, counted), network


def in_turn(steps: int, counted: bool = False) -> tuple[Cost, Cost]:
    """What ours and the bare loop cost.

    Raises:
        SystemExit: they did not train the same.
    """
    found = []
    for work in (ours, bare):
        with tempfile.TemporaryDirectory() as folder:
            found.append(work(Path(folder), steps, counted))
    (one, network), (other, same) = found
    if not all(map(torch.equal, network.state_dict().values(), same.state_dict().values())):
        sys.exit("the two loops have trained different weights")
    return one, other


def calls_a_step() -> tuple[int, int]:
    """Functions that ours and the bare loop call in a step: rows are written, an epoch's beginning and end left out."""
    in_turn(SHORT, counted=True)  # what is imported and cached on the way is not a step's
    few, many = in_turn(SHORT, counted=True), in_turn(2 * SHORT, counted=True)
    one, other = ((long.calls - short.calls) // SHORT for short, long in zip(few, many, strict=True))
    return one, other


def main() -> None:
    """Print the rows."""
    given = [int(word) for word in sys.argv[1:]]
    rounds, steps = (*given, *(9, 300)[len(given) :])
    torch.set_num_threads(1)
    in_turn(SHORT)
    pairs = [in_turn(steps) for _ in range(rounds)]
    for what, name in (("processor", "ms of a processor"), ("clock", "ms by the clock")):
        each = [[1000 * getattr(cost, what) / steps for cost in pair] for pair in pairs]
        one, other = (statistics.median(column) for column in zip(*each, strict=True))
        own = statistics.median(a - b for a, b in each)
        figure = f"the loop's own work a step, in {name} over a bare loop with a tiny network"
        report(figure, f"{one:.2f} ms a step", f"{other:.2f} ms", own, MOST_MS, at_most=True)
    one, other = calls_a_step()
    figure = "the loop's own work a step, in function calls over a bare loop with a tiny network"
    report(figure, f"{one} calls a step", f"{other} calls", one - other, MOST_CALLS, at_most=True)


if __name__ == "__main__":
    main()
